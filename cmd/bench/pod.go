package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"refundworker/internal/cli"
	"refundworker/worker"
)

// podName is the hidden command of a worker in a process of its own.
const podName = "pod"

// podState is what a pod says of itself.
type podState struct {
	Started    time.Duration `json:"started_ns"` // from reading the configuration until it was ready
	CPU        cpu           `json:"cpu"`        // ever used
	Goroutines int           `json:"goroutines"`
	Memory     uint64        `json:"memory_bytes"` // taken from the system and in use
}

func podCommand() *cobra.Command {
	return &cobra.Command{
		Use: podName, Hidden: true, Args: cobra.NoArgs,
		Short: "Work by the configuration on standard input until that ends",
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		}),
	}
}

// serve is the worker as it is shipped; its log is encoded, and all but the
// warnings thrown away. It says when the configuration is read and the providers
// are open, runs with the next line, says when it is ready, and what it is with
// each line after that.
func serve(ctx context.Context, in io.Reader, out, errs io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var yaml string
	if !lines.Scan() {
		return fmt.Errorf("no configuration: %w", io.ErrUnexpectedEOF)
	}
	if err := json.Unmarshal(lines.Bytes(), &yaml); err != nil {
		return err
	}
	begun := time.Now()
	cfg, err := loadConfig(yaml)
	if err != nil {
		return err
	}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	w, err := worker.New(cfg, worker.Options{Log: zap.New(zapcore.NewTee(
		zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zapcore.InfoLevel),
		zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(errs)), zapcore.WarnLevel)))})
	if err != nil {
		return err
	}
	prepared := time.Since(begun)
	if err := cli.WriteJSON(out, stateNow(prepared)); err != nil || !lines.Scan() {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	debug.SetGCPercent(worker.GCPercent) // as cmd/worker
	begun = time.Now()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx); cancel() }()
	if err := ready(ctx, w); err != nil {
		cancel()
		return fmt.Errorf("%w: %w", err, <-ended)
	}
	started := prepared + time.Since(begun)
	for again := true; again; again = lines.Scan() {
		if err := cli.WriteJSON(out, stateNow(started)); err != nil {
			break
		}
	}
	cancel()
	return <-ended
}

func stateNow(started time.Duration) podState {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return podState{Started: started, CPU: ownCPU(), Goroutines: runtime.NumGoroutine(), Memory: memory.Sys - memory.HeapReleased}
}

// ready waits until the worker takes refunds.
func ready(ctx context.Context, w *worker.Worker) error {
	select {
	case <-w.Listening():
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		resp, err := http.Get("http://" + w.Addr() + "/readyz")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			http.DefaultClient.CloseIdleConnections()
			return nil
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// pods are workers, each in such a process, that share the work.
type pods []*child

// preparePods starts workers that have read their configuration and do nothing
// until run. state is what all together used for it.
func preparePods(ctx context.Context, n int, s setup) (all pods, state podState, err error) {
	for range n {
		var one podState
		p, err := startChild(ctx, &one, s.yaml(), podName)
		if err != nil {
			all.end()
			return nil, state, fmt.Errorf("start a worker: %w", err)
		}
		all = append(all, p)
		state.add(one)
	}
	return all, state, nil
}

// run lets all begin at once, and returns when all are ready.
func (all pods) run(ctx context.Context) error {
	_, err := all.look(ctx)
	return err
}

// look is the sum of what they say.
func (all pods) look(ctx context.Context) (sum podState, err error) {
	states := make([]podState, len(all))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range all {
		group.Go(func() error { return p.ask(ctx, &states[i]) })
	}
	if err := group.Wait(); err != nil {
		return sum, fmt.Errorf("ask a worker: %w", err)
	}
	for _, state := range states {
		sum.add(state)
	}
	return sum, nil
}

func (s *podState) add(other podState) {
	s.Started = max(s.Started, other.Started)
	s.CPU.User += other.CPU.User
	s.CPU.System += other.CPU.System
	s.Goroutines += other.Goroutines
	s.Memory += other.Memory
}

func (all pods) end() {
	done := make(chan struct{})
	for _, p := range all {
		go func() { p.end(); done <- struct{}{} }()
	}
	for range all {
		<-done
	}
}
