package redistest

import (
	"bytes"
	"sync"
)

// logWatch keeps a server's log and tells when the server says that it is
// ready. Asking the port instead could reach another process that has it.
type logWatch struct {
	mu    sync.Mutex
	text  bytes.Buffer
	done  bool
	ready chan struct{}
}

// Write takes a piece of the log.
func (l *logWatch) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	// A Sentinel says its id last.
	text := l.text.Bytes()
	if !l.done && (bytes.Contains(text, []byte("Ready to accept connections")) || bytes.Contains(text, []byte("Sentinel ID is"))) {
		l.done = true
		close(l.ready)
	}
	return len(p), nil
}

// String returns the log so far.
func (l *logWatch) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
