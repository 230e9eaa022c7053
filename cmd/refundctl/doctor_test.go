package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/internal/cli/clitest"
	"refundworker/internal/redistest"
	"refundworker/pause"
	"refundworker/providers/all"
	"refundworker/ratelimit"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// examined runs the doctor and returns what it says of each check, "VERDICT
// FOUND" by "CHECK" or "CHECK SUBJECT".
func examined(t *testing.T, b *clitest.Bench, args ...string) (map[string]string, int) {
	t.Helper()
	r := b.Run(append([]string{"doctor", "-o", "json"}, args...)...)
	var d diagnosis
	if err := json.Unmarshal([]byte(r.Stdout), &d); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	said := map[string]string{}
	for _, one := range d.Checks {
		said[strings.TrimSpace(one.Check+" "+one.Subject)] = string(one.Verdict) + " " + one.Found
		if (one.Verdict == well) != (one.Fix == "") {
			t.Errorf("%s is %s and its fix is %q", one.Check, one.Verdict, one.Fix)
		}
	}
	if (d.Verdict == ill) != (r.Status == cli.Failed) && r.Status != cli.NoRedis {
		t.Errorf("%s, and exit status %d", d.Verdict, r.Status)
	}
	return said, r.Status
}

func expect(t *testing.T, said map[string]string, check, begin string) {
	t.Helper()
	if !strings.HasPrefix(said[check], begin) {
		t.Errorf("%s: got %q, want %s…", check, said[check], begin)
	}
}

func TestDoctorMissesTheWorkers(t *testing.T) {
	b := clitest.New(t, run)
	said, status := examined(t, b)
	if status != cli.Failed {
		t.Errorf("exit status %d", status)
	}
	expect(t, said, "workers", "fail none is running")
	expect(t, said, "sweeper", "fail none")
	expect(t, said, "durability", "warn none")
	expect(t, said, "provider unitpay", "ok runs; no call has worked yet")
	expect(t, said, "rate limit maib", "ok 5/s, burst 1; slots are taken 0s ahead")
	expect(t, said, "credentials", "ok not tried")
	b.Columns = 80
	r := b.Run("doctor", "--color", "never")
	for line := range strings.Lines(r.Stdout) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	if !strings.Contains(r.Stdout, "warnings, ") || !strings.Contains(r.Stdout, "start a worker") {
		t.Errorf("%+v", r)
	}
}

func TestDoctorFindsWhatIsStuck(t *testing.T) {
	b, s := bench(t)
	rdb := s.Backend.Redis
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// A refund that somebody worked on an hour ago, and nobody since.
	enqueue(t, s, request("stuck", "77", "7.00"))
	bring(t, s, "stuck", refund.Sending, nil)
	bucket := ""
	for _, key := range b.Redis.Keys() {
		if strings.HasSuffix(key, ":r:stuck") {
			bucket = strings.TrimSuffix(key, "r:stuck")
		}
	}
	must(rdb.ZAdd(ctx, bucket+"due", redis.Z{Score: float64(time.Now().Add(-time.Hour).UnixMilli()), Member: "stuck"}).Err())
	must(rdb.Set(ctx, bucket+"restored", time.Now().Format(time.RFC3339), 0).Err())
	must(ratelimit.New(rdb).Penalize(ctx, "maib", 10*time.Minute+30*time.Second))
	must(tasks.NewOperator(s.Backend, s.Config).Pause(ctx, "sberbank", "olga", "holiday"))
	must(pause.New(rdb).Report(ctx, "maib", pause.Credentials("11000")))
	said, _ := examined(t, b)
	expect(t, said, "overdue", "fail 1 refunds should have been looked after more than 2m0s ago, such as stuck")
	expect(t, said, "restored", "warn 1 of 256 buckets")
	expect(t, said, "rate limit maib", "warn 5/s, burst 1; barred by the provider for 10m")
	expect(t, said, "provider sberbank", "warn paused by olga")
	expect(t, said, "provider maib", "fail refuses the credentials")
	expect(t, said, "review", "warn 2 refunds wait")
	expect(t, said, "events", "ok 3 wait")
	must(rdb.ZRem(ctx, bucket+"due", "stuck").Err())
	b.Config(t, "  maib:", "  other:")
	b.Config(t, "unitpay:", "renamed:")
	said, _ = examined(t, b)
	expect(t, said, "names unitpay", "fail ")
}

