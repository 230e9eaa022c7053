package sandbox

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// delivery is an answer on its way to a client.
type delivery struct {
	w      http.ResponseWriter
	r      *http.Request
	c      call
	f      Fault
	answer reply
}

// longestHold bounds how long a client that never gives up is kept waiting.
const longestHold = 5 * time.Minute

// send gives the answer, or the first half of it.
func send(_ *Server, d delivery) {
	if d.answer.incomplete {
		sendHalf(d)
		return
	}
	for name, values := range d.answer.header {
		d.w.Header()[name] = values
	}
	d.w.Header().Set("Content-Length", strconv.Itoa(len(d.answer.body)))
	d.w.WriteHeader(d.answer.status)
	d.w.Write(d.answer.body) // the client may be gone, which is its affair
}

// sendLater gives the answer when the fault's delay is over.
func sendLater(s *Server, d delivery) {
	if s.hold(d.r, orDefault(d.f.Delay, time.Second)) {
		send(s, d)
		return
	}
	drop(d.w, false)
}

// sendHalf promises the whole body, sends half of it and closes.
func sendHalf(d delivery) {
	conn := takeOver(d.w)
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		d.answer.status, http.StatusText(d.answer.status), d.answer.header.Get("Content-Type"),
		len(d.answer.body), d.answer.body[:len(d.answer.body)/2])
}

func reset(_ *Server, d delivery) { drop(d.w, true) }

// holdThenClose leaves the client without an answer.
func holdThenClose(s *Server, d delivery) {
	s.hold(d.r, orDefault(d.f.Delay, longestHold))
	drop(d.w, false)
}

// holdThenWork leaves the client without an answer, and does what it asked for
// when it has given up.
func holdThenWork(s *Server, d delivery) {
	s.hold(d.r, longestHold)
	if d.c.refused == nil && s.ctx.Err() == nil {
		s.mu.Lock()
		s.at(s.options.Now().Add(d.f.Delay), func(time.Time) { d.c.work(d.c.number, d.f) })
		s.mu.Unlock()
	}
	drop(d.w, false)
}

// hold waits for d, and reports whether the client is still there.
func (s *Server) hold(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	return false
}

// drop ends the connection without another byte; with a reset if asked.
func drop(w http.ResponseWriter, withReset bool) {
	conn := takeOver(w)
	if tcp, ok := conn.(*net.TCPConn); ok && withReset {
		tcp.SetLinger(0) // so that Close sends RST and not FIN
	}
	conn.Close()
}

// takeOver takes the connection from the HTTP server. Where that can't be done
// (a test's recorder), the handler is aborted, which is the nearest to it.
func takeOver(w http.ResponseWriter) net.Conn {
	if hijacker, ok := w.(http.Hijacker); ok {
		if conn, _, err := hijacker.Hijack(); err == nil {
			return conn
		}
	}
	panic(http.ErrAbortHandler)
}
