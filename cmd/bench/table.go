package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/jedib0t/go-pretty/v6/table"

	"refundworker/internal/cli"
)

// markdown is how docs/performance.md has its tables.
const markdown cli.Format = "markdown"

// sheet is one table: its first column names the row, the others are figures.
type sheet struct {
	title   string
	columns []string
	rows    [][]string
}

func (s *sheet) row(cells ...string) { s.rows = append(s.rows, cells) }

// write prints the tables, each below its title.
func writeSheets(out io.Writer, format cli.Format, sheets []sheet) error {
	for _, s := range sheets {
		if _, err := fmt.Fprintf(out, "\n%s\n", s.title); err != nil {
			return err
		}
		print := s.text
		if format == markdown {
			print = s.markdown
		}
		if err := print(out); err != nil {
			return err
		}
	}
	return nil
}

func (s sheet) text(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, cells := range append([][]string{s.columns}, s.rows...) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, cell)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func (s sheet) markdown(out io.Writer) error {
	w := table.NewWriter()
	w.AppendHeader(rowOf(s.columns))
	for _, cells := range s.rows {
		w.AppendRow(rowOf(cells))
	}
	_, err := fmt.Fprintf(out, "\n%s\n", w.RenderMarkdown())
	return err
}

func rowOf(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}
