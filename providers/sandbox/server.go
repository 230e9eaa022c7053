package sandbox

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// The companies, as they are named in paths, payments and faults.
const (
	UnitPay  = "unitpay"
	Maib     = "maib"
	Sberbank = "sberbank"
)

// Companies are all of them.
var Companies = []string{UnitPay, Maib, Sberbank}

// The credentials that the sandbox asks for. They open nothing else.
const (
	UnitPaySecret    = "sandbox-unitpay-secret-key"
	MaibClientID     = "sandbox-maib-client-id"
	MaibClientSecret = "sandbox-maib-client-secret"
	SberbankUser     = "sandbox-api"
	SberbankPassword = "sandbox-sberbank-password"
)

// Credentials are what the sandbox asks of its callers.
type Credentials struct {
	UnitPaySecret                  string
	MaibClientID, MaibClientSecret string
	SberbankUser, SberbankPassword string
}

// Options change how the sandbox behaves. The zero Options are fine.
type Options struct {
	// Now is the clock of the ledger, the tokens and everything that is due;
	// nil for time.Now. Latency, and Fault.Delay of an answer, are always real time.
	Now func() time.Time
	// Log takes one line for each call, without secrets; nil for none. Calls
	// come from several goroutines at once.
	Log func(line string)
	// Latency is how long each answer of a company takes, on top of a fault's
	// delay; 0 means none. What is asked for is done before it.
	Latency time.Duration
	// SettleDelay is how long maib takes from Created to Accepted; 0 means one
	// second. Half of it is spent in Requested.
	SettleDelay time.Duration
	// SameAmountWindow is how long UnitPay refuses the same amount for the same
	// payment; 0 means half an hour, as documented.
	SameAmountWindow time.Duration
	// TokenLifetime is how long maib's tokens work; 0 means 300 s, as documented.
	TokenLifetime time.Duration
	// CallbackTransport carries maib's callbacks; nil for the network.
	CallbackTransport http.RoundTripper
}

// Server is the simulated companies. It is safe for concurrent use; Close ends
// everything it started.
type Server struct {
	options     Options
	mux         *http.ServeMux
	ctx         context.Context // until Close
	stop        context.CancelFunc
	work        sync.WaitGroup // handlers, the agenda's keeper and callbacks
	mailClient  *http.Client
	agendaAwake chan struct{} // one slot: the agenda has changed

	mu          sync.Mutex
	closed      bool
	httpServer  *http.Server
	url         string
	credentials Credentials
	ledger      ledger
	faults      faultQueues
	calls       callLog
	agenda      agenda
	mailbox     mailbox
	unitpay     *unitpay
	maib        *maib
	sberbank    *sberbank
}

// New returns a sandbox that holds UnitPay's documented test payments and
// nothing else. It serves as an http.Handler, or by itself after Start.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.SettleDelay = orDefault(o.SettleDelay, time.Second)
	o.SameAmountWindow = orDefault(o.SameAmountWindow, 30*time.Minute)
	o.TokenLifetime = orDefault(o.TokenLifetime, 300*time.Second)
	s := &Server{
		options:     o,
		agendaAwake: make(chan struct{}, 1),
		credentials: Credentials{UnitPaySecret, MaibClientID, MaibClientSecret, SberbankUser, SberbankPassword},
		ledger:      ledger{payments: map[paymentKey]*record{}},
		faults:      faultQueues{queued: map[faultKey][]Fault{}, down: map[string]Fault{}},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.mailClient = newMailClient(o.CallbackTransport)
	s.unitpay = &unitpay{s: s}
	s.maib = &maib{s: s, tokens: map[string]time.Time{}, refunds: map[string]*maibRefund{}}
	s.sberbank = &sberbank{s: s}
	for _, p := range unitpayTestPayments {
		s.ledger.add(p)
	}
	s.mux = s.routes()
	return s
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Start listens on addr ("127.0.0.1:0" or ":0" for any free port) and serves
// until Close. An address without a host means loopback.
func (s *Server) Start(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.httpServer != nil {
		l.Close()
		return errors.New("the sandbox was started before")
	}
	s.url = "http://" + reachable(l.Addr().(*net.TCPAddr))
	s.httpServer = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // broken connections are its trade
	}
	server := s.httpServer
	s.work.Go(func() { _ = server.Serve(l) }) // ends by Close only
	return nil
}

// reachable turns the address of a listener on all interfaces into one that a
// client can call.
func reachable(a *net.TCPAddr) string {
	if a.IP.IsUnspecified() {
		return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.Port}).String()
	}
	return a.String()
}

// URL returns where the sandbox listens, "http://127.0.0.1:8090"; empty before
// Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

var companyPaths = map[string]string{UnitPay: "/unitpay/api", Maib: "/maib", Sberbank: "/sberbank/payment/rest"}

// BaseURL returns what a provider's base_url must say to reach the company in
// this sandbox.
func (s *Server) BaseURL(company string) string { return s.URL() + companyPaths[company] }

// Close breaks all connections and ends everything that the sandbox started.
// What was due later never happens.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	server := s.httpServer
	s.mu.Unlock()
	s.stop()
	var err error
	if server != nil {
		err = server.Close()
	}
	s.work.Wait()
	s.mailClient.CloseIdleConnections()
	return err
}

// SetCredentials changes what the sandbox asks for; an empty field stays as it
// is. Tokens that were given out stop working.
func (s *Server) SetCredentials(c Credentials) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, field := range []struct {
		is *string
		to string
	}{
		{&s.credentials.UnitPaySecret, c.UnitPaySecret},
		{&s.credentials.MaibClientID, c.MaibClientID},
		{&s.credentials.MaibClientSecret, c.MaibClientSecret},
		{&s.credentials.SberbankUser, c.SberbankUser},
		{&s.credentials.SberbankPassword, c.SberbankPassword},
	} {
		if field.to != "" {
			*field.is = field.to
		}
	}
	clear(s.maib.tokens)
}
