package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker/internal/cli"
)

// idleEnv makes this program a worker that does nothing.
const idleEnv = "REFUND_TORTURE_IDLE"

// TestMain makes this program the simulated companies where torture starts
// itself.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(selfEnv) != "":
		main()
	case os.Getenv(idleEnv) != "":
		time.Sleep(time.Minute)
		return
	}
	os.Exit(m.Run())
}

func needRedis(t *testing.T) {
	t.Helper()
	if os.Getenv("REDIS_SERVER") != "" {
		return
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is not installed, and CI=true asks for every test; install it")
		}
		t.Skip("redis-server is not installed; install it to run this test")
	}
}

func torture(t *testing.T, ctx context.Context, args ...string) (status int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = cli.Run(ctx, newCommand(), cli.Program{Args: args, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Env: os.LookupEnv})
	return status, stdout.String(), stderr.String()
}

// The short form of "go run ./cmd/torture".
func TestNothingIsPaidTwiceOrLostWhileEverythingBreaks(t *testing.T) {
	needRedis(t)
	worker := filepath.Join(t.TempDir(), "worker")
	if said, err := exec.Command("go", "build", "-o", worker, "refundworker/cmd/worker").CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v\n%s", err, said)
	}
	status, out, said := torture(t, t.Context(), "--worker", worker, "--refunds", "150", "--workers", "3", "--for", "7s", "--freeze", "1s", "--settle-within", "60s", "-v", "-o", "json")
	var r result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("exit status %d, %v\n%s\n%s", status, err, out, said)
	}
	if status != 0 || r.broken() || r.Enqueued < 150 {
		t.Errorf("exit status %d, %+v\n%s", status, r, said)
	}
	if r.Kills+r.Freezes+r.Restarts+r.Cut == 0 {
		t.Error("nothing broke")
	}
	if r.Slowest > recoveryLimit {
		t.Errorf("refund %s was taken up %s after its worker died", r.SlowestOf, r.Slowest)
	}
	t.Logf("%+v\n%s", r, said)
}

func TestAnInterruptedRunLeavesNothingBehind(t *testing.T) {
	needRedis(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv(idleEnv, "1")
	ctx, cancel := context.WithCancel(t.Context())
	var pids []string
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		defer cancel()
		// Interrupted once Redis and the workers run.
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range 3000 {
			if pids = running(dir); len(pids) >= 3 {
				return
			}
			<-tick.C
		}
	}()
	status, _, said := torture(t, ctx, "--worker", os.Args[0], "--refunds", "10", "--workers", "2", "--for", "1m")
	<-looked
	if status == 0 {
		t.Errorf("an interrupted run should not look like a good one\n%s", said)
	}
	if len(pids) < 3 {
		t.Fatalf("it did not get far: %v\n%s", pids, said)
	}
	if left := running(dir); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "refund-torture-*")); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

// running lists the processes that have a folder in their command line or stand
// in it, as redis-server does, which writes its command line anew.
func running(dir string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		line, _ := os.ReadFile(f) // it may have gone
		where, _ := os.Readlink(filepath.Join(filepath.Dir(f), "cwd"))
		if bytes.Contains(line, []byte(dir)) || strings.HasPrefix(where, dir) {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"--refunds", "1"}, {"--workers", "0"}, {"--for", "0s"}, {"--freeze", "1h"}, {"what"}} {
		if status, _, said := torture(t, t.Context(), args...); status != cli.Usage || said == "" {
			t.Errorf("%v: exit status %d, %q", args, status, said)
		}
	}
}

func TestThePlanFollowsFromTheSeed(t *testing.T) {
	a, b, c := newPlan(settings{refunds: 300, seed: 1}), newPlan(settings{refunds: 300, seed: 1}), newPlan(settings{refunds: 300, seed: 2})
	differ, full, faults := false, 0, 0
	for i := range a.jobs {
		if a.jobs[i].fault != b.jobs[i].fault || a.jobs[i].request.Amount != b.jobs[i].request.Amount {
			t.Fatalf("job %d differs under one seed", i)
		}
		differ = differ || a.jobs[i].fault != c.jobs[i].fault
		if a.jobs[i].request.Amount == "" {
			full++
		}
		if a.jobs[i].fault != 0 {
			faults++
		}
	}
	if !differ || full < 60 || full > 120 || faults < 85 || faults > 155 {
		t.Errorf("differ %v, %d full, %d faults of 300", differ, full, faults)
	}
}

func TestTheProxyLosesAnAnswerAfterTheServerGotTheRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 100)
			n, _ := c.Read(buf)
			if n > 0 {
				got <- string(buf[:n])
				_, _ = c.Write([]byte("+OK\r\n"))
			}
			_ = c.Close()
		}
	}()
	p, err := startProxy(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	say := func() string {
		c, err := net.Dial("tcp", p.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = c.Write([]byte("evalsha\r\n"))
		buf := make([]byte, 100)
		n, _ := c.Read(buf)
		return string(buf[:n])
	}
	for _, step := range []struct {
		name         string
		make         func()
		hear, answer bool
	}{
		{"left alone", func() {}, true, true},
		{"answer lost", func() { p.swallowAnswers(1) }, true, false},
		{"request lost", func() { p.withholdRequests(1) }, false, false},
		{"calm again", func() { p.swallowAnswers(9); p.calm() }, true, true},
	} {
		step.make()
		if answer := say(); (answer != "") != step.answer {
			t.Errorf("%s: answered %q", step.name, answer)
		}
		select {
		case <-got:
			if !step.hear {
				t.Errorf("%s: the server heard it", step.name)
			}
		default:
			if step.hear {
				t.Errorf("%s: the server heard nothing", step.name)
			}
		}
	}
}
