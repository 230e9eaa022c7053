// Package examples carries the sample files for the demo.
package examples

import _ "embed"

// Refunds are the sample refunds, as CSV.
//
//go:embed refunds.csv
var Refunds []byte
