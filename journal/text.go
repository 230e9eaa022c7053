package journal

import (
	"strconv"
	"strings"
)

// appendText appends a text as encoding/json writes it. Nearly all that a record
// says is plain ASCII, which is only put into quotes.
func appendText(b []byte, s string) []byte {
	if !plain(s) {
		return append(b, quote(s)...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// plain reports whether a text stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// cutNumber cuts the number off that a JSON list begins with.
func cutNumber(list string) (n int64, rest string, ok bool) {
	list, ok = strings.CutPrefix(list, "[")
	end := strings.IndexAny(list, ",]")
	if !ok || end < 0 {
		return 0, "", false
	}
	n, err := strconv.ParseInt(list[:end], 10, 64)
	return n, list[end:], err == nil
}

// cutText cuts a comma and a text off that stands in JSON as it is.
func cutText(list string) (text, rest string, ok bool) {
	list, ok = strings.CutPrefix(list, `,"`)
	text, rest, ended := strings.Cut(list, `"`)
	return text, rest, ok && ended && plain(text)
}