// What the doctor looks at stays as it is, byte by byte.
func TestDoctorChangesNothing(t *testing.T) {
	b, _ := bench(t)
	before := b.Redis.Dump()
	examined(t, b)
	if after := b.Redis.Dump(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func TestDoctorOfARedisThatIsAway(t *testing.T) {
	b := clitest.New(t, run)
	b.Redis.Close()
	said, status := examined(t, b)
	expect(t, said, "redis", "fail not reached")
	if status != cli.NoRedis {
		t.Errorf("exit status %d", status)
	}
}

func TestDoctorBesideAWorker(t *testing.T) {
	b := clitest.New(t, run)
	server := redistest.Start(t, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb")
	b.Config(t, b.Redis.Addr(), server.Addr)
	b.Config(t, "durability: none", "durability: none\nlisten: 127.0.0.1:0\nallow_eviction: true")
	b.Env = map[string]string{"UNITPAY_SECRET_KEY": "a", "OTHER": "b", "MAIB_CLIENT_ID": "c", "MAIB_CLIENT_SECRET": "d", "SBERBANK_USERNAME": "e", "SBERBANK_PASSWORD": "f"}
	s := b.Session(t)
	cfg, err := config.Load(s.Config.File, config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		Env: func(name string) (string, bool) { v, ok := b.Env[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	w, err := worker.New(cfg, worker.Options{Name: "w1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	redistest.Eventually(t, "the worker sweeps and serves all queues", func() bool {
		name, err := s.Backend.Sweeper(ctx)
		servers, serversErr := s.Backend.Servers()
		return err == nil && serversErr == nil && name != "" && len(servers) == 4
	})
	said, status := examined(t, b)
	if status != cli.Failed && status != cli.OK {
		t.Errorf("exit status %d", status)
	}
	expect(t, said, "workers", "ok 1 running, asynq ")
	expect(t, said, "sweeper", "ok w1 sweeps")
	expect(t, said, "redis "+server.Addr, "ok version ")
	expect(t, said, "eviction "+server.Addr, "warn maxmemory-policy is allkeys-lru")
	expect(t, said, "clock "+server.Addr, "ok within 1s")
	expect(t, said, "memory", "ok ")
	expect(t, said, "overdue", "ok nothing")
	if status != cli.OK {
		t.Errorf("with warnings only the exit status is %d: %v", status, said)
	}
}

func TestDoctorTriesTheCredentials(t *testing.T) {
	answers := map[string]struct {
		code int
		body string
		want string
	}{
		"they work":        {http.StatusOK, `{"result":{"accessToken":"t0ken","expiresIn":300,"tokenType":"Bearer"},"ok":true}`, "ok they work"},
		"they are refused": {http.StatusUnauthorized, `{"errors":[{"errorCode":"11000","errorMessage":"bad client"}],"ok":false}`, "fail refused: "},
		"nobody knows":     {http.StatusServiceUnavailable, ``, "warn not known: "},
	}
	for name, c := range answers {
		t.Run(name, func(t *testing.T) {
			calls := 0
			maib := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.code)
				_, _ = w.Write([]byte(c.body))
			}))
			defer maib.Close()
			b := clitest.New(t, run)
			b.Config(t, "https://sandbox.maibmerchants.md", maib.URL)
			b.Env = map[string]string{"UNITPAY_SECRET_KEY": "a", "OTHER": "b", "MAIB_CLIENT_ID": "c", "MAIB_CLIENT_SECRET": "s3cret-of-maib", "SBERBANK_USERNAME": "e", "SBERBANK_PASSWORD": "f"}
			said, _ := examined(t, b, "--secrets")
			expect(t, said, "credentials maib", c.want)
			expect(t, said, "credentials unitpay", "ok there; the provider has no harmless call")
			expect(t, said, "names", "ok every account")
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
			for check, text := range said {
				if strings.Contains(text, "s3cret") {
					t.Errorf("%s tells a secret: %s", check, text)
				}
			}
		})
	}
	b := clitest.New(t, run)
	if r := b.Run("doctor", "--secrets"); r.Status != cli.Failed || !strings.Contains(r.Stderr, "missing secret") || r.Stdout != "" {
		t.Errorf("without secrets: %+v", r)
	}
}
