package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
)

// put writes its argument and returns what the key holds.
var put = redis.NewScript(`redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])`)

var get = redis.NewScript(`return redis.call('GET', KEYS[1])`)

const enough = 2 * time.Second // for a confirmation

func TestRunReturnsTheScriptsResult(t *testing.T) {
	mini := miniredis.RunT(t)
	w := redisconn.NewWaiter(open(t, "redis://"+mini.Addr()), "none", enough)
	for range 2 { // the first time by the script's text, then by its hash
		if v, err := w.Run(context.Background(), "k", put, []string{"k"}, "v"); err != nil || v != "v" {
			t.Fatalf("got %v, %v", v, err)
		}
	}
	if v, err := w.RunPlain(context.Background(), "k", get, []string{"absent"}); err != nil || v != nil {
		t.Errorf("a script that returns nothing: got %v, %v", v, err)
	}
}

// held keeps scripts back on their way until it is freed.
type held struct{ came, free chan struct{} }

func (h held) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h held) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h held) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "evalsha" { // and not what begins a connection
			h.came <- struct{}{}
			<-h.free
		}
		return next(ctx, cmds)
	}
}

// Small calls go together, when the ones before them are answered. A large one does
// not wait for that.
func TestACallThatCarriesMuchGoesByItself(t *testing.T) {
	mini := miniredis.RunT(t)
	client := open(t, "redis://"+mini.Addr())
	w := redisconn.NewWaiter(client, "none", enough)
	run := func(args ...any) {
		if v, err := w.Run(context.Background(), "k", put, []string{"k"}, args...); err != nil || v != "v" {
			t.Errorf("got %v, %v", v, err)
		}
	}
	run("v")
	h := held{make(chan struct{}, 3), make(chan struct{})}
	client.AddHook(h)
	large := slices.Repeat([]any{"v"}, 256)
	var all sync.WaitGroup
	for _, args := range [][]any{{"v"}, large, large} {
		all.Go(func() { run(args...) })
		select {
		case <-h.came:
		case <-time.After(enough):
			t.Errorf("a call with %d arguments waits for the ones before it", len(args))
		}
	}
	close(h.free)
	all.Wait()
}

func TestRunReportsTheScriptsOwnErrorAtOnce(t *testing.T) {
	mini := miniredis.RunT(t)
	w := redisconn.NewWaiter(open(t, "redis://"+mini.Addr()), "none", enough)
	calls := redis.NewScript(`redis.call('INCR', KEYS[1]) return redis.error_reply('CONFLICT no')`)
	_, err := w.Run(context.Background(), "k", calls, []string{"k"})
	if err == nil || !strings.Contains(err.Error(), "CONFLICT") {
		t.Errorf("got %v", err)
	}
	if n, _ := mini.Get("k"); n != "1" {
		t.Errorf("the script ran %s times", n)
	}
}

// The password was changed: see TestWhatIsSentTogetherIsNotTakenForAnsweredWithoutAConnection.
func TestAScriptWithoutAConnectionIsNotTakenForAnswered(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "changed")
	client := open(t, "redis://:before@"+server.Addr+"/0")
	for _, mode := range []string{"none", "aof", "replica"} {
		w := redisconn.NewWaiter(client, mode, enough)
		if v, err := w.RunPlain(t.Context(), "k", get, []string{"k"}); !redis.HasErrorPrefix(err, "WRONGPASS") {
			t.Errorf("%s, a script that reads: got %v, %v", mode, v, err)
		}
		if v, err := w.Run(t.Context(), "k", put, []string{"k"}, "v"); !redis.HasErrorPrefix(err, "WRONGPASS") {
			t.Errorf("%s, a script that writes: got %v, %v", mode, v, err)
		}
	}
}

func TestRunWaitsForAReplica(t *testing.T) {
	primary := redistest.Start(t)
	replica := redistest.StartReplica(t, primary)
	w := redisconn.NewWaiter(open(t, primary.URL.Reveal()), "replica", enough)
	copies := replica.Client(t)
	for i := range 20 {
		key, value := fmt.Sprint("k", i), fmt.Sprint("v", i)
		if v, err := w.Run(context.Background(), key, put, []string{key}, value); err != nil || v != value {
			t.Fatalf("got %v, %v", v, err)
		}
		if v := copies.Get(context.Background(), key).Val(); v != value {
			t.Fatalf("%s was confirmed, and the replica holds %q", key, v)
		}
	}
}

