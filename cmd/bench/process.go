package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"sync"
	"time"
)

// startTime bounds how long a process may take to get ready.
const startTime = 20 * time.Second

// endTime is how long a process may take to end by itself.
const endTime = 10 * time.Second

// process is a child that is killed if it does not end when asked.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	said  *tail // on standard error
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{}), said: &tail{}}
	cmd.Stderr = p.said
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop asks the process to end, and kills it if it does not.
func (p *process) stop(ask func()) {
	ask()
	select {
	case <-p.ended:
	case <-time.After(endTime):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// tail keeps the last of what was written, for an error's message.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = t.text[over:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

var errEnded = errors.New("it ended by itself")

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
