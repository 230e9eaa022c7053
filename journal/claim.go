package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
func (j *Journal) Claim(ctx context.Context, id, provider, payment, digest string) (Claimed, error) {
	key := claimKey(id)
	reply, err := j.run.Run(ctx, key, claimScript, []string{key}, placeOf(provider, payment), digest, j.options.Retention.Milliseconds())
	words, err := replyTexts(reply, err, 3)
	if err != nil {
		return Claimed{}, fmt.Errorf("journal: claim refund id: %w", err)
	}
	return claimed(id, words[0], words[2])
}

// claimed reads the answer to a claim.
func claimed(id string, word, refusal any) (Claimed, error) {
	c := Claimed{New: word == "new", Conflict: word == "conflict", Expired: word == "expired"}
	if said, _ := refusal.(string); said != "" && !c.Conflict {
		c.Refusal = new(Refusal)
		if err := json.Unmarshal([]byte(said), c.Refusal); err != nil {
			return Claimed{}, fmt.Errorf("journal: stored refusal of refund id %s is unreadable: %w", id, err)
		}
	}
	return c, nil
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
	got, err := j.rdb.HMGet(ctx, claimKey(id), "place", "refusal").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", nil, fmt.Errorf("journal: find refund: %w", err)
	}
	place, _ = got[0].(string)
	if said, _ := got[1].(string); said != "" {
		refusal = new(Refusal)
		if err := json.Unmarshal([]byte(said), refusal); err != nil {
			return "", nil, fmt.Errorf("journal: stored refusal of refund id %s is unreadable: %w", id, err)
		}
	}
	if place == "" {
		return "", nil, ErrNotFound
	}
	return place, refusal, nil
}
