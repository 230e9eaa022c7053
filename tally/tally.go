// Package tally counts what all workers did in the last hour, for people to look
// at: refunds that settled, how long they took, calls of the providers.
//
// Workers add what they counted to Redis every few seconds, all at once. The
// figures are for charts: a tally that is lost costs a chart its column, and
// nothing is ever decided by one. It promises to keep no refund waiting.
package tally

import (
	"context"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/refund"
)

// Minutes is how many minutes a tally can be read back.
const Minutes = 60

// keep is how long a minute stays in Redis.
const keep = 2 * time.Hour

// The fields of a minute's hash: "s:STATE" how many refunds came to it, "t:N"
// how many settled in less than 2^N milliseconds and not in less than 2^(N-1),
// "c" how many calls the provider got.
const (
	settledField = "s:"
	tookField    = "t:"
	callsField   = "c"
)

// Tally gathers one worker's counts until they are flushed. It is safe for
// concurrent use.
type Tally struct {
	mu     sync.Mutex
	counts map[string]map[string]int64 // by provider and field; both are few
}

// New returns an empty tally.
func New() *Tally { return &Tally{counts: map[string]map[string]int64{}} }

// Settled counts a refund that became final or went to review, and how long that
// took from when it was taken in.
func (t *Tally) Settled(provider string, state refund.State, took time.Duration) {
	t.add(provider, settledField+string(state))
	if state != refund.Review { // which says nothing of the provider's speed
		t.add(provider, tookField+strconv.Itoa(scale(took)))
	}
}

// Called counts a call of a provider.
func (t *Tally) Called(provider string) { t.add(provider, callsField) }

func (t *Tally) add(provider, field string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts[provider] == nil {
		t.counts[provider] = map[string]int64{}
	}
	t.counts[provider][field]++
}

// scale is the N of a duration: it is less than 2^N milliseconds.
func scale(d time.Duration) int { return bits.Len64(uint64(max(d.Milliseconds(), 0))) }

// Flush adds what was counted since the last flush to the present minute by
// Redis's clock. What can't be added is forgotten.
func (t *Tally) Flush(ctx context.Context, rdb redis.UniversalClient) error {
	t.mu.Lock()
	counts := t.counts
	t.counts = map[string]map[string]int64{}
	t.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	now, err := rdb.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("tally: read Redis's clock: %w", err)
	}
	pipe := rdb.Pipeline()
	for provider, fields := range counts {
		key := key(provider, minute(now))
		for field, n := range fields {
			pipe.HIncrBy(ctx, key, field, n)
		}
		pipe.Expire(ctx, key, keep)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("tally: add to the minute: %w", err)
	}
	return nil
}

func minute(t time.Time) int64 { return t.Unix() / 60 }

func key(provider string, minute int64) string {
	return "refunds:tally:{" + provider + "}:" + strconv.FormatInt(minute, 10)
}

// Minute is what all workers did with one provider in one minute.
type Minute struct {
	Settled map[refund.State]int64
	Took    Times
	Calls   int64
}

// Times counts settled refunds by how long they took: at N those of less than
// 2^N milliseconds that are not below.
type Times [64]int64

// Within returns how many milliseconds suffice for so many percent of the
// refunds, as a power of two; 0 where there are none.
func (t *Times) Within(percent int64) int64 {
	var all, sum int64
	for _, n := range t {
		all += n
	}
	if all == 0 {
		return 0
	}
	for i, n := range t {
		if sum += n; sum*100 >= all*percent {
			return 1 << min(i, 62)
		}
	}
	return 0
}

// Hour is the last hour of one provider, oldest minute first; the last one is
// still going on.
type Hour [Minutes]Minute

// Sum adds up the minutes from one to another, the second not included.
func (h *Hour) Sum(from, to int) Minute {
	sum := Minute{Settled: map[refund.State]int64{}}
	for _, m := range h[from:to] {
		for state, n := range m.Settled {
			sum.Settled[state] += n
		}
		for i, n := range m.Took {
			sum.Took[i] += n
		}
		sum.Calls += m.Calls
	}
	return sum
}

// Read returns the last hour of each provider, in two round trips.
func Read(ctx context.Context, rdb redis.UniversalClient, providers []string) (map[string]*Hour, error) {
	now, err := rdb.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("tally: read Redis's clock: %w", err)
	}
	pipe := rdb.Pipeline()
	raw := map[string][]*redis.MapStringStringCmd{}
	for _, provider := range providers {
		for i := range int64(Minutes) {
			raw[provider] = append(raw[provider], pipe.HGetAll(ctx, key(provider, minute(now)-Minutes+1+i)))
		}
	}
	if len(raw) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("tally: read the last hour: %w", err)
	}
	hours := map[string]*Hour{}
	for provider, cmds := range raw {
		hour := new(Hour)
		for i, cmd := range cmds {
			hour[i] = parse(cmd.Val())
		}
		hours[provider] = hour
	}
	return hours, nil
}

// parse reads a minute; a field of a newer version is passed over.
func parse(fields map[string]string) Minute {
	m := Minute{Settled: map[refund.State]int64{}}
	for field, value := range fields {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		if state, ok := strings.CutPrefix(field, settledField); ok {
			m.Settled[refund.State(state)] = n
		} else if at, ok := strings.CutPrefix(field, tookField); ok {
			if i, err := strconv.Atoi(at); err == nil && i >= 0 && i < len(m.Took) {
				m.Took[i] = n
			}
		} else if field == callsField {
			m.Calls = n
		}
	}
	return m
}
