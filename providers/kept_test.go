package providers_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"refundworker/providers"
)

// onLinux skips where connections are never kept.
func onLinux(t *testing.T) {
	t.Helper()
	if !providers.LooksAtConnections {
		t.Skip("connections are kept on Linux only")
	}
}

// wires are plain and TLS connections to a peer.
func wires(t *testing.T, test func(t *testing.T, secure *tls.Config, change func(*providers.Settings))) {
	bank := newAuthority(t)
	t.Run("http", func(t *testing.T) { test(t, nil, func(*providers.Settings) {}) })
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3, with session tickets": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			config := bank.server(nil)
			config.MinVersion, config.MaxVersion = version, version
			test(t, config, func(s *providers.Settings) { s.RootCAs = bank.file() })
		})
	}
}

func TestAnswersAfterWhichAConnectionIsKept(t *testing.T) {
	onLinux(t)
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.WriteString(zip, "hello")
	zip.Close()
	with := func(header string) string { return strings.Replace(hello, "\r\n", "\r\n"+header+"\r\n", 1) }
	cases := map[string]struct {
		answer string
		kept   bool
	}{
		"a length: kept":                        {hello, true},
		"chunks: kept":                          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", true},
		"chunks and a trailer: kept":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: 1\r\n\r\n", true},
		"no content: kept":                      {"HTTP/1.1 204 No Content\r\n\r\n", true},
		"after an early answer: kept":           {"HTTP/1.1 100 Continue\r\n\r\n" + hello, true},
		"compressed: kept":                      {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(packed.Len()) + "\r\n\r\n" + packed.String(), true},
		"said to be kept for 5s: kept":          {with("Keep-Alive: timeout=5, max=100"), true},
		"said to be kept for no time: not":      {with("Keep-Alive: timeout=0"), false},
		"said to be kept for who knows: not":    {with("Keep-Alive: timeout=soon"), false},
		"Connection: close: not":                {with("Connection: close"), false},
		"close among others: not":               {with("Connection: keep-alive, Close"), false},
		"HTTP/1.0: not":                         {strings.Replace(hello, "1.1", "1.0", 1), false},
		"HTTP/1.0 that says keep-alive: not":    {strings.Replace(with("Connection: keep-alive"), "1.1", "1.0", 1), false},
		"a byte more: not":                      {hello + "\n", false},
		"another answer: not":                   {hello + hello, false},
		"another answer behind a long one: not": {"HTTP/1.1 200 OK\r\nContent-Length: 12000\r\n\r\n" + strings.Repeat("x", 12000) + hello, false},
		"400: not":                              {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", false},
		"500: not":                              {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false},
		"429: not":                              {"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", false},
		"redirect: not":                         {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", false},
		"unreadable body: not":                  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false},
	}
	wires(t, func(t *testing.T, secure *tls.Config, change func(*providers.Settings)) {
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				p := newPeer(t, secure, func(e exchange) bool { return e.say(tc.answer) })
				c := open(t, p.base, newSteady().set, change)
				_, _ = attempt(c)
				if n := providers.Kept(c); n > 1 || (n == 1) != tc.kept {
					t.Errorf("%d connections kept, want it: %v", n, tc.kept)
				}
				_, _ = attempt(c)
				if tc.kept {
					p.saw(t, 1, 2)
				} else {
					p.saw(t, 2, 2)
				}
			})
		}
	})
}

func TestAnswersThatEndWithTheConnectionKeepNone(t *testing.T) {
	for name, answer := range map[string]string{
		"until close":   "HTTP/1.1 200 OK\r\n\r\nhello",
		"half a body":   "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello",
		"half a chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
		"half a header": "HTTP/1.1 200 OK\r\nContent-Le",
		"nothing":       "",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, nil, func(e exchange) bool { e.say(answer); return false })
			c := open(t, p.base)
			_, _ = attempt(c)
			if n := providers.Kept(c); n != 0 {
				t.Errorf("%d connections kept, want none", n)
			}
		})
	}
}

