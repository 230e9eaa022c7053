package clitest

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Line is a connection to Redis that can be cut. (A miniredis that is closed
// under a running script panics.)
type Line struct {
	to   string
	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

// Behind puts a line between the commands and Redis.
func (b *Bench) Behind(t *testing.T) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{to: b.Redis.Addr(), open: map[net.Conn]bool{}}
	b.config = b.File(t, "behind.yaml", strings.ReplaceAll(file, "ADDR", listener.Addr().String()))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { l.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
		running.Wait()
	})
	return l
}

func (l *Line) carry(conn net.Conn) {
	defer conn.Close()
	back, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer back.Close()
	if !l.keep(conn, back) {
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{conn: back, back: conn} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // ends when either side does
			_ = to.Close()
		})
	}
	both.Wait()
}

func (l *Line) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.open[c] = true
	}
	return !l.cut
}

// Cut breaks all connections, and lets none through until Mend.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		_ = c.Close()
	}
	clear(l.open)
}

// Mend lets connections through again.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}
