package pause

import (
	"context"
	_ "embed" // the scripts
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed rules.lua
	rulesLua string
	//go:embed well.lua
	wellLua string
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

	enterScript   = redis.NewScript(clockLua + EnterLua())
	reportScript  = redis.NewScript(clockLua + rulesLua + boardLua + reportLua)
	operateScript = redis.NewScript(clockLua + rulesLua + boardLua + operateLua)
	stateScript   = redis.NewScript(clockLua + rulesLua + boardLua + stateLua)
)

// clockLua is what all scripts are put behind.
const clockLua = "local time = redis.call('TIME')\n"

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

// Board is where the pauses of all providers are kept: in Redis. It may be used
// concurrently. Every method is at most one round trip to Redis, and its errors
// say that Redis did not answer.
type Board struct {
	Now func() time.Time // the local clock, for how long a call has taken

	rdb    redis.UniversalClient
	failed sync.Map // provider → *atomic.Uint64
}

// New returns a Board that keeps its state in rdb.
func New(rdb redis.UniversalClient) *Board { return &Board{rdb: rdb, Now: time.Now} }

// Report says how a call went. The detail in the result must hold no secrets;
// it is cut to one short line.
//
// What can change nothing is not sent: that a call worked, when Enter said that
// the provider is well and that this is known, less than a second ago and with
// no failure in this process since; and Nothing of a call that was no trial call.
// What is lost thereby is small: where a provider was well for ten seconds
// (no failure that anybody reported), calls of other processes that began before
// the first failure was known, and worked, within a second of one that was
// reported, do not end the run that this failure began. So of calls that are under
// way at that one moment five failures may pause the provider although others
// worked between them. From then on every call that works is reported, until
// there was no failure for ten seconds.
//
// If the client repeats a Report after a lost reply, a failure may count twice;
// a provider then pauses a call early.
func (b *Board) Report(ctx context.Context, provider string, result Result) error {
	if b.idle(provider, result) {
		return nil
	}
	kind := result.kind
	if kind == "" {
		kind = "nothing"
	}
	err := reportScript.Run(ctx, b.rdb, keys(provider), kind, result.pass.token, short(result.detail), short(result.code)).Err()
	if err != nil {
		return fmt.Errorf("pauses of %s: %w", provider, err)
	}
	return nil
}

// idle reports whether the result can change nothing. A failure is remembered
// before it is sent, so that what works at the same time is not left out.
func (b *Board) idle(provider string, r Result) bool {
	p := r.pass
	switch {
	case r.kind == "":
		return p.Open && !p.Probe
	case r.worked():
		took := b.Now().Sub(p.asked)
		return took >= 0 && took < p.quiet && b.failures(provider).Load() == p.failures
	}
	b.failures(provider).Add(1)
	return false
}

// failures counts what this process has reported against a provider.
func (b *Board) failures(provider string) *atomic.Uint64 {
	n, ok := b.failed.Load(provider)
	if !ok {
		n, _ = b.failed.LoadOrStore(provider, new(atomic.Uint64))
	}
	return n.(*atomic.Uint64)
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

// key has the provider as its hash tag, so that everything that is shared
// about a provider lies in one slot of a cluster.
func key(provider string) string { return "refunds:{prov:" + provider + "}:pause" }

func keys(provider string) []string { return []string{key(provider)} }

// micros rounds up, so that no wait becomes none.
func micros(d time.Duration) int64 { return int64((d + time.Microsecond - 1) / time.Microsecond) }
