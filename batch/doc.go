// Package batch reads files of refunds, CSV with a header row or JSON Lines,
// one row at a time, and names rows that have no refund id.
//
// Reading and naming take little memory however large the file is, and however broken:
// lines and cells are limited, and what is too long is skipped and reported. A
// bad row is a Row with Faults and never stops the reading; only a file that
// can't be understood as a whole is an error. Text inside of a quoted cell is
// never taken for a row, not even where the closing quote is missing.
package batch
