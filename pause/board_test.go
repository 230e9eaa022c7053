package pause_test

import (
	"context"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/pause"
)

const provider = "unitpay"

var ctx = context.Background()

// bench is a board on a Redis whose clock the test moves.
type bench struct {
	*testing.T
	mr    *miniredis.Miniredis
	board *pause.Board
	now   time.Time
}

func newBench(t *testing.T) *bench {
	mr := miniredis.RunT(t)
	b := &bench{T: t, mr: mr, board: newBoard(t, mr), now: time.Unix(1_790_000_000, 123_456_000)}
	b.board.Now = func() time.Time { return b.now }
	b.after(0)
	return b
}

func newBoard(t *testing.T, mr *miniredis.Miniredis) *pause.Board {
	rdb := redis.NewClient(&redis.Options{Addr: mr.Addr(), MaxRetries: -1})
	t.Cleanup(func() { rdb.Close() })
	return pause.New(rdb)
}

func (b *bench) after(d time.Duration) {
	b.now = b.now.Add(d)
	b.mr.SetTime(b.now)
}

func (b *bench) enter() pause.Pass {
	b.Helper()
	p, err := b.board.Enter(ctx, provider, 0)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// open wants a normal call to be let through.
func (b *bench) open() pause.Pass {
	b.Helper()
	p := b.enter()
	if !p.Open || p.Probe || p.Reason != "" || p.Wait != 0 {
		b.Fatalf("Enter = %+v, want it open", p)
	}
	return p
}

// probe wants the trial call.
func (b *bench) probe() pause.Pass {
	b.Helper()
	p := b.enter()
	if !p.Open || !p.Probe || p.Reason == "" || p.Wait != 0 {
		b.Fatalf("Enter = %+v, want the trial call", p)
	}
	return p
}

// closed wants to be sent away for a reason and a time.
func (b *bench) closed(reason pause.Reason, wait time.Duration) pause.Pass {
	b.Helper()
	p := b.enter()
	if p.Open || p.Probe || p.Reason != reason || p.Wait != wait {
		b.Fatalf("Enter = %+v, want it closed for %q, and to come back in %s", p, reason, wait)
	}
	return p
}

func (b *bench) report(r pause.Result) {
	b.Helper()
	if err := b.board.Report(ctx, provider, r); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) times(n int, r pause.Result) {
	b.Helper()
	for range n {
		b.report(r)
	}
}

func (b *bench) state() pause.Status {
	b.Helper()
	s, err := b.board.State(ctx, provider)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (b *bench) operatorPause(note string) {
	b.Helper()
	if err := b.board.Pause(ctx, provider, "ann", note); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) resume() {
	b.Helper()
	if err := b.board.Resume(ctx, provider, "bob"); err != nil {
		b.Fatal(err)
	}
}

var (
	sick    = pause.Sick("timeout")
	empty   = pause.Refusal("-32000", "no money")
	badKey  = pause.Credentials("wrong key")
	good    = pause.Good()
	nothing = pause.Nothing()
)

func TestWhatPausesAProvider(t *testing.T) {
	run := func(n int, r pause.Result) (all []pause.Result) {
		for range n {
			all = append(all, r)
		}
		return all
	}
	join := func(parts ...[]pause.Result) (all []pause.Result) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	other := pause.Refusal("-1", "")
	for name, c := range map[string]struct {
		reports []pause.Result
		want    pause.Reason
	}{
		"nothing yet":                                {nil, ""},
		"four sick calls do not":                     {run(4, sick), ""},
		"five sick calls do":                         {run(5, sick), pause.ReasonHealth},
		"a good call between them resets":            {join(run(4, sick), run(1, good), run(4, sick)), ""},
		"a refusal between them resets: it answers":  {join(run(4, sick), run(1, empty), run(4, sick)), ""},
		"calls that say nothing do not reset":        {join(run(4, sick), run(3, nothing), run(1, sick)), pause.ReasonHealth},
		"19 refusals of one code do not":             {run(19, empty), ""},
		"20 refusals of one code do":                 {run(20, empty), pause.ReasonHealth},
		"a good call among refusals resets":          {join(run(19, empty), run(1, good), run(19, empty)), ""},
		"another code among refusals resets":         {join(run(19, empty), run(1, other), run(19, empty)), ""},
		"a sick call among refusals does not reset":  {join(run(19, empty), run(1, sick), run(1, empty)), pause.ReasonHealth},
		"refused credentials do at once":             {run(1, badKey), pause.ReasonCredentials},
		"the zero result says nothing":               {run(50, pause.Result{}), ""},
		"good calls do not":                          {run(50, good), ""},
		"refused credentials count above bad health": {join(run(5, sick), run(1, badKey)), pause.ReasonCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, r := range c.reports {
				b.report(r)
			}
			if got := b.state().Reason; got != c.want {
				t.Fatalf("paused for %q, want %q", got, c.want)
			}
			if p := b.enter(); p.Reason != c.want || p.Open != (c.want == "") {
				t.Errorf("Enter = %+v", p)
			}
		})
	}
}

func TestProcessesShareThePausesAndProvidersDoNot(t *testing.T) {
	b := newBench(t)
	other := newBoard(t, b.mr)
	for i := range 5 {
		board := []*pause.Board{b.board, other}[i%2]
		if err := board.Report(ctx, provider, sick); err != nil {
			t.Fatal(err)
		}
	}
	for _, board := range []*pause.Board{b.board, other} {
		if p, err := board.Enter(ctx, provider, 0); err != nil || p.Open {
			t.Errorf("Enter = %+v, %v; want it closed in both processes", p, err)
		}
	}
	if p, err := other.Enter(ctx, "maib", 0); err != nil || !p.Open {
		t.Errorf("Enter of another provider = %+v, %v; want it open", p, err)
	}
}

func TestAPauseSaysWhy(t *testing.T) {
	b := newBench(t)
	b.times(20, empty)
	p := b.closed(pause.ReasonHealth, time.Second)
	if p.Code != "-32000" || p.Detail != "no money" {
		t.Errorf("pass says %q %q", p.Code, p.Detail)
	}
	s := b.state()
	want := pause.Status{Reason: pause.ReasonHealth, Code: "-32000", Detail: "no money", Since: s.Since, NextProbe: s.NextProbe}
	if s != want || !s.Since.Equal(b.now) || !s.NextProbe.Equal(b.now.Add(time.Second)) {
		t.Errorf("state = %+v", s)
	}
}

func TestTextsAreCutToOneShortLine(t *testing.T) {
	b := newBench(t)
	long := "two\nlines\tand \xff"
	for range 100 {
		long += " жук"
	}
	b.report(pause.Credentials(long))
	d := b.state().Detail
	if len(d) > 210 || d[:16] != "two lines and ? " || d[len(d)-len("…"):] != "…" {
		t.Errorf("detail is %q", d)
	}
}

func TestLastGoodIsKeptThroughAPause(t *testing.T) {
	b := newBench(t)
	if s := b.state(); s != (pause.Status{}) {
		t.Fatalf("a provider never heard of: %+v, want the zero status", s)
	}
	b.report(good)
	at := b.now
	b.after(time.Hour)
	b.report(badKey)
	if s := b.state(); !s.LastGood.Equal(at) {
		t.Errorf("last good %s, want %s", s.LastGood, at)
	}
}

func TestAHealthyProviderCostsOneWriteASecondAtMost(t *testing.T) {
	b := newBench(t)
	last := func() string { return b.mr.HGet("refunds:{prov:unitpay}:pause", "last_good") }
	b.report(good)
	first := last()
	for range 9 {
		b.after(100 * time.Millisecond)
		b.report(good.Of(b.open()))
	}
	if last() != first {
		t.Error("last_good was written again within a second")
	}
	b.after(100 * time.Millisecond)
	b.report(good)
	if last() == first {
		t.Error("last_good was not written after a second")
	}
}

func TestWithoutRedisNobodyIsLetThrough(t *testing.T) {
	b := newBench(t)
	b.mr.Close()
	if p, err := b.board.Enter(ctx, provider, 0); err == nil || p.Open {
		t.Errorf("Enter = %+v, %v", p, err)
	}
	if err := b.board.Report(ctx, provider, good); err == nil {
		t.Error("Report: no error")
	}
	if err := b.board.Pause(ctx, provider, "ann", ""); err == nil {
		t.Error("Pause: no error")
	}
	if err := b.board.Resume(ctx, provider, "ann"); err == nil {
		t.Error("Resume: no error")
	}
	if _, err := b.board.State(ctx, provider); err == nil {
		t.Error("State: no error")
	}
}