func TestAConnectionIsKeptForASecondAndUsedForAMinute(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
	clock := newSteady()
	c := open(t, p.base, clock.set)
	answered(t, c)
	clock.Advance(time.Second - 1)
	answered(t, c)
	p.saw(t, 1, 2)
	clock.Advance(time.Second)
	answered(t, c)
	p.saw(t, 2, 3)
	for range 66 { // up to 59.4 s
		clock.Advance(900 * time.Millisecond)
		answered(t, c)
	}
	p.saw(t, 2, 69)
	clock.Advance(900 * time.Millisecond)
	answered(t, c)
	p.saw(t, 3, 70)
}

func TestAnAnnouncedTimeoutCountsByHalf(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool {
		return e.say("HTTP/1.1 200 OK\r\nKeep-Alive: max=9, Timeout=\"1\"\r\nContent-Length: 5\r\n\r\nhello")
	})
	clock := newSteady()
	c := open(t, p.base, clock.set)
	answered(t, c)
	clock.Advance(500*time.Millisecond - 1)
	answered(t, c)
	p.saw(t, 1, 2)
	clock.Advance(500 * time.Millisecond)
	answered(t, c)
	p.saw(t, 2, 3)
}

// What happens on a connection while it waits is seen before it is used, and is
// no reason for distrust.
func TestAConnectionThatIsNotStillIsNotUsed(t *testing.T) {
	onLinux(t)
	for name, disturb := range map[string]func(net.Conn){
		"closed": func(c net.Conn) { c.Close() },
		"reset": func(c net.Conn) {
			if secure, ok := c.(*tls.Conn); ok {
				c = secure.NetConn()
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		},
		"a byte":          func(c net.Conn) { _, _ = io.WriteString(c, "H") },
		"an answer":       func(c net.Conn) { _, _ = io.WriteString(c, hello) },
		"408, and closed": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 408 Timeout\r\n\r\n"); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			wires(t, func(t *testing.T, secure *tls.Config, change func(*providers.Settings)) {
				waits := make(chan net.Conn, 1)
				p := newPeer(t, secure, func(e exchange) bool {
					if e.connection == 1 {
						waits <- e.Conn
					}
					return e.say(hello)
				})
				c := open(t, p.base, newSteady().set, change)
				answered(t, c)
				disturb(<-waits)
				disturbed(t, c)
				answered(t, c)
				answered(t, c)
				p.saw(t, 2, 3)
				if n := p.closing.Load(); n != 0 {
					t.Errorf("%d requests said close, want none", n)
				}
			})
		})
	}
}

// A kept connection that dies under an attempt leaves it unknown, and the
// provider is not trusted with kept connections for a while.
func TestAnAttemptOnAKeptConnectionThatDiesIsUnknown(t *testing.T) {
	onLinux(t)
	for name, tc := range map[string]struct {
		die  func(e exchange, giveUp func())
		code string
	}{
		"closed without announcing it": {func(e exchange, _ func()) { e.Close() }, providers.CodeReset},
		"reset": {func(e exchange, _ func()) {
			if secure, ok := e.Conn.(*tls.Conn); ok {
				e.Conn = secure.NetConn()
			}
			_ = e.Conn.(*net.TCPConn).SetLinger(0)
			e.Close()
		}, providers.CodeReset},
		"no answer in time": {func(_ exchange, giveUp func()) { giveUp() }, providers.CodeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			wires(t, func(t *testing.T, secure *tls.Config, change func(*providers.Settings)) {
				ctx, giveUp := context.WithCancel(context.Background())
				p := newPeer(t, secure, func(e exchange) bool {
					if e.connection == 1 && e.request == 2 {
						tc.die(e, giveUp)
						return true
					}
					return e.say(hello)
				})
				clock := newSteady()
				c := open(t, p.base, clock.set, change)
				answered(t, c)
				if _, fail := c.Send(ctx, clock.Now().Add(time.Minute), call(c)); fail == nil || fail.Kind != providers.Unknown || fail.Code != tc.code {
					t.Errorf("%+v, want unknown, %s", fail, tc.code)
				}
				p.saw(t, 1, 2) // not sent again
				answered(t, c)
				clock.Advance(10*time.Minute - 1)
				answered(t, c)
				p.saw(t, 3, 4)
				if n := p.closing.Load(); n != 2 {
					t.Errorf("%d requests said close, want the last two", n)
				}
				clock.Advance(1)
				answered(t, c)
				answered(t, c)
				p.saw(t, 4, 6)
			})
		})
	}
}

