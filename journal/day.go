package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// dayKept is how long a day's figures stay after the last refund was counted.
const dayKept = 72 * time.Hour

const daySeconds = 24 * 60 * 60

// Counted says what counting a refund into a day came to.
type Counted struct {
	Day    string // 2006-01-02, in UTC by Redis's clock
	Others int64  // minor units that the day's other refunds are
	Within bool   // it fits, and is counted
}

// CountDay counts a refund of that amount into what its provider may pay back
// today (UTC, by Redis's clock) without anybody's approval, unless that would be
// more than the limit; both in minor units. Counted again, however often, it
// counts once, and is the count of the last token.
func (j *Journal) CountDay(ctx context.Context, rec *Record, token string, amount, limit int64) (Counted, error) {
	at := rec.Now
	for range 3 { // the second time it is another day than when the refund was read
		c := Counted{Day: dayOf(at)}
		key := dayKey(rec, c.Day)
		raw, err := j.run.Run(ctx, key, dayScript, []string{key}, rec.ID, amount, limit, at.Unix()/daySeconds, ms(dayKept), token)
		words, err := replyTexts(raw, err, 3)
		if err != nil {
			return c, fmt.Errorf("journal: count into the day's limit: %w", err)
		}
		if words[0] == "other_day" {
			at = millis(words[1])
			continue
		}
		if c.Others, err = strconv.ParseInt(words[2], 10, 64); err != nil {
			return c, fmt.Errorf("journal: count into the day's limit: %w", errReply)
		}
		c.Within = words[0] == "ok"
		return c, nil
	}
	return Counted{}, errors.New("journal: count into the day's limit: Redis's clock does not stay on one day")
}

// FreeDay takes a refund of which nothing moved, and nothing will, out of the day
// that it was sent on, or out of today if it never was. If it was counted on an
// earlier day and never sent, it may stay there: that day is over. Where this
// fails, the limit is tighter than it need be.
func (j *Journal) FreeDay(ctx context.Context, rec *Record) error { return j.freeDay(ctx, rec, "") }

// UncountDay takes a refund out of today that CountDay counted under that token,
// unless it was counted again since: what another counted, that one may have sent.
func (j *Journal) UncountDay(ctx context.Context, rec *Record, token string) error {
	return j.freeDay(ctx, rec, token)
}

func (j *Journal) freeDay(ctx context.Context, rec *Record, token string) error {
	key := dayKey(rec, cmp.Or(rec.Day, dayOf(rec.Now)))
	if _, err := j.run.RunPlain(ctx, key, freeScript, []string{key}, rec.ID, token); err != nil {
		return fmt.Errorf("journal: take out of the day's limit: %w", err)
	}
	return nil
}

// Rank is a refund's place among those of its payment that are neither declined
// nor canceled, in the order they were taken in, from 1 on. It never grows:
// later refunds stand behind, and what was declined does not come back.
func (j *Journal) Rank(ctx context.Context, rec *Record) (int, error) {
	key := recordKey(rec.place(), rec.ID)
	raw, err := j.run.RunPlain(ctx, key, rankScript, scriptKeys(key), rec.ID, rec.place())
	if err != nil {
		return 0, fmt.Errorf("journal: count refunds of a payment: %w", err)
	}
	n, ok := raw.(int64)
	if !ok {
		return 0, fmt.Errorf("journal: count refunds of a payment: %w", errReply)
	}
	return int(n), nil
}

// dayKey lies in the slot of all that is shared about a provider, and in none of
// the journal's buckets: the day's refunds are of many payments.
func dayKey(rec *Record, day string) string {
	return "refunds:{prov:" + rec.Provider + "}:day:" + string(rec.Currency) + ":" + day
}

func dayOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }
