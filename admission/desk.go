package admission

import (
	"context"
	_ "embed" // the script
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/pause"
	"refundworker/ratelimit"
)

var (
	//go:embed admit.lua
	admitLua string
	//go:embed gate.lua
	gateLua string

	admitScript = redis.NewScript("local time = redis.call('TIME')\n" + askLua() + admitLua)
)

func askLua() string {
	return function("enter", pause.EnterLua()) + function("reserve", ratelimit.ReserveLua())
}

func function(name, body string) string {
	return "local function " + name + "(KEYS, ARGV)\n" + body + "\nend\n"
}

// GateLua is what Ask runs, for a script that asks first and then does what the call
// is for: the body of a function of KEYS and ARGV, which are Asking's Keys and Args.
// It is put behind a local time, what TIME answered. It returns what Asking's Pass
// reads, whether the call may be made at this moment, and for how many milliseconds the
// provider has been paused, ever.
func GateLua() string { return askLua() + function("admit", admitLua) + gateLua }

// Desk is where a call to a provider is asked for. It may be used concurrently.
type Desk struct {
	Board   *pause.Board
	Limiter *ratelimit.Limiter

	rdb    redis.UniversalClient
	clocks sync.Map // by provider, *clock: in a cluster each lies on a server of its own
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
	Ready    time.Duration // how long the caller takes to get ready: its slot begins no sooner
	MaxWait  time.Duration // the longest wait for a slot, at least Ready; see ratelimit.Limiter.Reserve
}

// Answer says whether the call may be made, and when.
type Answer struct {
	// Pass is the board's word, as of pause.Board.Enter. If it is not open, no
	// slot was asked for.
	Pass pause.Pass
	// Slot says that a slot of the limit is reserved, and Wait how long to sleep
	// before using it, from when Ask returns. If the pass is open and there is no
	// slot, Wait is when to come back, as of ratelimit.Limiter.Reserve; the caller
	// of a trial call then has to Report Nothing.
	Slot bool
	Wait time.Duration

	made time.Time // by the server's clock; where no slot was asked for, unknown
}

// Ask asks for both, in one round trip. If the client repeats it after a lost
// reply, a slot may be lost, and a trial call is the same one. An error means a
// limit that cannot be kept or that Redis did not answer: then the call may not
// be made.
func (d *Desk) Ask(ctx context.Context, c Call) (Answer, error) {
	asking, err := d.Asking(c)
	if err != nil {
		return Answer{}, err
	}
	asked := time.Now()
	reply, err := admitScript.Run(ctx, d.rdb, asking.Keys, asking.Args...).Slice()
	if err != nil {
		return Answer{}, fmt.Errorf("pauses and rate limit of %s: %w", c.Provider, err)
	}
	answer, err := asking.answer(reply)
	if answer.Slot {
		known, _ := d.clocks.LoadOrStore(c.Provider, new(clock))
		answer.Wait = max(answer.Wait-known.(*clock).passed(answer.made, asked, time.Now()), 0)
	}
	return answer, err
}

// Asking is an Ask that another script asks for: see GateLua.
type Asking struct {
	Keys []string
	Args []any

	entering    pause.Entering
	reservation ratelimit.Reservation
}

// Asking begins an Ask that another script asks for.
func (d *Desk) Asking(c Call) (Asking, error) {
	reservation, err := ratelimit.Reserving(c.Provider, c.Limit, c.Burst, c.Ready, c.MaxWait)
	if err != nil {
		return Asking{}, err
	}
	entering := d.Board.Entering(c.Provider, c.Lease)
	args := append(append([]any{len(entering.Args)}, entering.Args...), reservation.Args...)
	return Asking{Keys: []string{entering.Key, reservation.Key}, Args: args, entering: entering, reservation: reservation}, nil
}

// Unheard is the pass of a call that was let through, or was not: the answer is lost.
func (a Asking) Unheard() pause.Pass { return a.entering.Unheard() }

// Pass reads what the other script was answered.
func (a Asking) Pass(reply []any) (pause.Pass, error) { return a.entering.Pass(reply) }

// answer reads what admit.lua has answered.
func (a Asking) answer(reply []any) (Answer, error) {
	var parts [2][]any
	for i := range min(len(reply), len(parts)) {
		parts[i], _ = reply[i].([]any)
	}
	pass, err := a.Pass(parts[0])
	if err != nil || !pass.Open {
		return Answer{Pass: pass}, err
	}
	slot, err := a.reservation.Slot(parts[1])
	if err != nil {
		return Answer{}, err
	}
	return Answer{Pass: pass, Slot: slot.OK, Wait: slot.Wait, made: slot.Made}, nil
}
