package cli_test

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/refund"
)

// screen is one for a command line in an environment.
func screen(t *testing.T, columns int, env map[string]string, args ...string) *cli.Screen {
	t.Helper()
	root := &cobra.Command{Use: "x", Run: func(*cobra.Command, []string) {}}
	s := cli.NewScreen(root, cli.Program{Columns: columns, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return s
}

// shelf prints two refunds as a listing does.
func shelf(t *testing.T, s *cli.Screen) string {
	t.Helper()
	var out strings.Builder
	table := s.NewTable(&out, cli.Column{Title: "REFUND", Least: 8}, cli.Column{Title: "AMOUNT", Right: true},
		cli.Column{Title: "STATE"}, cli.Column{Title: "UPDATED", Drop: 1}, cli.Column{Title: "WHY", Least: 10})
	table.Row("0192f0c1-2345-7abc-8def-0123456789ab", "100.00", s.State(refund.Review), "2025-01-31T10:00:00Z", "an answer was lost\nand nobody knows")
	table.Row("b", "1.00", s.State(refund.Succeeded), "2025-01-31T10:00:00Z", "")
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTableFitsTheTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		columns int
		want    string
	}{
		"in a pipe all is whole": {0, "" +
			"REFUND                                AMOUNT  STATE      UPDATED               WHY\n" +
			"0192f0c1-2345-7abc-8def-0123456789ab  100.00  review     2025-01-31T10:00:00Z  an answer was lost and nobody knows\n" +
			"b                                       1.00  succeeded  2025-01-31T10:00:00Z\n"},
		"a wide terminal cuts what is widest": {100, "" +
			"REFUND                        AMOUNT  STATE      UPDATED               WHY\n" +
			"0192f0c1-2345-7abc-8def-012…  100.00  review     2025-01-31T10:00:00Z  an answer was lost and nobod…\n" +
			"b                               1.00  succeeded  2025-01-31T10:00:00Z\n"},
		"a narrower one cuts more": {80, "" +
			"REFUND              AMOUNT  STATE      UPDATED               WHY\n" +
			"0192f0c1-2345-7ab…  100.00  review     2025-01-31T10:00:00Z  an answer was lost…\n" +
			"b                     1.00  succeeded  2025-01-31T10:00:00Z\n"},
		"a narrow one leaves a column out": {60, "" +
			"REFUND               AMOUNT  STATE      WHY\n" +
			"0192f0c1-2345-7abc…  100.00  review     an answer was lost …\n" +
			"b                      1.00  succeeded\n"},
		"a very narrow one cuts all": {20, "" +
			"RE…  AM…  STA…  WHY\n" +
			"01…  10…  rev…  an …\n" +
			"b    1.…  suc…\n"},
	} {
		got := shelf(t, screen(t, c.columns, nil, "--color", "never"))
		if got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		for line := range strings.Lines(got) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); c.columns > 0 && n > c.columns {
				t.Errorf("%s: a line of %d characters", name, n)
			}
		}
	}
}

func TestColorIsForTerminals(t *testing.T) {
	const red = "\x1b[31mreview\x1b[0m"
	for name, c := range map[string]struct {
		columns int
		env     map[string]string
		args    []string
		want    bool
	}{
		"on a terminal":          {100, nil, nil, true},
		"none in a pipe":         {0, nil, nil, false},
		"none with NO_COLOR":     {100, map[string]string{"NO_COLOR": "1"}, nil, false},
		"an empty NO_COLOR none": {100, map[string]string{"NO_COLOR": ""}, nil, true},
		"none on a dumb one":     {100, map[string]string{"TERM": "dumb"}, nil, false},
		"never":                  {100, nil, []string{"--color", "never"}, false},
		"always, in a pipe":      {0, map[string]string{"NO_COLOR": "1"}, []string{"--color=always"}, true},
	} {
		if got := strings.Contains(shelf(t, screen(t, c.columns, c.env, c.args...)), red); got != c.want {
			t.Errorf("%s: color is %v", name, got)
		}
	}
}

// A provider's message must not color or clear a terminal, however the cell is
// made.
func TestCellsCantSteerATerminal(t *testing.T) {
	s := screen(t, 100, nil)
	var out strings.Builder
	table := s.NewTable(&out, cli.Column{}, cli.Column{})
	table.Row("\x1b[2Jx", s.Paint(cli.Bad, "a\x1b[2Jb"))
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), " [2Jx  \x1b[31ma [2Jb\x1b[0m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTableInPartsHasOneHeaderAndOneAlignment(t *testing.T) {
	var out strings.Builder
	table := screen(t, 0, nil).NewTable(&out, cli.Column{Title: "A"}, cli.Column{Title: "B"})
	for _, word := range []string{"long word", "x"} {
		table.Row(word, "b")
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if want := "A          B\nlong word  b\nx          b\n"; out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

func TestLongTextWrapsInItsColumn(t *testing.T) {
	var out strings.Builder
	table := screen(t, 30, nil).NewTable(&out, cli.Column{}, cli.Column{Least: 10, Wrap: true})
	table.Row("waiting", "the provider is paused, and nobody knows for how long")
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "waiting  the provider is\n         paused, and nobody\n         knows for how long\n"; out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
