package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"refundworker/refund"
)

// Screen is what is known of where the answer is shown.
type Screen struct {
	columns int // of the terminal; 0: it is none, and nothing is cut or colored
	when    colorWhen
	plain   bool // the terminal or its user wants no color
}

// fallbackColumns is the width of a terminal that does not tell it.
const fallbackColumns = 80

// columnsOf is how wide the terminal is that a file is; 0: it is none.
func columnsOf(f *os.File) int {
	if !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return fallbackColumns
}

// NewScreen adds --color to all commands under root. Without it there is color
// on a terminal, unless NO_COLOR is set (https://no-color.org) or the terminal
// is a dumb one.
func NewScreen(root *cobra.Command, p Program) *Screen {
	never, _ := p.Env("NO_COLOR")
	kind, _ := p.Env("TERM")
	s := &Screen{columns: p.Columns, when: auto, plain: never != "" || kind == "dumb"}
	root.PersistentFlags().Var(&s.when, "color", "color the output: auto, always, never")
	// It fails only for a flag that is not there.
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions(colorWords, cobra.ShellCompDirectiveNoFileComp))
	return s
}

// Color is what a word is marked with.
type Color text.Color

// The colors, by what they say.
const (
	Plain = Color(text.Reset)
	Good  = Color(text.FgGreen)
	Wait  = Color(text.FgYellow)
	Bad   = Color(text.FgRed)
)

// Paint colors a word, where there is color.
func (s *Screen) Paint(c Color, word string) string {
	colored := s.when == always || s.when == auto && s.columns > 0 && !s.plain
	if c == Plain || word == "" || !colored {
		return word
	}
	return text.Escape(word, text.Color(c).EscapeSeq())
}

// State colors a refund's state: what is well, what waits, and what a person
// must look at.
func (s *Screen) State(state refund.State) string {
	c := Plain
	switch state {
	case refund.Succeeded:
		c = Good
	case refund.Unknown, refund.Accepted:
		c = Wait
	case refund.Review:
		c = Bad
	}
	return s.Paint(c, string(state))
}

// Line cuts a line to the terminal's width.
func (s *Screen) Line(line string) string {
	if s.columns == 0 {
		return line
	}
	return text.Snip(line, s.columns, ellipsis)
}

// colorWhen is the value of --color.
type colorWhen string

const (
	auto   colorWhen = "auto"
	always colorWhen = "always"
	never  colorWhen = "never"
)

var colorWords = []string{string(auto), string(always), string(never)}

func (w *colorWhen) String() string { return string(*w) }
func (w *colorWhen) Type() string   { return "WHEN" }

func (w *colorWhen) Set(s string) error {
	if !slices.Contains(colorWords, s) {
		return fmt.Errorf("must be one of %v", colorWords)
	}
	*w = colorWhen(s)
	return nil
}
