package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/refund"
)

// garbled is a runner whose answers are changed on their way.
type garbled struct {
	journal.Runner
	change *func(list []any) any
}

func (r garbled) Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error) {
	raw, err := r.Runner.Run(ctx, key, script, keys, args...)
	if *r.change == nil || err != nil {
		return raw, err
	}
	return (*r.change)(raw.([]any)), nil
}

func with(i int, value any) func([]any) any {
	return func(list []any) any { list[i] = value; return list }
}

func cut(n int) func([]any) any { return func(list []any) any { return list[:n] } }

// Nobody may take what can't be read for leave to send, or for a refund that isn't there.
func TestAnAnswerThatCannotBeReadSaysNothing(t *testing.T) {
	more := func(list []any) any { return append(slices.Clone(list), "more") }
	begun := map[string]func([]any) any{
		"nothing": func([]any) any { return nil }, "a word": func([]any) any { return "ok" }, "more": more,
		"another word": with(0, "what"), "no time": with(1, "soon"), "a number for the time": with(1, int64(7)), "no epoch": with(2, nil),
		"a number for the mark": with(3, int64(7)), "a text for how long it was paused": with(4, "long"),
	}
	for n := range 12 {
		begun[fmt.Sprintf("%d of 12", n)] = cut(n)
	}
	for i := 5; i < 12; i++ {
		begun[fmt.Sprintf("a number in place %d", i)] = with(i, int64(7))
		begun[fmt.Sprintf("a list in place %d", i)] = with(i, []any{})
	}
	stepped := map[string]func([]any) any{"another word": with(0, "what"), "no time": with(1, "soon"), "3 of 5": cut(3)}
	for what, test := range map[string]struct {
		word    string // of the answer that is garbled
		garbles map[string]func([]any) any
		ask     func(b *book, rec *journal.Record) (*journal.Record, error)
	}{
		"to an attempt that has begun": {"ok", begun, func(b *book, _ *journal.Record) (*journal.Record, error) {
			return b.unread(order("mine", "100.00"), beginning())
		}},
		"to a step": {"ok", stepped, func(b *book, rec *journal.Record) (*journal.Record, error) {
			return b.Apply(b.t.Context(), rec, journal.Step{Due: time.Second})
		}},
		"to an attempt that may not begin": {"blocked",
			map[string]func([]any) any{"another word": with(0, "what"), "no number": with(7, "long"), "no reason": with(5, int64(7)), "7 of 8": cut(7), "4 of 8": cut(4), "more": more},
			func(b *book, _ *journal.Record) (*journal.Record, error) {
				b.take("other", "50.00")
				b.bring("other", refund.Unknown)
				return b.unread(order("mine", "100.00"), beginning())
			}},
		"to one that was taken in": {"taken",
			map[string]func([]any) any{"another word": with(0, "what"), "refused for nothing": func(list []any) any { return []any{"refused", list[1], "", "", ""} },
				"there already, and not said how": func(list []any) any { return []any{"existing", list[1], "", ""} }},
			func(b *book, _ *journal.Record) (*journal.Record, error) {
				taken, err := b.Take(b.t.Context(), order("next", "1.00"), journal.Taking{})
				return taken.Record, err
			}},
	} {
		for name, garble := range test.garbles {
			t.Run(what+"/"+name, func(t *testing.T) {
				var change func([]any) any
				b := open(t, func(r journal.Runner) journal.Runner { return garbled{r, &change} })
				rec := b.take("mine", "100.00")
				done := false
				change = func(list []any) any {
					if list[0] != test.word {
						return list
					}
					done = true
					return garble(list)
				}
				got, err := test.ask(b, rec)
				var blocked *journal.Blocked
				if got != nil || err == nil || errors.Is(err, journal.ErrNotFound) || errors.Is(err, journal.ErrStale) || errors.Is(err, journal.ErrShut) || errors.As(err, &blocked) {
					t.Errorf("%+v, %v", got, err)
				}
				if !done {
					t.Error("nothing was garbled")
				}
			})
		}
	}
}