// The distrust ends while an attempt is under way that said Connection: close.
func TestAConnectionThatWeSaidToCloseIsNotKept(t *testing.T) {
	onLinux(t)
	clock := newSteady()
	p := newPeer(t, nil, func(e exchange) bool {
		switch {
		case e.connection == 1 && e.request == 2:
			return false
		case e.connection == 2:
			clock.Advance(10 * time.Minute)
		}
		return e.say(hello)
	})
	c := open(t, p.base, clock.set)
	answered(t, c)
	if _, fail := attempt(c); fail == nil {
		t.Fatal("an answer from a connection that was closed")
	}
	_, _ = c.Send(context.Background(), clock.Now().Add(time.Hour), call(c))
	if n := providers.Kept(c); n != 0 || p.closing.Load() != 1 {
		t.Errorf("%d connections kept, %d requests said close; want none and one", n, p.closing.Load())
	}
}

// stub writes half a TLS record behind what it is told to write.
type stub struct {
	net.Conn
	armed atomic.Bool
}

func (s *stub) Write(b []byte) (int, error) {
	if !s.armed.Load() {
		return s.Conn.Write(b)
	}
	n, err := s.Conn.Write(append(bytes.Clone(b), 23, 3, 3, 0, 99, 1, 2, 3))
	return min(n, len(b)), err
}

func TestAConnectionWithHalfARecordIsNotKept(t *testing.T) {
	onLinux(t)
	bank := newAuthority(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, ended := bank.server(nil), make(chan struct{})
	go func() {
		defer close(ended)
		raw, err := l.Accept()
		if err != nil {
			return
		}
		half := &stub{Conn: raw}
		secure := tls.Server(half, config)
		defer secure.Close()
		if _, err := secure.Read(make([]byte, 4096)); err != nil {
			return
		}
		half.armed.Store(true)
		_, _ = io.WriteString(secure, hello)
		_, _ = secure.Read(make([]byte, 1))
	}()
	c := open(t, "https://"+l.Addr().String(), newSteady().set, func(s *providers.Settings) { s.RootCAs = bank.file() })
	answered(t, c)
	if providers.KeptStill(c) && providers.Kept(c) > 0 {
		t.Error("the connection is kept, and seems to be silent")
	}
	c.Close()
	l.Close()
	<-ended
}

func Test408OnAKeptConnectionIsDistrustedToo(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool {
		if e.connection == 1 && e.request == 2 {
			return e.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
		}
		return e.say(hello)
	})
	c := open(t, p.base, newSteady().set)
	answered(t, c)
	if got, fail := attempt(c); fail != nil || got.Status != 408 {
		t.Errorf("%+v %+v, want the 408", got, fail)
	}
	answered(t, c)
	answered(t, c)
	p.saw(t, 3, 4)
}

func TestHalfAnAnswerOnAKeptConnectionIsUnknownAndNoReasonForDistrust(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool {
		if e.request == 2 {
			switch e.connection {
			case 1:
				e.say("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhello")
				return false
			case 2:
				e.say("HTTP/1.1 200")
				return false
			}
		}
		return e.say(hello)
	})
	c := open(t, p.base, newSteady().set)
	for range 2 {
		answered(t, c)
		if _, fail := attempt(c); fail == nil || fail.Kind != providers.Unknown || fail.Code != providers.CodeReset {
			t.Errorf("%+v, want unknown", fail)
		}
	}
	answered(t, c)
	answered(t, c)
	p.saw(t, 3, 6)
}

