package journal

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/refund"
)

// change is what a script writes into a record. It is told what to remove, what
// becomes a time by Redis's clock, and what is set; whoever has the record as it
// was then knows what it has become, and need not read it again.
type change struct {
	to             refund.State
	stays          bool           // in that state
	due            *time.Duration // until the next action, from now; nil: as it was, or none
	token, version string         // of the record when it is made
	gone           []string
	times          []momentOf
	set            []string // fields and values in turn
	entry          string   // the field of the entry in the history; empty: it leaves none
	line           string   // what follows the time in it
	event          *event   // that the order system is told; nil: nothing
	said           string   // the same as the script gets it
	// taken is the order whose refund is as it was taken in, where nobody has read it: what
	// the order's digest does not vouch for is answered.
	taken *refund.Order
	gate  *Gate // is asked before it is made; nil: none
	heard []any // from the gate
}

// momentOf is a field that becomes a time, so far from now.
type momentOf struct {
	field string
	after time.Duration
}

// changeOf is the change that brings a record to a state and to fields of which those
// with the value "" are removed.
func changeOf(rec *Record, to refund.State, fields map[string]string) *change {
	c := &change{to: to, stays: to == rec.State, version: strconv.FormatInt(rec.Version+1, 10), set: make([]string, 0, 2*len(fields)), gone: make([]string, 0, 8)}
	for field, value := range fields {
		had, there := rec.fields[field]
		keep := 0 // pieces that are written over
		switch {
		case value == had && (value != "" || !there):
			continue
		case value != "":
			c.set = append(c.set, field, value)
			keep = pieces(value)
		}
		if !there {
			continue
		}
		for n := keep; n < pieces(had); n++ {
			c.gone = append(c.gone, pieceField(field, n))
		}
	}
	return c
}

// at has a field become the time so long after now.
func (c *change) at(field string, after time.Duration) {
	c.times = append(c.times, momentOf{field, after})
}

// remember leaves the next entry in the history of a record.
func (c *change) remember(rec *Record, by, note string) {
	c.entry, c.line = entryField(rec.Seq+1), entryLine(c.to, by, note, rec.lastBy(by))
}

// args appends the change as write in lib.lua reads it, which knows the state, the due
// time and the token.
func (c *change) args(args []any) []any {
	head, rest := entryHead(c.line)
	args = append(args, c.version, len(c.gone))
	for _, field := range c.gone {
		args = append(args, field)
	}
	args = append(args, len(c.times), c.entry, head)
	for _, t := range c.times {
		args = append(args, t.field, t.after.Milliseconds())
	}
	for i := 0; i < len(c.set); i += 2 {
		args = store(args, c.set[i], c.set[i+1])
	}
	if rest != "" {
		args = storeRest(args, c.entry, rest)
	}
	return args
}

// change runs a script that makes a change of a record, and returns what has become
// of it. args are what the script is told between the record and the fields.
func (j *Journal) change(ctx context.Context, script *redis.Script, rec *Record, c *change, args ...any) (*Record, error) {
	place := rec.place()
	key := recordKey(place, rec.ID)
	all := make([]any, 0, 11+len(args)+len(c.gone)+2*len(c.times)+len(c.set)+8) // the last for what is stored in pieces
	all = append(append(all, rec.ID, c.token, strconv.FormatInt(rec.Version, 10), rec.Token, rec.Digest, rec.Provider, place), args...)
	keys := scriptKeys(key)
	if c.gate != nil {
		keys = append(keys, c.gate.Keys...)
	}
	got, err := parseReply(j.run.Run(ctx, key, script, keys, c.args(all)...))
	switch {
	case err != nil:
		return nil, fmt.Errorf("journal: change refund: %w", err)
	case got.word == "ok" && got.rec == nil:
		if script == j.begins {
			if rec, err = c.begun(rec, got.more); err != nil {
				return nil, fmt.Errorf("journal: change refund: %w", err)
			}
		}
		return c.made(rec, got)
	case got.word == "shut":
		c.heard = got.more
		return nil, ErrShut
	case got.word == "missing":
		return nil, ErrNotFound
	case got.rec == nil:
	case got.word == "again":
		return got.rec, nil
	case got.word == "stale":
		return got.rec, ErrStale
	case got.word == "not admitted":
		return got.rec, ErrNotAdmitted
	case got.word == "blocked":
		why, err := replyTexts(got.more, nil, 3)
		if err != nil {
			break
		}
		if ms, err := strconv.ParseInt(why[2], 10, 64); err == nil {
			return got.rec, &Blocked{Why: Block(why[0]), Other: why[1], Wait: time.Duration(ms) * time.Millisecond}
		}
	}
	return nil, fmt.Errorf("journal: change refund: %w", errReply) // it may have been made
}

// whole is a record with all that is stored of it, which one that was just taken in
// does not have: it was not read. Whether it still is what the caller saw is for the
// script to say, which also knows a repeat.
func (j *Journal) whole(ctx context.Context, rec *Record) (*Record, error) {
	if rec.fields != nil {
		return rec, nil
	}
	held, err := j.Load(ctx, rec.Provider, rec.PaymentID, rec.ID)
	if err != nil {
		return nil, err
	}
	if held.Digest != rec.Digest {
		return held, ErrStale
	}
	all := *rec // with the epoch and the mark that the change was decided under
	all.fields = held.fields
	return &all, nil
}

// made is the record as the change has left it.
func (c *change) made(rec *Record, got reply) (*Record, error) {
	now, err := strconv.ParseInt(got.now, 10, 64)
	if err != nil {
		return nil, errReply
	}
	in := func(after time.Duration) string { return strconv.FormatInt(now+after.Milliseconds(), 10) }
	fields := maps.Clone(rec.fields)
	for _, field := range c.gone {
		delete(fields, field)
	}
	fields["state"], fields["token"], fields["ver"] = string(c.to), c.token, c.version
	if c.stays {
		fields["updated"] = got.now
	} else {
		fields["since"] = got.now
	}
	if c.due != nil {
		fields["due"] = in(*c.due)
	}
	for _, t := range c.times {
		fields[t.field] = in(t.after)
	}
	for i := 0; i < len(c.set); i += 2 {
		fields[c.set[i]] = c.set[i+1]
	}
	if c.entry != "" {
		fields[c.entry] = "[" + got.now + c.line
	}
	made, err := parse(got.now, fields, got.epoch, got.restored)
	// One that waits alone may overtake nothing.
	if err == nil && c.event != nil && len(got.more) == 1 && got.more[0] == int64(1) {
		made.untold = c.event.written(outboxKey(bucketOf(rec.place())), got.now, c.said)
	}
	return made, err
}