func TestRunIsNotDurableWhenNoReplicaConfirms(t *testing.T) {
	primary := redistest.Start(t)
	replica := redistest.StartReplica(t, primary)
	w := redisconn.NewWaiter(open(t, primary.URL.Reveal()), "replica", 200*time.Millisecond)
	run := func(value string) error {
		_, err := w.Run(context.Background(), "k", put, []string{"k"}, value)
		return err
	}
	redistest.Eventually(t, "confirmed", func() bool { return run("before") == nil })
	replica.Freeze(t)
	if err := run("frozen"); !errors.Is(err, redisconn.ErrNotDurable) {
		t.Errorf("with a frozen replica: got %v", err)
	}
	if v := primary.Client(t).Get(context.Background(), "k").Val(); v != "frozen" {
		t.Errorf("the script should have run; the key holds %q", v)
	}
	if _, err := w.RunPlain(context.Background(), "k", get, []string{"k"}); err != nil {
		t.Errorf("a read waits for nobody: %v", err)
	}
	replica.Thaw(t)
	redistest.Eventually(t, "confirmed again", func() bool { return run("after") == nil })
	replica.Stop()
	if err := run("gone"); !errors.Is(err, redisconn.ErrNotDurable) {
		t.Errorf("with the replica gone: got %v", err)
	}
}

func TestRunWithACutContextDoesNotOutliveIt(t *testing.T) {
	primary := redistest.Start(t)
	w := redisconn.NewWaiter(open(t, primary.URL.Reveal()), "replica", time.Minute)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := w.Run(ctx, "k", put, []string{"k"}, "v")
	if !errors.Is(err, redisconn.ErrNotDurable) {
		t.Errorf("the wait should end inside the context, with an answer: got %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestRunWithAppendfsyncAlwaysSurvivesAKilledServer(t *testing.T) {
	s := redistest.Start(t, safe()...)
	w := redisconn.NewWaiter(open(t, s.URL.Reveal()), "aof", enough)
	if _, err := w.Run(context.Background(), "k", put, []string{"k"}, "v"); err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	// The client's connection is dead and the server has forgotten the script.
	if v, err := w.RunPlain(context.Background(), "k", get, []string{"k"}); err != nil || v != "v" {
		t.Errorf("after the restart: got %v, %v", v, err)
	}
}

func TestRunRepeatsCallAndWaitTogetherAfterALostAnswer(t *testing.T) {
	primary := redistest.Start(t)
	redistest.StartReplica(t, primary)
	p := newProxy(t, primary.Addr)
	w := redisconn.NewWaiter(open(t, "redis://"+p.addr), "replica", enough)
	if _, err := w.Run(context.Background(), "k", put, []string{"k"}, "warm"); err != nil {
		t.Fatal(err)
	}
	p.loseNextAnswer("evalsha")
	if v, err := w.Run(context.Background(), "k", put, []string{"k"}, "v"); err != nil || v != "v" {
		t.Fatalf("got %v, %v", v, err)
	}
	if got := p.sentWith("evalsha"); len(got) < 2 {
		t.Errorf("the call should have been repeated, was sent %d times", len(got))
	}
	for _, sent := range p.sentWith("evalsha") {
		if !strings.Contains(strings.ToLower(sent), "\r\nwait\r\n") {
			t.Errorf("a call went out without its wait in the same write: %q", sent)
		}
	}
}

func TestRunGivesUpOnADeadServerWithinItsOwnBound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := redisconn.NewWaiter(open(t, "redis://"+l.Addr().String()+"?read_timeout=1s&dial_timeout=1s"), "none", enough)
	done := make(chan error, 1)
	go func() {
		_, err := w.Run(context.Background(), "k", put, []string{"k"}, "v")
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("got a result from nowhere")
		}
	case <-time.After(20 * time.Second):
		t.Error("still waiting")
	}
}

func TestRunOnAClosedClientOrACanceledContextFailsAtOnce(t *testing.T) {
	mini := miniredis.RunT(t)
	c := open(t, "redis://"+mini.Addr())
	w := redisconn.NewWaiter(c, "none", enough)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Run(canceled, "k", put, []string{"k"}, "v"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
	if mini.Exists("k") {
		t.Error("a canceled call was sent")
	}
	_ = c.Close()
	if _, err := w.Run(context.Background(), "k", put, []string{"k"}, "v"); !errors.Is(err, redis.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
}

// proxy passes bytes on, remembers what clients sent, and can lose an answer.
type proxy struct {
	addr string
	mu   sync.Mutex
	sent []string
	lose string
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			go p.pump(client, server)
			go func() {
				defer client.Close()
				defer server.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := server.Read(buf)
					if n > 0 {
						_, _ = client.Write(buf[:n])
					}
					if err != nil {
						return
					}
				}
			}()
		}
	}()
	return p
}

// pump carries what a client sends; where the answer is to be lost, the server
// gets the request and the client a broken connection.
func (p *proxy) pump(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		text := string(buf[:n])
		p.mu.Lock()
		p.sent = append(p.sent, text)
		lose := p.lose != "" && strings.Contains(strings.ToLower(text), p.lose)
		if lose {
			p.lose = ""
		}
		p.mu.Unlock()
		if lose {
			_ = client.Close()
		}
		if _, err := server.Write(buf[:n]); err != nil || lose {
			return
		}
	}
}

func (p *proxy) loseNextAnswer(word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = word
}

func (p *proxy) sentWith(word string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []string
	for _, s := range p.sent {
		if strings.Contains(strings.ToLower(s), word) {
			found = append(found, s)
		}
	}
	return found
}
