package main

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

const (
	startTime = 90 * time.Second // for everything to get ready, building included
	endTime   = 10 * time.Second // for a process to end when asked
)

// child is a process of ours. Its owner kills it.
type child struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	said   *tail // on standard error
	killed atomic.Bool
}

func startChild(cmd *exec.Cmd, also io.Writer) (*child, error) {
	c := &child{cmd: cmd, ended: make(chan struct{}), said: &tail{also: also}}
	cmd.Stderr = c.said
	if cmd.Stdout == nil {
		cmd.Stdout = c.said
	}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// kill ends the process as a crash does, and waits until it is gone.
func (c *child) kill() {
	if c == nil {
		return
	}
	c.killed.Store(true)
	_ = c.cmd.Process.Kill()
	<-c.ended
}

func (c *child) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// tail keeps the last of what was written, for an error's message.
type tail struct {
	mu   sync.Mutex
	text []byte
	also io.Writer // nil for nothing
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = t.text[over:]
	}
	if t.also != nil {
		return t.also.Write(b)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
