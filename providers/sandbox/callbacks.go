package sandbox

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"time"
)

// Callback is one that maib sent, or could not send.
type Callback struct {
	PaymentID string
	RefundID  string
	URL       string // whoever knows it can trigger a status lookup: not for logs
	At        time.Time
	Status    int // of HTTP; 0 if nobody answered
}

type letter struct {
	Callback
	body []byte
}

// mailbox holds the callbacks on their way. A few postmen carry them, and they
// come only while there is something to carry. The server's lock guards it.
type mailbox struct {
	waiting []letter
	postmen int
	sent    []Callback
}

// Bounds of the mailbox. A callback that doesn't fit is lost: it is only a hint.
const (
	maxPostmen      = 8
	maxWaiting      = 10_000
	callbackTimeout = 5 * time.Second
)

func newMailClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{MaxIdleConnsPerHost: maxPostmen, IdleConnTimeout: 30 * time.Second}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       callbackTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends a callback soon. The caller holds the lock.
func (s *Server) post(l letter) {
	if s.closed || len(s.mailbox.waiting) >= maxWaiting {
		return
	}
	s.mailbox.waiting = append(s.mailbox.waiting, l)
	if s.mailbox.postmen < maxPostmen {
		s.mailbox.postmen++
		s.work.Go(s.carry)
	}
}

func (s *Server) carry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.mailbox.waiting) > 0 && !s.closed {
		l := s.mailbox.waiting[0]
		s.mailbox.waiting = s.mailbox.waiting[1:]
		s.mu.Unlock()
		status := s.hand(l)
		s.mu.Lock()
		l.At, l.Status = s.options.Now(), status
		s.mailbox.sent = append(s.mailbox.sent, l.Callback)
	}
	s.mailbox.postmen--
}

// hand posts one callback and returns the HTTP status of the answer.
func (s *Server) hand(l letter) int {
	ctx, cancel := context.WithTimeout(s.ctx, callbackTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.URL, bytes.NewReader(l.body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.mailClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	return response.StatusCode
}

// Callbacks returns the callbacks that were sent for the payment's refunds,
// oldest first.
func (s *Server) Callbacks(paymentID string) []Callback {
	id := keyOf(Maib, paymentID).id
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	return slices.DeleteFunc(slices.Clone(s.mailbox.sent), func(c Callback) bool { return c.PaymentID != id })
}