func TestANewConnectionThatDiesIsNoReasonForDistrust(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool { return e.connection > 1 && e.say(hello) })
	c := open(t, p.base, newSteady().set)
	if _, fail := attempt(c); fail == nil || fail.Kind != providers.Unknown {
		t.Errorf("%+v, want unknown", fail)
	}
	answered(t, c)
	answered(t, c)
	p.saw(t, 2, 3)
}

func TestGivingUpResetsAKeptConnectionToo(t *testing.T) {
	onLinux(t)
	ctx, giveUp := context.WithCancel(context.Background())
	p := newPeer(t, nil, func(e exchange) bool {
		if e.request == 2 {
			giveUp()
			return true
		}
		return e.say(hello)
	})
	c := open(t, p.base, newSteady().set)
	answered(t, c)
	if _, fail := c.Send(ctx, c.Now().Add(time.Minute), call(c)); fail == nil || fail.Kind != providers.Unknown || fail.Code != providers.CodeTimeout {
		t.Errorf("%+v, want unknown, timeout", fail)
	}
	p.saw(t, 1, 2)
	if err := <-p.ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side saw %v, want a reset", err)
	}
}

// Each attempt has its own deadline, whatever the connection's earlier ones were.
func TestTheDeadlineOnAKeptConnectionIsTheAttemptsOwn(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
	clock := newSteady()
	c := open(t, p.base, clock.set)
	if _, fail := c.Send(context.Background(), clock.Now().Add(500*time.Millisecond), call(c)); fail != nil {
		t.Fatalf("%+v", fail)
	}
	clock.Advance(900 * time.Millisecond)
	answered(t, c)
	p.saw(t, 1, 2)
}

// trap is a clock that does something when it is read for the nth time from when
// it was set.
type trap struct {
	steady
	mu        sync.Mutex
	reads, at int
	spring    func(steady)
}

func (c *trap) Now() time.Time {
	c.mu.Lock()
	c.reads++
	sprung := c.reads == c.at
	c.mu.Unlock()
	if sprung {
		c.spring(c.steady)
	}
	return c.steady.Now()
}

func (c *trap) arm(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads, c.at = 0, n
}

// Wherever in an attempt the clock passes its deadline, on a kept connection
// too: either the request went out before, or it does not.
func TestNothingLeavesLateOnAKeptConnection(t *testing.T) {
	onLinux(t)
	var late, sent int
	for n := 1; n <= 40; n++ {
		p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
		clock := &trap{steady: newSteady(), spring: func(s steady) { s.Advance(time.Hour) }}
		c := open(t, p.base, func(s *providers.Settings) { s.Now = clock.Now })
		answered(t, c)
		deadline := clock.Now().Add(5 * time.Second)
		clock.arm(n)
		_, fail := c.Send(context.Background(), deadline, call(c))
		switch served := p.requests.Load() == 2; {
		case fail == nil && served:
			sent++
		case fail != nil && fail.Kind == providers.Unavailable && fail.Code == providers.CodeTooLate && !served:
			late++
		default:
			t.Errorf("clock read %d: %+v, and served %v", n, fail, served)
		}
	}
	if late == 0 || sent == 0 {
		t.Errorf("%d were late and %d were sent, want some of each", late, sent)
	}
}

// Whenever a caller gives up, what comes after finds no connection that somebody
// is about to close.
func TestAConnectionOfACallerWhoGaveUpIsNotUsed(t *testing.T) {
	for n := 1; n <= 40; n++ {
		p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
		ctx, cancel := context.WithCancel(context.Background())
		clock := &trap{steady: newSteady(), spring: func(steady) { cancel() }}
		c := open(t, p.base, func(s *providers.Settings) { s.Now = clock.Now })
		deadline := clock.Now().Add(5 * time.Second)
		clock.arm(n)
		_, _ = c.Send(ctx, deadline, call(c))
		cancel()
		answered(t, c)
	}
}

