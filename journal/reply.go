package journal

import (
	"errors"
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
	more                 []any   // what the word has to say beside: texts and whole numbers, nil for none
}

func parseReply(raw any, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	list, ok := raw.([]any)
	if !ok || len(list) < 4 {
		return reply{}, errReply
	}
	word, ok1 := list[0].(string)
	now, ok2 := list[1].(string)
	epoch, ok3 := list[2].(string)
	if n, number := list[2].(int64); number {
		epoch, ok3 = strconv.FormatInt(n, 10), true
	}
	restored, ok4 := list[3].(string)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return reply{}, errReply
	}
	r := reply{word: word, now: now, epoch: epoch, restored: restored, more: list[4:]}
	if len(r.more) == 0 {
		return r, nil
	}
	flat, whole := r.more[0].([]any)
	if !whole {
		return r, nil
	}
	r.more = r.more[1:]
	if len(flat)%2 != 0 {
		return reply{}, errReply
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

// replyTexts reads an answer of n texts, any number where n is below 0.
func replyTexts(raw any, err error, n int) ([]string, error) {
	if err != nil {
		return nil, err
	}
	list, ok := raw.([]any)
	if !ok || n >= 0 && len(list) != n {
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
