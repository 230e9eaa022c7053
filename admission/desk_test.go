package admission_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/admission"
	"refundworker/internal/redistest"
	"refundworker/pause"
	"refundworker/ratelimit"
)

var call = admission.Call{Provider: "unitpay", Lease: time.Minute, Limit: ratelimit.Limit{Calls: 1, Per: time.Minute}, Burst: 2, MaxWait: time.Second}

func ask(t *testing.T, d *admission.Desk, c admission.Call) admission.Answer {
	t.Helper()
	got, err := d.Ask(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The scripts as one, in Redis's own Lua, say what they say one by one.
func TestOnARealRedis(t *testing.T) {
	desk := admission.New(redistest.Start(t).Client(t))
	for range 2 {
		if got := ask(t, desk, call); !got.Pass.Open || !got.Slot || got.Wait != 0 {
			t.Fatalf("within the burst: %+v", got)
		}
	}
	if got := ask(t, desk, call); !got.Pass.Open || got.Slot || got.Wait < 50*time.Second || got.Wait > time.Minute {
		t.Errorf("beyond the burst: %+v", got)
	}
	if _, ok, err := desk.Limiter.Reserve(t.Context(), call.Provider, call.Limit, call.Burst, 0); ok || err != nil {
		t.Errorf("the limiter by itself has a slot left: %t, %v", ok, err)
	}
	mustDo(t, desk.Board.Pause(t.Context(), call.Provider, "ann", "closing"))
	got := ask(t, desk, call)
	if got.Pass.Open || got.Slot || got.Pass.Reason != pause.ReasonOperator || got.Pass.Detail != "closing" || got.Pass.Wait != pause.OperatorWait {
		t.Errorf("under a pause: %+v", got)
	}
	other := call
	other.Provider = "maib"
	if got := ask(t, desk, other); !got.Slot || got.Wait != 0 {
		t.Errorf("another provider: %+v", got)
	}
}

func TestAPauseTakesNoSlot(t *testing.T) {
	desk := newDesk(t)
	mustDo(t, desk.Board.Pause(t.Context(), call.Provider, "ann", ""))
	for range 5 {
		ask(t, desk, call)
	}
	mustDo(t, desk.Board.Resume(t.Context(), call.Provider, "ann"))
	if got := ask(t, desk, call); !got.Slot || got.Wait != 0 {
		t.Errorf("after the pause: %+v, want the first slot", got)
	}
}

func TestATrialCallWithoutASlotCanBeGivenBack(t *testing.T) {
	mr := miniredis.RunT(t)
	now := time.Unix(1_790_000_000, 0)
	mr.SetTime(now)
	desk := admission.New(connect(t, mr))
	for range 5 {
		mustDo(t, desk.Board.Report(t.Context(), call.Provider, pause.Unanswered("timeout")))
	}
	once := call
	once.Burst = 1
	if _, ok, err := desk.Limiter.Reserve(t.Context(), once.Provider, once.Limit, once.Burst, 0); !ok || err != nil {
		t.Fatal(ok, err)
	}
	mr.SetTime(now.Add(time.Second))
	for range 2 {
		got := ask(t, desk, once)
		if !got.Pass.Open || !got.Pass.Probe || got.Slot || got.Wait <= 0 {
			t.Fatalf("the trial call: %+v", got)
		}
		mustDo(t, desk.Board.Report(t.Context(), once.Provider, pause.Nothing().Of(got.Pass)))
	}
}

func TestWithoutALimitACallMayBeMadeAtOnce(t *testing.T) {
	free := call
	free.Limit = ratelimit.Limit{Unlimited: true}
	desk := newDesk(t)
	for range 3 {
		if got := ask(t, desk, free); !got.Pass.Open || !got.Slot || got.Wait != 0 {
			t.Fatalf("%+v", got)
		}
	}
	mustDo(t, desk.Limiter.Penalize(t.Context(), free.Provider, 30*time.Second))
	if got := ask(t, desk, free); !got.Pass.Open || got.Slot || got.Wait < 25*time.Second {
		t.Errorf("under a penalty: %+v", got)
	}
}

func TestALimitThatCannotBeKeptIsAnError(t *testing.T) {
	bad := call
	bad.Limit.Calls = -1
	if got, err := newDesk(t).Ask(t.Context(), bad); err == nil || got.Slot || got.Pass.Open {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWithoutRedisNobodyIsLetThrough(t *testing.T) {
	mr := miniredis.RunT(t)
	desk := admission.New(connect(t, mr))
	mr.Close()
	if got, err := desk.Ask(t.Context(), call); err == nil || got.Slot || got.Pass.Open {
		t.Errorf("%+v, %v", got, err)
	}
}

func newDesk(t *testing.T) *admission.Desk { return admission.New(connect(t, miniredis.RunT(t))) }

func connect(t *testing.T, mr *miniredis.Miniredis) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: mr.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// What the board says, and whether the call may be made at this moment.
func TestTheGateOfAnotherScript(t *testing.T) {
	rdb := redistest.Start(t).Client(t)
	desk := admission.New(rdb)
	script := redis.NewScript("local time = redis.call('TIME')\nlocal function gate(KEYS, ARGV)\n" + admission.GateLua() + "\nend\n" +
		"local said, may, paused = gate(KEYS, ARGV)\nreturn {said, may and 1 or 0, paused}")
	gate := func(what string, c admission.Call, may int64) pause.Pass {
		t.Helper()
		asking, err := desk.Asking(c)
		mustDo(t, err)
		got, err := script.Run(t.Context(), rdb, asking.Keys, asking.Args...).Slice()
		mustDo(t, err)
		pass, err := asking.Pass(got[0].([]any))
		mustDo(t, err)
		if got[1] != may || got[2] != pass.PausedFor.Milliseconds() {
			t.Errorf("%s: may %v, paused for %v ms: %+v", what, got[1], got[2], pass)
		}
		return pass
	}
	if got := gate("within the burst", call, 1); !got.Open {
		t.Errorf("%+v", got)
	}
	mustDo(t, desk.Limiter.Penalize(t.Context(), call.Provider, 30*time.Second))
	if got := gate("while it is barred", call, 0); !got.Open {
		t.Errorf("%+v", got)
	}
	patient := call
	patient.MaxWait = 45 * time.Second
	if got := gate("for a slot that is still to come", patient, 0); !got.Open {
		t.Errorf("%+v", got)
	}
	mustDo(t, desk.Board.Pause(t.Context(), call.Provider, "ann", "closing"))
	if got := gate("under a pause", call, 0); got.Open || got.Reason != pause.ReasonOperator {
		t.Errorf("%+v", got)
	}
}
