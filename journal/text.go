package journal

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// appendText appends a text as encoding/json writes it. Nearly all that a record
// says is plain, and only put into quotes.
func appendText(b []byte, s string) []byte {
	if !plain(s) {
		return append(b, quote(s)...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// plain reports whether a text stands in JSON as it is. A few that do it does not
// know.
func plain(s string) bool {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	// U+2028 and U+2029, which encoding/json escapes, are among those that begin so.
	return ascii || utf8.ValidString(s) && !strings.Contains(s, "\xe2\x80")
}

// cutNumber cuts a number off the beginning of what is left of a JSON list, behind
// "[" or ",". It says whether there is one.
func cutNumber(list, behind string, into *int64) (rest string, ok bool) {
	list, ok = strings.CutPrefix(list, behind)
	end := strings.IndexAny(list, ",]")
	if !ok || end < 0 {
		return "", false
	}
	n, err := strconv.ParseInt(list[:end], 10, 64)
	*into = n
	return list[end:], err == nil
}

// cutText cuts a comma and a text off that stands in JSON as it is.
func cutText(list string, into *string) (rest string, ok bool) {
	list, ok = strings.CutPrefix(list, `,"`)
	text, rest, ended := strings.Cut(list, `"`)
	*into = text
	return rest, ok && ended && plain(text)
}
