package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/worker"
)

// processInput is what a worker in a process of its own is started with.
type processInput struct {
	Name string
	Text string
	Env  map[string]string
}

// workerProcess is what this test program does as a worker: it runs until it is
// killed, or drains on SIGTERM.
func workerProcess(file string) int {
	raw, err := os.ReadFile(file)
	var in processInput
	if err == nil {
		err = json.Unmarshal(raw, &in)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cfg, err := loadText(in.Text, in.Env)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	w, err := worker.New(cfg, worker.Options{Log: zap.NewNop(), Name: in.Name})
	if err == nil {
		err = w.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// spawn runs a worker in a process of its own; the function returned kills it
// as a crash would.
func (r *rig) spawn() (kill func()) { return r.spawnAs("doomed", r.cfg.Listen).kill }

// spawned is a worker in a process of its own.
type spawned struct {
	*exec.Cmd
	name, listen string
	ended        chan struct{} // closed when it has
}

// kill ends it as a crash would; a second call does nothing.
func (s *spawned) kill() {
	_ = s.Process.Kill()
	<-s.ended
}

// spawnAs runs a worker that is told from others by its name and address.
func (r *rig) spawnAs(name, listen string) *spawned {
	r.t.Helper()
	text := strings.Replace(r.text, "listen: "+r.cfg.Listen+"\n", "listen: "+listen+"\n", 1)
	raw, err := json.Marshal(processInput{name, text, r.env})
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.t.TempDir(), "worker.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), processConfig+"="+file)
	cmd.Stderr = r.log
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	s := &spawned{cmd, name, listen, make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(s.ended)
	}()
	r.t.Cleanup(s.kill)
	return s
}

// durable is a setup whose journal is on disk, as in production.
func durable(provider map[string]string) setup {
	return setup{top: map[string]string{"durability": "aof"}, redisArgs: []string{"--appendonly", "yes", "--appendfsync", "always"}, provider: provider}
}

func TestWorkerKilledAfterTheEffectIsProvenByTheNext(t *testing.T) {
	everyCompany(t, durable(map[string]string{"timeout": "3s", "reconcile": "{first: 200ms, settle: 4s}"}), func(t *testing.T, r *rig, company string) {
		kill := r.spawn()
		partial, full := r.pays(company, 500_00), r.pays(company, 70_00)
		r.companies.Fail(company, "", sandbox.Fault{Kind: sandbox.LostAnswer, Times: 2})
		ids := []string{r.enqueue(request(company, partial, "100.00")), r.enqueue(request(company, full, ""))}
		r.until("the effects", func() bool {
			return r.companies.Moved(company, partial)+r.companies.Pending(company, partial) > 0 &&
				r.companies.Moved(company, full)+r.companies.Pending(company, full) > 0
		}, r.log.String)
		for _, id := range ids {
			if rec := r.get(id); rec.State != refund.Sending {
				t.Fatalf("the answer was not awaited: %s", r.story(rec))
			}
		}
		kill()
		r.start()
		for _, id := range ids {
			rec := r.waitFor(id, refund.Succeeded)
			if !rec.Unproven || rec.ReasonCode != "proven_by_total" || rec.Attempts != 1 || rec.AttemptCode() != "worker_lost" {
				t.Errorf("%s", r.story(rec))
			}
		}
		r.moved(company, partial, 100_00)
		r.moved(company, full, 70_00)
		r.calls(company, 2)
	})
}

func TestWorkerKilledBeforeALateEffectPaysOnce(t *testing.T) {
	everyCompany(t, durable(map[string]string{"timeout": "2s", "reconcile": "{first: 200ms, settle: 4s}"}), func(t *testing.T, r *rig, company string) {
		kill := r.spawn()
		late, never := r.pays(company, 500_00), r.pays(company, 500_00)
		// The company carries it out a second after the worker died, or never.
		r.companies.Fail(company, late, sandbox.Fault{Kind: sandbox.LateEffect, Delay: time.Second})
		r.companies.Fail(company, never, sandbox.Fault{Kind: sandbox.LateEffect, Delay: time.Hour})
		lateID, neverID := r.enqueue(request(company, late, "100.00")), r.enqueue(request(company, never, "60.00"))
		r.until("both calls", func() bool { return r.companies.Calls(company, sandbox.OpRefund) == 2 }, r.log.String)
		kill()
		r.start()
		if rec := r.waitFor(lateID, refund.Succeeded); rec.Attempts != 1 {
			t.Errorf("%s", r.story(rec))
		}
		if rec := r.waitFor(neverID, refund.Succeeded); rec.Attempts != 2 || rec.Resends != 1 {
			t.Errorf("%s", r.story(rec))
		}
		r.moved(company, late, 100_00)
		r.moved(company, never, 60_00)
	})
}
