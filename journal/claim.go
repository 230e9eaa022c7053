package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Claimed says what claiming a refund id found.
type Claimed struct {
	New      bool     // nobody had it
	Conflict bool     // it stands for another payment or another content
	Expired  bool     // its refund was settled and forgotten long ago, or lost with a backup
	Refusal  *Refusal // the same content was refused before, and stays refused
}

// Refusal is why a refund was not taken in.
type Refusal struct {
	Rule          string `json:"rule"` // "duplicate", or the rule's name
	Detail        string `json:"detail,omitempty"`
	ExistingID    string `json:"existing_id,omitempty"`
	ExistingState string `json:"existing_state,omitempty"`
	WindowEnds    string `json:"window_ends_at,omitempty"` // ms; empty while the other is open
}

// WindowEndsAt is when the other refund lets go of the window; zero while it
// is open.
func (r Refusal) WindowEndsAt() time.Time { return millis(r.WindowEnds) }

// Claim claims a refund id for one payment and one content (its digest).
//
// A claim is one text, because a system keeps one for each refund, and a hash of
// three fields takes half as much again: when it was made, in seconds, the beginning
// of the digest, and provider:payment; in a line of its own, the refusal. Eleven
// digits of the digest, 66 bits, tell any honest mistake, and they decide about words
// only: the record has the whole digest, which is compared wherever there is a record,
// and an id has one record at most.
func (j *Journal) Claim(ctx context.Context, id, provider, payment, digest string) (Claimed, error) {
	key := claimKey(id)
	reply, err := j.run.Run(ctx, key, claimScript, []string{key}, placeOf(provider, payment), digest, j.options.Retention.Milliseconds())
	words, err := replyTexts(reply, err, 2)
	if err != nil {
		return Claimed{}, fmt.Errorf("journal: claim refund id: %w", err)
	}
	return claimed(id, words[0], words[1])
}

// claimed reads the answer to a claim.
func claimed(id string, word, refusal any) (Claimed, error) {
	c := Claimed{New: word == "new", Conflict: word == "conflict", Expired: word == "expired"}
	said, _ := refusal.(string)
	if c.Conflict {
		return c, nil
	}
	var err error
	c.Refusal, err = readRefusal(id, said)
	return c, err
}

// readRefusal reads what stands with a claim; nil for "", nothing.
func readRefusal(id, said string) (*Refusal, error) {
	if said == "" {
		return nil, nil
	}
	r := new(Refusal)
	if err := json.Unmarshal([]byte(said), r); err != nil {
		return nil, fmt.Errorf("journal: stored refusal of refund id %s is unreadable: %w", id, err)
	}
	return r, nil
}

// Refuse stores a refusal with the claim and returns the one in force.
func (j *Journal) Refuse(ctx context.Context, id string, r Refusal) (Refusal, error) {
	said, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	key := claimKey(id)
	reply, err := j.run.Run(ctx, key, refuseScript, []string{key}, string(said), j.options.Retention.Milliseconds())
	if err != nil {
		return r, fmt.Errorf("journal: store refusal: %w", err)
	}
	stored, ok := reply.(string)
	if !ok {
		return r, errors.New("journal: store refusal: unexpected reply")
	}
	return r, json.Unmarshal([]byte(stored), &r)
}

// place finds where a refund lies. A refused or unknown id is not ErrNotFound's
// business here: the caller looks at both answers.
func (j *Journal) place(ctx context.Context, id string) (place string, refusal *Refusal, err error) {
	claim, err := j.rdb.Get(ctx, claimKey(id)).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil, ErrNotFound
	}
	if err != nil {
		return "", nil, fmt.Errorf("journal: find refund: %w", err)
	}
	place, said, ok := placeIn(claim)
	if !ok {
		return "", nil, fmt.Errorf("journal: the claim of refund id %s is unreadable", id)
	}
	refusal, err = readRefusal(id, said)
	return place, refusal, err
}

// placeIn is what a claim holds: the refund's place, and the refusal that stands with it.
func placeIn(claim string) (place, refusal string, ok bool) {
	claim, refusal, _ = strings.Cut(claim, "\n")
	words := strings.SplitN(claim, " ", 3)
	if len(words) != 3 {
		return "", "", false
	}
	return words[2], refusal, true
}
