package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// Format is how a command answers.
type Format string

// The formats.
const (
	Text  Format = "text"
	JSON  Format = "json"
	CSV   Format = "csv"
	JSONL Format = "jsonl"
)

// FormatFlag adds -o with the formats that the command knows; the first is the
// default.
func FormatFlag(cmd *cobra.Command, formats ...Format) *Format {
	v := &formatValue{format: formats[0], known: formats}
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	cmd.Flags().VarP(v, "output", "o", "output: "+strings.Join(names, ", "))
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return &v.format
}

type formatValue struct {
	format Format
	known  []Format
}

func (v *formatValue) String() string { return string(v.format) }
func (v *formatValue) Type() string   { return "FORMAT" }

func (v *formatValue) Set(s string) error {
	if !slices.Contains(v.known, Format(s)) {
		return fmt.Errorf("must be one of %v", v.known)
	}
	v.format = Format(s)
	return nil
}

// WriteJSON writes one value as one line. & and < stay readable.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// OneLine makes text safe for a terminal's line: control characters, which a
// note or a provider's message may hold, become spaces.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}

// Cell guards free text in a CSV cell against being run as a formula by a
// spreadsheet, by a leading apostrophe
// (https://owasp.org/www-community/attacks/CSV_Injection).
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
