package worker

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"refundworker/config"
	"refundworker/tasks"
)

// How often the worker looks into Redis.
const (
	sweepEvery = time.Second
	// of one sweep, well below its lease, with what else it does
	sweepPatience = 1500 * time.Millisecond
	recheckEvery  = 15 * time.Second // of what Redis keeps
	tallyEvery    = 5 * time.Second  // what was counted for the pages goes to Redis
	tallyTime     = 2 * time.Second  // of that
)

// Run works until ctx ends, then drains: attempts that run are finished within
// the shutdown timeout. The error says why it could not start or went wrong;
// ending by ctx is none.
func (w *Worker) Run(ctx context.Context) error {
	stopHTTP, err := w.serve()
	if err != nil {
		return err
	}
	defer stopHTTP()
	r, err := w.connect(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	ended := true
	defer func() {
		if ended {
			w.close(r)
		}
	}()
	w.log.Info("Redis reached", zap.String("report", r.backend.Report.String()), zap.String("durability", string(w.cfg.Durability)))
	if r.backend.Report.Replicated && w.cfg.Durability == config.AOF {
		w.log.Warn("durability aof waits for no replica, and one may take over: after a failover every attempt has to wait until it is proved that nothing was forgotten, and what can't be proved goes to review. durability: aof+replica avoids that")
	}

	ears, deafen := context.WithCancel(context.WithoutCancel(ctx))
	var listening sync.WaitGroup
	defer func() { deafen(); listening.Wait() }()
	queues := newQueues(w, r)
	listening.Go(func() { queues.bell.Run(ears) })
	if err := queues.start(); err != nil {
		queues.stop()
		return err
	}
	w.running.Store(r)
	w.log.Info("worker started", zap.String("name", w.name), zap.Int("providers", len(w.accounts)), zap.String("listen", w.Addr()))

	relaying, stopRelay := context.WithCancel(context.WithoutCancel(ctx))
	relayed := make(chan struct{})
	go func() { defer close(relayed); r.relayer.Run(relaying) }()
	defer func() { stopRelay(); <-relayed }() // after everything that has events

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { w.sweep(background, r); return nil })
	group.Go(func() error { w.recheck(background, r); return nil })
	group.Go(func() error { w.count(background, r); return nil })

	<-ctx.Done()
	w.log.Info("worker stops: running attempts finish, nothing new begins", zap.Duration("within", w.cfg.ShutdownTimeout))
	close(w.draining)
	stop()
	group.Go(func() error { queues.stop(); return nil })
	ended = w.finish(&group)
	return nil
}

// finish waits for what is under way, a little longer than the queues may take,
// and reports whether it ended. If not, the connections stay open until the
// process ends: what still runs may yet write down what became of it.
func (w *Worker) finish(group *errgroup.Group) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = group.Wait()
	}()
	late := time.NewTimer(w.cfg.ShutdownTimeout + time.Second)
	defer late.Stop()
	select {
	case <-done:
		w.log.Info("worker stopped")
		return true
	case <-late.C:
		w.log.Warn("worker stopped with attempts still running: they will be reconciled")
		return false
	}
}

// close ends what the providers and the backend keep open.
func (w *Worker) close(r *running) {
	for _, a := range w.accounts {
		if c, ok := a.API.(io.Closer); ok {
			_ = c.Close()
		}
	}
	if err := r.backend.Close(); err != nil {
		w.log.Warn("Redis not closed cleanly", zap.Error(err))
	}
}

// sweep runs the spare clockwork until ctx ends.
func (w *Worker) sweep(ctx context.Context, r *running) {
	sweeper := tasks.NewSweeper(r.backend, r.processor, w.name)
	sweeper.Patience = sweepPatience
	defer sweeper.Wait()
	every(ctx, sweepEvery, func() {
		if err := sweeper.Tick(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("sweep failed; the next one goes on", zap.Error(err))
		}
	})
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = sweeper.Release(last)
}

// recheck verifies again and again that Redis keeps what it must: a failover
// may have brought up another server. It also sees whether another worker has
// taken an account up under another name. Nothing begins while either is wrong.
func (w *Worker) recheck(ctx context.Context, r *running) {
	restored := false
	look := func() { restored = w.watchMark(ctx, r, restored) }
	look()
	every(ctx, recheckEvery, func() {
		look()
		why, err := heldRedis, r.backend.Check(ctx)
		if err == nil {
			why, err = heldAccount, r.backend.KeepsNames(ctx, w.cfg)
		}
		if ctx.Err() != nil || err != nil && tasks.Unreachable(err) {
			return
		}
		if err == nil {
			why = ""
		}
		w.metrics.hold(why)
		held := r.processor.Hold(err)
		switch {
		case err != nil && !held:
			w.log.Error("Redis no longer keeps what it must: nothing is sent until it does", zap.Error(err))
		case err == nil && held:
			w.log.Info("Redis keeps what it must again")
		}
	})
}

// count gives what was counted for the pages to Redis, until ctx ends and once
// more.
func (w *Worker) count(ctx context.Context, r *running) {
	flush := func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), tallyTime)
		defer cancel()
		if err := w.tally.Flush(bounded, r.backend.Redis); err != nil {
			w.log.Debug("a few seconds are missing in the pages' charts", zap.Error(err))
		}
	}
	every(ctx, tallyEvery, flush)
	flush()
}

// watchMark says in the log when the journal is marked as behind the world, and when
// that is over; was is what it found before.
func (w *Worker) watchMark(ctx context.Context, r *running, was bool) bool {
	since, err := r.backend.Journal.RestoredSince(ctx)
	if err != nil {
		return was // Redis is away, which is said elsewhere
	}
	is := !since.IsZero()
	switch {
	case is && !was:
		w.log.Error("the journal may be behind the world, after a failover, a restored backup or a loss of data: "+
			"nothing is sent that is not proved first. When what it may have forgotten is enqueued again, "+
			"run refundctl after-restore --done", zap.Time("since", since))
	case was && !is:
		w.log.Info("the journal is no longer marked as behind the world")
	}
	return is
}

func every(ctx context.Context, d time.Duration, do func()) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// Check validates that everything can be reached that a worker needs, and
// leaves. It binds no port, so it runs beside a running worker.
func (w *Worker) Check(ctx context.Context) (string, error) {
	backend, err := tasks.Open(ctx, w.cfg)
	if err != nil {
		return "", err
	}
	return backend.Report.String(), errors.Join(backend.CheckNames(ctx, w.cfg), backend.Close())
}
