package journal

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"refundworker/refund"
)

// dayKept is how long a day's figures stay after the last refund was counted.
const dayKept = 72 * time.Hour

const daySeconds = 24 * 60 * 60

// CountDay counts a refund of that amount into what its provider may pay back
// today (UTC, by Redis's clock) without anybody's approval, unless that would be
// more than the limit; both in minor units. Counted again, however often, it
// counts once. others is what the day's other refunds are, in minor units.
func (j *Journal) CountDay(ctx context.Context, rec *Record, amount, limit int64) (others int64, within bool, err error) {
	at := rec.Now
	for range 3 { // the second time it is another day than when the refund was read
		key := dayKey(rec.Provider, rec.Currency, at)
		raw, err := j.run.Run(ctx, key, dayScript, []string{key}, rec.ID, amount, limit, at.Unix()/daySeconds, ms(dayKept))
		words, err := replyTexts(raw, err, 3)
		if err != nil {
			return 0, false, fmt.Errorf("journal: count into the day's limit: %w", err)
		}
		if words[0] == "other_day" {
			at = millis(words[1])
			continue
		}
		others, err = strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return 0, false, fmt.Errorf("journal: count into the day's limit: %w", errReply)
		}
		return others, words[0] == "ok", nil
	}
	return 0, false, fmt.Errorf("journal: count into the day's limit: Redis's clock does not stay on one day")
}

// FreeDay takes a refund of which nothing moved, and nothing will, out of what
// CountDay counted today. Of an earlier day it need not be: nothing is counted
// into that any more. Where this fails, the limit is tighter than it need be.
func (j *Journal) FreeDay(ctx context.Context, rec *Record) error {
	key := dayKey(rec.Provider, rec.Currency, rec.Now)
	if _, err := j.run.RunPlain(ctx, key, freeScript, []string{key}, rec.ID); err != nil {
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
func dayKey(provider string, c refund.Currency, at time.Time) string {
	return "refunds:{prov:" + provider + "}:day:" + string(c) + ":" + at.UTC().Format(time.DateOnly)
}
