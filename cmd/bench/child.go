package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// child is bench itself in another role, in a process of its own: it prints one
// line when it is ready, one more for each line that it is given, and ends with
// its standard input, that is with the process that started it, however that
// one ends.
type child struct {
	process *process
	stdin   io.WriteCloser
	stdout  *os.File
	lines   *bufio.Reader
}

// childMark is in a child's environment. A child starts none of its own, whatever
// goes wrong: that would not end.
const childMark = "REFUND_BENCH_CHILD"

// startChild starts a role; first is what it is given at once, as JSON, and nil
// is nothing. The line that it prints then is read into ready.
func startChild(ctx context.Context, ready, first any, role ...string) (*child, error) {
	if os.Getenv(childMark) != "" {
		return nil, errors.New("a process that bench started must start no others")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, role...)
	cmd.Env = append(os.Environ(), childMark+"=1")
	c := &child{}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait closes that before the line is read.
	stdout, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.stdout, c.lines = stdout, bufio.NewReader(stdout)
	cmd.Stdout = write
	c.process, err = startProcess(cmd)
	_ = write.Close()
	if err != nil {
		_ = stdout.Close()
		return nil, err
	}
	if first != nil {
		err = json.NewEncoder(c.stdin).Encode(first)
	}
	if err == nil {
		err = c.read(ctx, ready)
	}
	if err != nil {
		c.end()
		return nil, fmt.Errorf("%w: %s", err, c.process.said)
	}
	return c, nil
}

// ask has it print another line.
func (c *child) ask(ctx context.Context, answer any) error {
	_, err := io.WriteString(c.stdin, "\n")
	if err == nil {
		err = c.read(ctx, answer)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, c.process.said)
	}
	return nil
}

func (c *child) read(ctx context.Context, to any) error {
	_ = c.stdout.SetReadDeadline(time.Now().Add(startTime))
	stop := context.AfterFunc(ctx, func() { _ = c.stdout.SetReadDeadline(time.Now()) })
	line, err := c.lines.ReadBytes('\n')
	stop()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("it says nothing: %w", err)
	}
	return json.Unmarshal(line, to)
}

func (c *child) end() {
	c.process.stop(func() { _ = c.stdin.Close() })
	_ = c.stdout.Close()
}
