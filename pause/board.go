package pause

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

var (
	//go:embed board.lua
	boardLua string
	//go:embed enter.lua
	enterLua string
	//go:embed report.lua
	reportLua string
	//go:embed operate.lua
	operateLua string
	//go:embed state.lua
	stateLua string

	enterScript   = redis.NewScript(boardLua + enterLua)
	reportScript  = redis.NewScript(boardLua + reportLua)
	operateScript = redis.NewScript(boardLua + operateLua)
	stateScript   = redis.NewScript(boardLua + stateLua)
)

const (
	// DefaultLease is how long a trial call may take before another caller may
	// make one, where Enter is not told; MaxLease is the longest there is.
	DefaultLease = 30 * time.Second
	MaxLease     = time.Hour
	// OperatorWait is when to look again during an operator's pause.
	OperatorWait = 30 * time.Second
)

// Reason is why a provider is paused; empty if it is not.
type Reason string

// The reasons, as metrics and people see them.
const (
	ReasonHealth      Reason = "health"
	ReasonCredentials Reason = "credentials"
	ReasonOperator    Reason = "operator"
)

// Board is where the pauses of all providers are kept. It holds no state of its
// own; it may be used concurrently. Every method is one round trip to Redis,
// and its errors say that Redis did not answer.
type Board struct {
	rdb redis.UniversalClient
}

// New returns a Board that keeps its state in rdb.
func New(rdb redis.UniversalClient) *Board { return &Board{rdb: rdb} }

// Pass is the answer to a caller who wants to call a provider. The zero Pass
// lets nobody through.
type Pass struct {
	// Open says that the call may be made.
	Open bool
	// Probe, together with Open, says that it is the one trial call under a
	// pause. Its caller must Report, at the least Nothing; else nobody may try
	// again before the lease has run out.
	Probe bool
	// Reason is why the provider is paused. It is empty when it is not, also
	// while it ramps up.
	Reason Reason
	// Detail says more, on one short line: the last failure, or the operator's
	// note.
	Detail string
	// Code is the refusal that calls meet, if that is why the provider is
	// paused. A lookup that works proves nothing then: the trial call must be
	// one that can be refused.
	Code string
	// Wait is when to come back if the pass is not open. It is the same for
	// all who ask at one time: where many wait, add jitter to it.
	Wait time.Duration
	// PausedFor is how long the provider has been paused, ever, up to now. It
	// stands still while the provider is not paused, and falls only if the
	// server's clock is set back during a pause: a clock that is to stop with
	// the provider subtracts how much this has grown, if it has.
	PausedFor time.Duration

	token string
}

// Enter asks whether a call to the provider may be made now. probeLease is how
// long the call may take at most if it turns out to be a trial call; 0 is
// DefaultLease.
func (b *Board) Enter(ctx context.Context, provider string, probeLease time.Duration) (Pass, error) {
	if probeLease <= 0 {
		probeLease = DefaultLease
	}
	token := uuid.NewString()
	reply, err := enterScript.Run(ctx, b.rdb, keys(provider),
		token, micros(min(probeLease, MaxLease)), micros(OperatorWait)).Slice()
	if err != nil {
		return Pass{}, fmt.Errorf("pauses of %s: %w", provider, err)
	}
	r := reader{reply: reply}
	p := Pass{token: token, Open: r.number() == 1, Probe: r.number() == 1, Wait: r.duration(), PausedFor: r.duration(),
		Reason: Reason(r.text()), Detail: r.text(), Code: r.text()}
	if r.bad {
		return Pass{}, fmt.Errorf("pauses of %s: the script returned %v", provider, reply)
	}
	return p, nil
}

// Report says how a call went. The detail in the result must hold no secrets;
// it is cut to one short line. Reporting Good to a healthy provider reads only,
// but for one write a second. It is never left out: another process may have
// counted failures that it must end.
//
// If the client repeats a Report after a lost reply, a failure may count twice;
// a provider then pauses a call early.
func (b *Board) Report(ctx context.Context, provider string, result Result) error {
	kind := result.kind
	if kind == "" {
		kind = "nothing"
	}
	err := reportScript.Run(ctx, b.rdb, keys(provider), kind, result.token, short(result.detail), short(result.code)).Err()
	if err != nil {
		return fmt.Errorf("pauses of %s: %w", provider, err)
	}
	return nil
}

// Pause stops the provider until Resume; no trial calls are made. It takes the
// place of any other pause.
func (b *Board) Pause(ctx context.Context, provider, by, note string) error {
	return b.operate(ctx, provider, "pause", by, note)
}

// Resume ends any pause; the provider ramps up. Without a pause it does
// nothing.
func (b *Board) Resume(ctx context.Context, provider, by string) error {
	return b.operate(ctx, provider, "resume", by, "")
}

func (b *Board) operate(ctx context.Context, provider, what, by, note string) error {
	if err := operateScript.Run(ctx, b.rdb, keys(provider), what, short(by), short(note)).Err(); err != nil {
		return fmt.Errorf("pauses of %s: %w", provider, err)
	}
	return nil
}

// keys has the provider as its hash tag, so that everything that is shared
// about a provider lies in one slot of a cluster.
func keys(provider string) []string { return []string{"refunds:{prov:" + provider + "}:pause"} }

// micros rounds up, so that no wait becomes none.
func micros(d time.Duration) int64 { return int64((d + time.Microsecond - 1) / time.Microsecond) }
