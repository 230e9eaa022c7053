package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"refundworker/config"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// path is a way through our worker.
type path struct{ preflight bool }

func (p path) name() string {
	if p.preflight {
		return "ours, preflight"
	}
	return "ours"
}

// ourSide is the worker as it is shipped: its queues, its sweeper, its metrics
// and its log, which is encoded and thrown away.
type ourSide struct {
	*bench
	path
	cfg      *config.Config
	warnings tail
}

func (o *ourSide) open(ctx context.Context) (func(context.Context, refund.Request) error, func() error, error) {
	var err error
	if o.cfg, err = o.setup(o.path, o.provider).load(); err != nil {
		return nil, nil, err
	}
	backend, err := tasks.Open(quietly(ctx), o.cfg)
	if err != nil {
		return nil, nil, err
	}
	enqueuer := tasks.NewEnqueuer(backend, o.cfg)
	return func(ctx context.Context, r refund.Request) error {
		receipt, err := enqueuer.Enqueue(ctx, r)
		if err == nil && receipt.Status != tasks.Queued {
			err = fmt.Errorf("refund %s is %s: %s", receipt.RefundID, receipt.Status, receipt.Message)
		}
		return err
	}, backend.Close, nil
}

func (o *ourSide) work(ctx context.Context, fail func(error)) (func() error, error) {
	w, err := worker.New(o.cfg, worker.Options{Log: o.log(), Name: "bench"})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	before := debug.SetGCPercent(worker.GCPercent) // as cmd/worker
	go func() {
		err := w.Run(ctx)
		if err != nil {
			fail(err)
		}
		ended <- err
	}()
	return func() error {
		cancel()
		err := <-ended
		debug.SetGCPercent(before)
		return err
	}, nil
}

// log is the worker's usual one. Warnings are kept for a round that fails.
func (o *ourSide) log() *zap.Logger {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	return zap.New(zapcore.NewTee(
		zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zapcore.InfoLevel),
		zapcore.NewCore(encoder, zapcore.AddSync(&o.warnings), zapcore.WarnLevel)))
}

// verify asks the journal whether every refund succeeded.
func (o *ourSide) verify(ctx context.Context, n int) error {
	backend, err := tasks.Open(ctx, o.cfg)
	if err != nil {
		return err
	}
	defer backend.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stats, err := backend.Journal.Stats(ctx)
	if err != nil {
		return err
	}
	succeeded, others := 0, []string(nil)
	for _, s := range stats {
		switch {
		case s.State == refund.Succeeded:
			succeeded += int(s.Count)
		case s.Count != 0:
			others = append(others, fmt.Sprintf("%d %s", s.Count, s.State))
		}
	}
	if succeeded != n || len(others) > 0 {
		return fmt.Errorf("%d of %d refunds succeeded, others: %s; the worker's last warnings:\n%s",
			succeeded, n, strings.Join(others, ", "), o.warnings.String())
	}
	return nil
}
