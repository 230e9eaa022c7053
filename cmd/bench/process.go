package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// startTime bounds how long a process may take to get ready.
const startTime = 20 * time.Second

// endTime is how long a process may take to end by itself.
const endTime = 3 * time.Second

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

// simulator is the simulated providers in their own process.
type simulator struct {
	simulatorReady
	process *process
	stdin   io.Closer
	client  *http.Client
	next    int64 // the first payment that no round has used
}

func startSimulator(ctx context.Context, latency time.Duration) (*simulator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, simulatorName, "--latency", latency.String())
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait closes that before the line is read.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd.Stdout = write
	p, err := startProcess(cmd)
	_ = write.Close()
	if err != nil {
		return nil, fmt.Errorf("start the simulated providers: %w", err)
	}
	s := &simulator{process: p, stdin: stdin, client: &http.Client{Timeout: time.Minute}}
	line := make(chan error, 1)
	go func() {
		text, err := bufio.NewReader(read).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, &s.simulatorReady)
		}
		line <- err
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case err = <-line:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the simulated providers did not start: %w: %s", err, p.said)
	}
	return s, nil
}

func (s *simulator) stop() {
	s.client.CloseIdleConnections()
	s.process.stop(func() { _ = s.stdin.Close() })
}

// ask puts one of the simulator's questions.
func (s *simulator) ask(ctx context.Context, method, what, company string, from, count int64, answer any) error {
	query := url.Values{"company": {company}, "from": {strconv.FormatInt(from, 10)}, "count": {strconv.FormatInt(count, 10)}}
	req, err := http.NewRequestWithContext(ctx, method, s.Control+"/"+what+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the simulated providers for %s: %w", what, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the simulated providers for %s: %s", what, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// reserve makes payments that nobody has refunded and returns the first.
func (s *simulator) reserve(ctx context.Context, company string, count int64) (first int64, err error) {
	first = s.next
	s.next += count
	var added int64
	err = s.ask(ctx, http.MethodPost, "payments", company, first, count, &added)
	return first, err
}

// calls counts the refund calls that the company ever got.
func (s *simulator) calls(ctx context.Context, company string) (n int64, err error) {
	err = s.ask(ctx, http.MethodGet, "calls", company, 0, 0, &n)
	return n, err
}

// reached waits until the company got so many refund calls, but not for long,
// and returns how many it got. It costs next to nothing, unlike asking again and
// again.
func (s *simulator) reached(ctx context.Context, company string, calls int64) (n int64, err error) {
	err = s.ask(ctx, http.MethodGet, "reached", company, 0, calls, &n)
	return n, err
}

// cpu is what the simulator's process ever used.
func (s *simulator) cpu(ctx context.Context) (c cpu, err error) {
	err = s.ask(ctx, http.MethodGet, "cpu", "", 0, 0, &c)
	return c, err
}

// settled checks that every payment of the range got its one refund, and
// returns what moved in all. What is promised has a moment to move.
func (s *simulator) settled(ctx context.Context, company string, first, count int64) (int64, error) {
	var sum ledgerSum
	for try := 0; ; try++ {
		if err := s.ask(ctx, http.MethodGet, "moved", company, first, count, &sum); err != nil {
			return 0, err
		}
		if sum.Pending == 0 || try == 20 {
			break
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	if sum.Wrong > 0 || sum.Pending > 0 || sum.Moved != count*refunded {
		return 0, fmt.Errorf("MONEY IS WRONG: %d of %d payments did not get exactly their refund; moved %d minor units (and %d pending) instead of %d",
			sum.Wrong, count, sum.Moved, sum.Pending, count*refunded)
	}
	return sum.Moved, nil
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
