package journal

import (
	"strconv"
	"strings"

	"refundworker/refund"
)

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
	return rest, ok && ended && refund.PlainText(text)
}
