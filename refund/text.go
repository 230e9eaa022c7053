package refund

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// These read JSON where it matters how it is written, here that of requests, in
// package providers that of answers; and write it as encoding/json does.

// EndOfText is behind the closing quote of the JSON text that begins at i; -1: none.
func EndOfText(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// TextOf is what a JSON text, with its quotes, stands for.
func TextOf(text []byte) ([]byte, error) {
	plain := text[1 : len(text)-1]
	if !slices.ContainsFunc(plain, func(c byte) bool { return c == '\\' || c < ' ' }) && utf8.Valid(plain) {
		return plain, nil
	}
	var name string
	err := json.Unmarshal(text, &name)
	return []byte(name), err
}

// FoldName is a name up and down again, as encoding/json folds: ſ is a spelling of s.
func FoldName(name []byte) []byte {
	if !slices.ContainsFunc(name, func(c byte) bool { return c >= 'A' && c <= 'Z' || c > '~' }) {
		return name
	}
	return bytes.ToLower(bytes.ToUpper(name))
}

// AppendText appends a text to JSON, byte for byte as encoding/json writes it: ids
// that were given out are made of it. Nearly all texts are plain, and only put into
// quotes.
func AppendText(b []byte, text string) []byte {
	if !PlainText(text) {
		return append(b, encoded(text)...)
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// AppendTexts appends names and their texts, in turn, as the fields of an object.
func AppendTexts(b []byte, fields ...string) []byte {
	for i := 0; i < len(fields); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendText(append(AppendText(b, fields[i]), ':'), fields[i+1])
	}
	return b
}

// PlainText reports whether a text stands in JSON as it is. A few that do it does not
// know.
func PlainText(text string) bool {
	ascii := true
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	// U+2028 and U+2029, which encoding/json escapes, are among those that begin so.
	return ascii || utf8.ValidString(text) && !strings.Contains(text, "\xe2\x80")
}
