package journal

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrNotFound says that the journal has no such refund.
var ErrNotFound = errors.New("no such refund")

// ErrStale says that the refund was changed by somebody else since it was read.
var ErrStale = errors.New("the refund was changed by somebody else meanwhile")

var errReply = errors.New("unexpected reply from Redis")

// reply is what the scripts over records answer.
type reply struct {
	word                 string
	now, epoch, restored string
	rec                  *Record // nil unless a record came with it
	more                 []string
	asked                []any // what a gate said; nil: none was asked
}

func parseReply(raw any, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	list, ok := raw.([]any)
	if !ok || len(list) < 5 {
		return reply{}, errReply
	}
	word, ok1 := list[0].(string)
	now, ok2 := list[1].(string)
	flat, ok3 := list[2].([]any)
	epoch, ok4 := list[3].(string)
	restored, _ := list[4].(string) // a number where no record comes with it
	if !ok1 || !ok2 || !ok3 || !ok4 || len(flat)%2 != 0 {
		return reply{}, errReply
	}
	r := reply{word: word, now: now, epoch: epoch, restored: restored}
	for _, m := range list[5:] {
		switch m := m.(type) {
		case []any:
			r.asked = m
		case int64:
			r.more = append(r.more, strconv.FormatInt(m, 10))
		default:
			r.more = append(r.more, fmt.Sprint(m))
		}
	}
	if len(flat) == 0 {
		return r, nil
	}
	fields := make(map[string]string, len(flat)/2)
	for i := 0; i < len(flat); i += 2 {
		k, ok1 := flat[i].(string)
		v, ok2 := flat[i+1].(string)
		if !ok1 || !ok2 {
			return reply{}, errReply
		}
		fields[k] = v
	}
	stored(fields)
	r.rec, err = parse(now, fields, epoch, restored)
	return r, err
}

func replyTexts(raw any, err error, n int) ([]string, error) {
	if err != nil {
		return nil, err
	}
	list, ok := raw.([]any)
	if !ok || len(list) < n {
		return nil, errReply
	}
	texts := make([]string, len(list))
	for i, v := range list {
		if texts[i], ok = v.(string); !ok {
			return nil, errReply
		}
	}
	return texts, nil
}