func TestACallerWhoGaveUpBeforeSendsNothingOverAKeptConnection(t *testing.T) {
	p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
	c := open(t, p.base)
	answered(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, fail := c.Send(ctx, time.Now().Add(5*time.Second), call(c)); fail == nil || fail.Kind != providers.Unavailable || fail.Code != providers.CodeNotSent {
		t.Errorf("%+v, want unavailable, not sent", fail)
	}
	p.saw(t, 1, 1)
}

// together makes n attempts that are all answered when all have arrived.
func together(t *testing.T, n int) (*peer, *providers.Client, steady) {
	t.Helper()
	var arrived sync.WaitGroup
	arrived.Add(n)
	p := newPeer(t, nil, func(e exchange) bool {
		if e.request == 1 {
			arrived.Done()
			arrived.Wait()
		}
		return e.say(hello)
	})
	clock := newSteady()
	c := open(t, p.base, clock.set)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if _, fail := attempt(c); fail != nil {
				t.Errorf("%+v", fail)
			}
		})
	}
	all.Wait()
	return p, c, clock
}

func TestNoMoreConnectionsAreKeptThanAllowed(t *testing.T) {
	onLinux(t)
	_, c, _ := together(t, providers.MaxKept+8)
	if n := providers.Kept(c); n != providers.MaxKept {
		t.Errorf("%d connections kept, want %d", n, providers.MaxKept)
	}
}

func TestConnectionsThatNobodyTakesAreClosedByThoseThatComeBack(t *testing.T) {
	onLinux(t)
	_, c, clock := together(t, 2)
	for range 2 {
		clock.Advance(600 * time.Millisecond)
		answered(t, c)
	}
	if n := providers.Kept(c); n != 1 {
		t.Errorf("%d connections kept, want the one in use", n)
	}
}

func TestConnectionsThatNobodyTakesAreClosedByThemselves(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
	c := open(t, p.base)
	answered(t, c)
	if err := <-p.ended; !errors.Is(err, io.EOF) {
		t.Errorf("the other side saw %v, want an orderly end", err)
	}
}

func TestAClosedClientKeepsNoConnections(t *testing.T) {
	onLinux(t)
	p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
	c := open(t, p.base)
	answered(t, c)
	c.Close()
	if err := <-p.ended; !errors.Is(err, io.EOF) {
		t.Errorf("the other side saw %v, want an orderly end", err)
	}
	answered(t, c)
	answered(t, c)
	p.saw(t, 3, 3)
	if n := p.closing.Load(); n != 2 {
		t.Errorf("%d requests said close, want the last two", n)
	}
}

func TestLookupsAndAttemptsShareNoConnection(t *testing.T) {
	p := newPeer(t, nil, func(e exchange) bool { return e.say(hello) })
	c := open(t, p.base)
	answered(t, c)
	if _, fail := c.Ask(context.Background(), call(c)); fail != nil {
		t.Fatalf("%+v", fail)
	}
	answered(t, c)
	if n := p.connections.Load(); n < 2 {
		t.Errorf("%d connections, want one for each kind", n)
	}
}

func TestEndsOfRecordsAreSeen(t *testing.T) {
	record := func(length int) []byte {
		return append([]byte{23, 3, 3, byte(length >> 8), byte(length)}, make([]byte, length)...)
	}
	stream := bytes.Join([][]byte{record(300), record(0), record(7)}, nil)
	ends := map[int]bool{0: true, 305: true, 310: true, 322: true}
	for i := range len(stream) + 1 {
		for _, j := range []int{0, i / 2, i} { // in one piece, and in two
			if got := providers.WholeRecords(stream[:j], stream[j:i]); got != ends[i] {
				t.Errorf("after %d bytes, cut at %d: %v, want %v", i, j, got, ends[i])
			}
		}
	}
}
