package admission

import (
	"context"
	_ "embed" // the script
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/pause"
	"refundworker/ratelimit"
)

//go:embed admit.lua
var admitLua string

var admitScript = redis.NewScript(
	"local function enter(KEYS, ARGV)\n" + pause.EnterLua() + "\nend\n" +
		"local function reserve(KEYS, ARGV)\n" + ratelimit.ReserveLua() + "\nend\n" + admitLua)

// Desk is where a call to a provider is asked for. It may be used concurrently.
type Desk struct {
	Board   *pause.Board
	Limiter *ratelimit.Limiter

	rdb redis.UniversalClient
}

// New returns a Desk with a board and a limiter that keep their state in rdb.
func New(rdb redis.UniversalClient) *Desk {
	return &Desk{Board: pause.New(rdb), Limiter: ratelimit.New(rdb), rdb: rdb}
}

// Call is a call to a provider that somebody wants to make.
type Call struct {
	Provider string
	Lease    time.Duration // how long it may take at most if it is a trial call; see pause.Board.Enter
	Limit    ratelimit.Limit
	Burst    int
	MaxWait  time.Duration // the longest wait for a slot; see ratelimit.Limiter.Reserve
}

// Answer says whether the call may be made, and when.
type Answer struct {
	// Pass is the board's word, as of pause.Board.Enter. If it is not open, no
	// slot was asked for.
	Pass pause.Pass
	// Slot says that a slot of the limit is reserved, and Wait how long to sleep
	// before using it. If the pass is open and there is no slot, Wait is when to
	// come back, as of ratelimit.Limiter.Reserve; the caller of a trial call then
	// has to Report Nothing.
	Slot bool
	Wait time.Duration
}

// Ask asks for both, in one round trip. If the client repeats it after a lost
// reply, a slot may be lost, and a trial call is the same one. An error means a
// limit that cannot be kept or that Redis did not answer: then the call may not
// be made.
func (d *Desk) Ask(ctx context.Context, c Call) (Answer, error) {
	reservation, err := ratelimit.Reserving(c.Provider, c.Limit, c.Burst, c.MaxWait)
	if err != nil {
		return Answer{}, err
	}
	entering := d.Board.Entering(c.Provider, c.Lease)
	args := append(append([]any{len(entering.Args)}, entering.Args...), reservation.Args...)
	reply, err := admitScript.Run(ctx, d.rdb, []string{entering.Key, reservation.Key}, args...).Slice()
	if err != nil {
		return Answer{}, fmt.Errorf("pauses and rate limit of %s: %w", c.Provider, err)
	}
	var parts [2][]any
	for i := range min(len(reply), len(parts)) {
		parts[i], _ = reply[i].([]any)
	}
	pass, err := entering.Pass(parts[0])
	if err != nil || !pass.Open {
		return Answer{Pass: pass}, err
	}
	wait, ok, err := reservation.Slot(parts[1])
	if err != nil {
		return Answer{}, err
	}
	return Answer{Pass: pass, Slot: ok, Wait: wait}, nil
}
