package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/tasks"
)

// stage is everything that takes part.
type stage struct {
	settings
	dir       string
	program   string // the worker's
	progress  io.Writer
	began     time.Time
	companies *companies
	redis     *redisServer
	proxy     *proxy
	backend   *tasks.Backend // torture's own, past the proxy
	producer  *tasks.Backend // through the proxy
	cfg       *config.Config
	workers   []*worker
	deaths    []death
	freezes   sync.WaitGroup
	tally     tally
}

// tally is what was done and met, for the table.
type tally struct {
	mu        sync.Mutex
	Kills     int
	Freezes   int
	SelfEnded int // workers that ended although nobody asked
	Repeats   int // enqueued again with the same id
	Twins     int // enqueued again with another id
	Refused   int // twins that were refused
	Retried   int // enqueueings that had to be repeated
}

func (t *tally) add(count *int, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*count += n
}

func openStage(ctx context.Context, s settings, dir string, progress io.Writer) (st *stage, err error) {
	st = &stage{settings: s, dir: dir, program: s.workerProgram, progress: progress, began: time.Now()}
	opened := st
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if st.program == "" {
		st.program = filepath.Join(dir, "worker")
		build := exec.CommandContext(ctx, "go", "build", "-o", st.program, "refundworker/cmd/worker")
		if said, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the worker (or name one with --worker): %w: %s", err, said)
		}
	}
	if st.companies, err = startCompanies(ctx); err != nil {
		return nil, err
	}
	if st.redis, err = startRedis(ctx, s.redisProgram, dir); err != nil {
		return nil, err
	}
	if st.proxy, err = startProxy(st.redis.addr); err != nil {
		return nil, err
	}
	if st.cfg, st.backend, err = st.connect(ctx, "direct.yaml", st.redis.addr); err != nil {
		return nil, err
	}
	if _, st.producer, err = st.connect(ctx, "producer.yaml", st.proxy.addr()); err != nil {
		return nil, err
	}
	for n := range s.crew {
		w, err := st.hire(n)
		if err != nil {
			return nil, err
		}
		st.workers = append(st.workers, w)
	}
	return st, nil
}

// connect opens a backend on Redis at an address.
func (st *stage) connect(ctx context.Context, name, addr string) (*config.Config, *tasks.Backend, error) {
	file, err := st.writeConfig(name, addr, "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(file, config.Options{Drivers: all.Drivers, ResolveSecrets: true})
	if err != nil {
		return nil, nil, err
	}
	backend, err := tasks.Open(ctx, cfg)
	return cfg, backend, err
}

func (st *stage) close() {
	for _, w := range st.workers {
		w.leave() // also ends one that stands still
	}
	for _, b := range []*tasks.Backend{st.backend, st.producer} {
		if b != nil {
			_ = b.Close()
		}
	}
	if st.proxy != nil {
		st.proxy.close()
	}
	if st.redis != nil {
		st.redis.close()
	}
	if st.companies != nil {
		st.companies.close()
	}
}

func (st *stage) say(format string, args ...any) {
	fmt.Fprintf(st.progress, "%6.1fs  %s\n", time.Since(st.began).Seconds(), fmt.Sprintf(format, args...))
}

func (st *stage) tell(format string, args ...any) {
	if st.verbose {
		st.say(format, args...)
	}
}
