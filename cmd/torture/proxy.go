package main

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between the workers and Redis. What it does to them is asked for
// by the methods; left alone it passes everything on.
type proxy struct {
	listener net.Listener
	to       string
	work     sync.WaitGroup

	mu       sync.Mutex
	links    map[*link]bool
	closed   bool
	swallow  int // answers to scripts that are to be lost
	withhold int // scripts that are not to reach Redis
	delay    time.Duration
	until    time.Time // of the delay
	Cut      int       // connections that were broken
	Answers  int       // of them, after Redis had done what was asked
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	losing         atomic.Bool // the next answer is the one to lose
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.server.Close()
}

func startProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, to: to, links: map[*link]bool{}}
	p.work.Go(p.serve)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", p.to, time.Second)
		if err != nil { // Redis is down
			_ = client.Close()
			continue
		}
		l := &link{client: client, server: server}
		p.mu.Lock()
		if p.closed {
			l.close()
		} else {
			p.links[l] = true
			p.work.Go(func() { p.requests(l) })
			p.work.Go(func() { p.answers(l) })
		}
		p.mu.Unlock()
	}
}

// requests carries what the client says.
func (p *proxy) requests(l *link) {
	defer p.drop(l)
	buf := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buf)
		if err != nil {
			return
		}
		delay, withheld := p.meet(l, buf[:n])
		time.Sleep(delay)
		if withheld {
			return
		}
		if _, err := l.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// meet says what is to happen to a request.
func (p *proxy) meet(l *link, b []byte) (delay time.Duration, withheld bool) {
	script := bytes.Contains(b, []byte("evalsha")) || bytes.Contains(b, []byte("eval\r\n"))
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		delay = p.delay
	}
	switch {
	case !script:
	case p.withhold > 0:
		p.withhold--
		p.Cut++
		withheld = true
	case p.swallow > 0:
		p.swallow--
		l.losing.Store(true)
	}
	return delay, withheld
}

// answers carries what Redis says. An answer to be lost is read, so that Redis
// has done what was asked, and the connection breaks.
func (p *proxy) answers(l *link) {
	defer p.drop(l)
	buf := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buf)
		if err != nil {
			return
		}
		if l.losing.Load() {
			p.mu.Lock()
			p.Cut++
			p.Answers++
			p.mu.Unlock()
			return
		}
		if _, err := l.client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) drop(l *link) {
	l.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// swallowAnswers loses the answers to the next n scripts.
func (p *proxy) swallowAnswers(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow += n
}

// withholdRequests loses the next n scripts themselves.
func (p *proxy) withholdRequests(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.withhold += n
}

// slow adds d to everything that is said to Redis, for a while.
func (p *proxy) slow(d, lasting time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.until = d, time.Now().Add(lasting)
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Cut += len(p.links)
	for l := range p.links {
		l.close()
	}
}

// calm ends all that was asked for.
func (p *proxy) calm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow, p.withhold, p.until = 0, 0, time.Time{}
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	for l := range p.links {
		l.close()
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.work.Wait()
}
