package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	ellipsis = "…"
	gap      = "  " // between two columns
)

// Column is one of a table's. The zero values keep it whole.
type Column struct {
	Title string
	Right bool // align to the right: amounts and counts
	Least int  // on a narrow terminal it may be cut to so many characters; 0: never
	Wrap  bool // where it would be cut, it goes on in the next line instead
	Drop  int  // where cutting is not enough, the column with the highest leaves; 0: never
}

// Table prints aligned columns. On a terminal no line is wider than the
// terminal; anywhere else everything is printed whole.
type Table struct {
	out     io.Writer
	screen  *Screen
	columns []Column
	rows    [][]string
	widths  []int // of the columns so far, so that a later part is aligned alike
	dropped []bool
	titled  bool
}

// NewTable starts a table. Columns without any title have no header row.
func (s *Screen) NewTable(w io.Writer, columns ...Column) *Table {
	return &Table{out: w, screen: s, columns: columns, widths: make([]int, len(columns)), dropped: make([]bool, len(columns))}
}

// Row adds a row. What its cells hold is made safe for a terminal, except for
// the color of Screen.Paint.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range row {
		if i < len(cells) {
			row[i] = t.screen.safe(cells[i])
		}
	}
	t.rows = append(t.rows, row)
}

// safe is OneLine for a cell that Paint may have colored as a whole.
func (s *Screen) safe(cell string) string {
	for _, c := range []Color{Good, Wait, Bad} {
		seq := text.Color(c).EscapeSeq()
		inner, begins := strings.CutPrefix(cell, seq)
		inner, ends := strings.CutSuffix(inner, text.EscapeReset)
		if begins && ends {
			return text.Escape(OneLine(inner), seq)
		}
	}
	return OneLine(cell)
}

// Waiting is how many rows were added since the last Flush.
func (t *Table) Waiting() int { return len(t.rows) }

// Flush prints the rows that were added. It may be called again and again: a
// long table is printed in parts, under one header.
func (t *Table) Flush() error {
	widths := t.fit(t.measure())
	w := table.NewWriter()
	w.SuppressTrailingSpaces()
	style := table.StyleDefault
	style.Box = table.BoxStyle{PaddingRight: gap}
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format = table.FormatOptions{}
	w.SetStyle(style)
	configs := make([]table.ColumnConfig, len(t.columns))
	for i, c := range t.columns {
		configs[i] = table.ColumnConfig{Number: i + 1, Hidden: t.dropped[i], WidthMin: widths[i], WidthMax: widths[i], WidthMaxEnforcer: cut}
		if c.Wrap {
			configs[i].WidthMaxEnforcer = text.WrapSoft
		}
		if c.Right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	w.SetColumnConfigs(configs)
	if titles := t.titles(); titles != nil {
		w.AppendRow(cellsOf(titles))
	}
	for _, row := range t.rows {
		w.AppendRow(cellsOf(row))
	}
	t.rows, t.widths = nil, widths
	if w.Length() == 0 {
		return nil
	}
	_, err := fmt.Fprintln(t.out, w.Render())
	return err
}

// titles are the header row, once.
func (t *Table) titles() []string {
	if t.titled {
		return nil
	}
	t.titled = true
	titles, some := make([]string, len(t.columns)), false
	for i, c := range t.columns {
		titles[i], some = c.Title, some || c.Title != ""
	}
	if !some {
		return nil
	}
	return titles
}

// measure is how wide the columns would be.
func (t *Table) measure() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = max(t.widths[i], text.StringWidthWithoutEscSequences(c.Title))
		for _, row := range t.rows {
			widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(row[i]))
		}
	}
	return widths
}

// fit makes the columns narrow enough for the terminal: it cuts the widest of
// those that may be, then leaves some out, and at last cuts any.
func (t *Table) fit(widths []int) []int {
	// The gap behind the last column counts here and is trimmed in the end.
	room := t.screen.columns + len(gap)
	if t.screen.columns == 0 {
		return widths
	}
	for {
		least := func(i int) int { return cmp.Or(t.columns[i].Least, widths[i]) }
		if narrow, ok := t.narrow(widths, room, least); ok {
			return narrow
		}
		if !t.dropOne() {
			narrow, _ := t.narrow(widths, room, func(int) int { return 1 })
			return narrow
		}
	}
}

// narrow takes from the widest columns until they fit, but leaves each its least
// width; false if that is too much.
func (t *Table) narrow(widths []int, room int, least func(int) int) ([]int, bool) {
	widths = slices.Clone(widths)
	excess := -room
	for i, w := range widths {
		if !t.dropped[i] {
			excess += w + len(gap)
		}
	}
	for ; excess > 0; excess-- {
		widest := -1
		for i, w := range widths {
			if !t.dropped[i] && w > least(i) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
	}
	return widths, true
}

// dropOne leaves out one more column; false if all that are left must stay.
func (t *Table) dropOne() bool {
	first := -1
	for i, c := range t.columns {
		if !t.dropped[i] && c.Drop > 0 && (first < 0 || c.Drop > t.columns[first].Drop) {
			first = i
		}
	}
	if first >= 0 {
		t.dropped[first] = true
	}
	return first >= 0
}

func cut(cell string, width int) string { return text.Snip(cell, width, ellipsis) }

func cellsOf(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}
