package redistest

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// Wire is a TCP connection's way to a server, which a test can hold up, cut, and
// make lose an answer. It passes bytes on for any number of connections.
type Wire struct {
	Addr string // where to connect instead of the server

	mu     sync.Mutex
	to     string
	flow   chan struct{} // closed while bytes pass
	links  map[net.Conn]bool
	closed bool
	lose   string
	sent   []string
}

// StartWire returns a way to the server at the address, until the test ends.
func StartWire(t testing.TB, to string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{Addr: l.Addr().String(), to: to, flow: make(chan struct{}), links: map[net.Conn]bool{}}
	close(w.flow)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", w.target())
			if err != nil || !w.add(client, server) {
				_ = client.Close()
				continue
			}
			work.Go(func() { w.carry(client, server, true) })
			work.Go(func() { w.carry(server, client, false) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		w.Release()
		w.Cut()
		work.Wait()
	})
	return w
}

func (w *Wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		if w.closed {
			_ = c.Close()
		}
		w.links[c] = true
	}
	return !w.closed
}

// carry passes bytes on; asking says that they are a client's. Where the answer
// is to be lost the server gets the request and the client a broken connection.
func (w *Wire) carry(from, to net.Conn, asking bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		flow, lose := w.flow, false
		if asking {
			text := strings.ToLower(string(buf[:n]))
			w.sent = append(w.sent, text)
			if lose = w.lose != "" && strings.Contains(text, w.lose); lose {
				w.lose = ""
			}
		}
		w.mu.Unlock()
		<-flow
		if lose {
			_ = from.Close()
		}
		if _, err := to.Write(buf[:n]); err != nil || lose {
			return
		}
	}
}

// Hold keeps all bytes back, in both directions, until Release. What is kept
// back when the wire is cut is lost.
func (w *Wire) Hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow = make(chan struct{})
}

// Release lets bytes pass again.
func (w *Wire) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.flow:
	default:
		close(w.flow)
	}
}

// Lead breaks all connections, and leads new ones to another server.
func (w *Wire) Lead(to string) {
	w.mu.Lock()
	w.to = to
	w.mu.Unlock()
	w.Cut()
}

func (w *Wire) target() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to
}

// Cut breaks all connections. New ones can be made.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.links {
		_ = c.Close()
	}
	clear(w.links)
}

// LoseNextAnswer breaks the next connection on which a client says the word, in
// any case, right after the server has got it.
func (w *Wire) LoseNextAnswer(word string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose = strings.ToLower(word)
}

// Sent returns what clients sent, in lower case and as it was written, where it
// has the word in it, in any case.
func (w *Wire) Sent(word string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	for _, s := range w.sent {
		if strings.Contains(s, strings.ToLower(word)) {
			found = append(found, s)
		}
	}
	return found
}
