package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is one kind of request to Redis and how often it is made.
type request struct {
	Phase     string  `json:"phase"` // enqueue or settle
	What      string  `json:"what"`
	PerRefund float64 `json:"per_refund"`
}

// monitor reads what MONITOR shows until stop.
type monitor struct {
	store *store
	conn  net.Conn
	done  chan struct{}
}

// watchOver ends a watch.
const watchOver = "bench: the watch is over"

// watch gives each line to take, one after the other.
func (s *store) watch(ctx context.Context, take func(line string)) (*monitor, error) {
	conn, err := (&net.Dialer{Timeout: startTime}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	_ = conn.SetDeadline(time.Now().Add(startTime))
	if _, err = conn.Write([]byte("MONITOR\r\n")); err == nil {
		_, err = reader.ReadString('\n')
	}
	_ = conn.SetDeadline(time.Time{})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("MONITOR: %w", err)
	}
	m := &monitor{store: s, conn: conn, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for {
			line, err := reader.ReadString('\n')
			if err != nil || strings.Contains(line, watchOver) {
				return // by stop, or with the server
			}
			take(strings.TrimPrefix(line, "+"))
		}
	}()
	return m, nil
}

// stop ends the watch when all that happened before has been taken: Redis sends
// MONITOR's lines in order.
func (m *monitor) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(quietly(ctx), startTime)
	defer cancel()
	if m.store.client.Echo(ctx, watchOver).Err() == nil {
		select {
		case <-m.done:
		case <-ctx.Done():
		}
	}
	_ = m.conn.Close()
	<-m.done
}

// seen counts requests. A script is named by its text, which is seen before any
// use by its hash succeeds.
type seen struct {
	names  map[string]string // of scripts, by hash
	counts map[request]int
	phase  string
}

func newSeen() *seen {
	return &seen{names: map[string]string{}, counts: map[request]int{}, phase: phaseEnqueue}
}

var words = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// take reads `1700000000.1 [0 127.0.0.1:1] "GET" "key"`.
func (s *seen) take(line string) {
	_, rest, ok := strings.Cut(line, "[")
	if !ok || strings.HasPrefix(rest, "0 lua]") {
		return // a command of a script
	}
	var args []string
	for _, quoted := range words.FindAllString(rest, -1) {
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return
		}
		args = append(args, text)
	}
	if len(args) == 0 {
		return
	}
	if strings.EqualFold(args[0], "echo") {
		s.phase = args[len(args)-1]
	}
	if what := s.what(args); what != "" && s.phase != phaseOver {
		s.counts[request{Phase: s.phase, What: what}]++
	}
}

// what says what a request is for; empty for the benchmark's own and for those
// that a connection begins with.
func (s *seen) what(args []string) string {
	command := strings.ToUpper(args[0])
	key := ""
	if len(args) > 1 {
		key = args[1]
	}
	switch command {
	case "ECHO", "INFO", "CONFIG", "HELLO", "CLIENT", "PING", "SELECT", "FLUSHDB", "DBSIZE", "COMMAND", "SCRIPT", "MONITOR", "SUBSCRIBE":
		return ""
	case "LLEN", "ZCARD":
		if strings.HasPrefix(key, "asynq:") {
			return ""
		}
	case "EVAL", "EVALSHA":
		if len(args) < 4 {
			return ""
		}
		hash := args[1]
		if command == "EVAL" {
			hash = hashOf(args[1])
			s.names[hash] = scriptName(args[1])
		}
		name, known := s.names[hash]
		if !known {
			return "" // refused, and sent again with its text
		}
		return name + ", on " + kindOf(args[3])
	}
	return command + " " + kindOf(key)
}

// rare is how seldom a request is made that belongs to no single refund.
const rare = 0.3

func (s *seen) requests(refunds int) []request {
	var list []request
	for r, n := range s.counts {
		r.PerRefund = float64(n) / float64(refunds)
		if r.PerRefund >= rare {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b request) int {
		return cmp.Or(cmp.Compare(a.Phase, b.Phase), cmp.Compare(b.PerRefund, a.PerRefund), cmp.Compare(a.What, b.What))
	})
	return list
}
