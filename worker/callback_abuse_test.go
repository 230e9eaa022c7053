package worker_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// callbackBurst is how many callbacks of one refund are acted on at once.
const callbackBurst = 8

func TestReplayedCallbackIsALookupAtMostAndNotManyOfThem(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]time.Duration{"accepted": time.Hour, "settled": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup{companies: []string{sandbox.Maib}, sandbox: sandbox.Options{SettleDelay: settle}}
			if name == "accepted" {
				s.provider = pollNever
			}
			r := newRig(t, s)
			r.start()
			payment := r.pays(sandbox.Maib, 500_00)
			r.companies.Fail(sandbox.Maib, payment, sandbox.Fault{Kind: sandbox.CallbackNever})
			id := r.enqueue(request(sandbox.Maib, payment, "100.00"))
			before := r.waitFor(id, refund.Accepted, refund.Succeeded)
			if name == "settled" {
				before = r.waitFor(id, refund.Succeeded)
			}
			asked := r.companies.Calls(sandbox.Maib, sandbox.OpStatus)
			started := time.Now()
			for range 60 {
				if status := r.post(r.callbackURL(id), `{"result":{"status":"Rejected"}}`); status != http.StatusOK {
					t.Fatalf("HTTP %d", status)
				}
			}
			// Nothing more comes: what the last callback caused has been asked.
			r.until("the lookups are over", func() bool { rec := r.get(id); return rec.State != refund.Accepted || rec.Due.After(rec.Now) })
			most := callbackBurst + 1 + int(time.Since(started)/time.Minute)
			if n := r.companies.Calls(sandbox.Maib, sandbox.OpStatus) - asked; n < 1 || n > most {
				t.Errorf("60 callbacks made %d lookups, want 1 to %d", n, most)
			}
			after := r.get(id)
			if after.State != before.State || after.Contradicted != "" {
				t.Errorf("%s", r.story(after))
			}
			list, err := r.backend.Journal.History(t.Context(), after)
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			for _, h := range list {
				if strings.Contains(h.Note, "called back") {
					lines++
				}
			}
			if lines > 1 {
				t.Errorf("%d lines in the history, want one", lines)
			}
			r.calls(sandbox.Maib, 1)
		})
	}
}

// Whether a refund exists can't be found out with a wrong token: the answer is
// the same to the byte, and is given without asking Redis, so it takes the same
// time.
func TestWrongTokenTellsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}, provider: pollNever, sandbox: sandbox.Options{SettleDelay: time.Hour}})
	w := r.start()
	id := r.enqueue(request(sandbox.Maib, r.pays(sandbox.Maib, 500_00), "100.00"))
	r.waitFor(id, refund.Accepted)
	good := r.callbackURL(id)
	token := good[strings.LastIndexByte(good, '/')+1:]
	flipped := "A" + token[1:]
	if flipped == token {
		flipped = "B" + token[1:]
	}
	r.redis.Freeze(t)
	defer r.redis.Thaw(t) // before the worker ends
	client := &http.Client{Timeout: 2 * time.Second}
	var first string
	for _, path := range []string{
		id + "/" + flipped, id + "/" + token[:42], id + "/" + token + "A", id + "/x",
		"no-such-refund/" + flipped, "no-such-refund/" + token, "NO%20SUCH/" + token, strings.Repeat("x", 5000) + "/" + token,
	} {
		resp, err := client.Post("http://"+w.Addr()+"/callbacks/maib/"+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Errorf("%.80s: %v", path, err)
			continue
		}
		var said bytes.Buffer
		resp.Header.Del("Date")
		_ = resp.Header.Write(&said)
		_, _ = io.Copy(&said, resp.Body)
		resp.Body.Close()
		if answer := resp.Status + "\n" + said.String(); first == "" {
			first = answer
		} else if answer != first {
			t.Errorf("%.80s is answered\n%s\nand another one\n%s", path, answer, first)
		}
	}
	if !strings.HasPrefix(first, "404 ") {
		t.Errorf("answered %s", first)
	}
}

func TestServerOfTheWorkerHasLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{companies: []string{sandbox.Maib}})
	w := r.start()
	r.until("it is ready", func() bool { return r.status("http://"+w.Addr()+"/readyz") == http.StatusOK })
	exchange := func(request string) string {
		t.Helper()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", w.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		go func() { _, _ = io.WriteString(conn, request) }()
		line := make([]byte, 12)
		n, _ := io.ReadFull(conn, line)
		return string(line[:n])
	}
	for name, tc := range map[string]struct{ request, want string }{
		"small: answered":              {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200"},
		"header too large: refused":    {"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "HTTP/1.1 431"},
		"address too long: refused":    {"GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 431"},
		"body too large: not read":     {"POST /callbacks/maib/a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + strings.Repeat("x", 100<<10), "HTTP/1.1 404"},
		"nothing else is served: none": {"GET /debug/pprof/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404"},
		"metrics by POST: refused":     {"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405"},
	} {
		if got := exchange(tc.request); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
