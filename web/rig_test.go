package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/providers/all"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/web"
)

// Credentials that no page may show.
const (
	unitpayKey   = "unitpay-key-6f2d0c"
	maibSecret   = "maib-secret-91ab77"
	sberPassword = "sber-password-c03e"
)

// rig is the pages over an embedded Redis whose clock the test sets.
type rig struct {
	t        *testing.T
	mini     *miniredis.Miniredis
	cfg      *config.Config
	backend  *tasks.Backend
	enqueuer *tasks.Enqueuer
	gate     *door
	site     http.Handler
	now      time.Time
}

// door is a gate for tests.
type door struct {
	name    string
	may     bool
	proxied bool // logged in by a proxy
	token   string
}

func (d *door) Protect(h http.Handler) http.Handler        { return h }
func (d *door) Person(*http.Request) (name string, m bool) { return d.name, d.may }
func (d *door) MayLogOut(*http.Request) bool               { return d.name != "" && !d.proxied }
func (d *door) Token(*http.Request) string                 { return d.token }

// open makes a rig; top are further lines of the configuration.
func open(t *testing.T, top ...string) *rig {
	t.Helper()
	mini := miniredis.RunT(t)
	r := openOn(t, "redis://"+mini.Addr(), top...)
	r.mini = mini
	r.advance(0)
	return r
}

// openOn makes a rig over a server of its own.
func openOn(t *testing.T, url string, top ...string) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), gate: &door{may: true, token: "the-token"}}
	text := "redis: " + url + "\ndurability: none\n" + strings.Join(top, "\n") + `
providers:
  unitpay: {driver: unitpay, base_url: "https://unitpay.ru/api", secret_key: ` + unitpayKey + `, rate_limit: 10/s, one_refund_per_payment: false}
  maib: {driver: maib, base_url: "https://maib.example", client_id: id, client_secret: ` + maibSecret + `, rate_limit: none}
  sberbank: {driver: sberbank, base_url: "https://sber.example/payment/rest", username: user, password: ` + sberPassword + `, rate_limit: 10/h}
`
	var err error
	r.cfg, err = config.Load("refunds.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		t.Fatal(err)
	}
	if r.backend, err = tasks.Open(t.Context(), r.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.backend.Close() })
	r.enqueuer = tasks.NewEnqueuer(r.backend, r.cfg)
	site, err := web.New(web.Options{Config: r.cfg, Backend: r.backend, Gate: r.gate})
	if err != nil {
		t.Fatal(err)
	}
	r.site = site
	return r
}

func (r *rig) advance(d time.Duration) {
	r.now = r.now.Add(d)
	r.mini.SetTime(r.now)
}

// asks is a refund of 100.00 of a payment at UnitPay.
func asks(id, payment string) refund.Request {
	return refund.Request{RefundID: id, Provider: "unitpay", PaymentID: payment, Amount: "100.00", Currency: "RUB", Reason: "one item returned"}
}

func (r *rig) take(q refund.Request) *journal.Record {
	r.t.Helper()
	receipt, err := r.enqueuer.Enqueue(r.t.Context(), q, tasks.By("clerk"))
	if err != nil || receipt.Status != tasks.Queued {
		r.t.Fatalf("%+v, %v", receipt, err)
	}
	return r.get(q.RefundID)
}

func (r *rig) get(id string) *journal.Record {
	r.t.Helper()
	rec, err := r.backend.Journal.Get(context.Background(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

func (r *rig) step(id string, s journal.Step) *journal.Record {
	r.t.Helper()
	rec, err := r.backend.Journal.Apply(r.t.Context(), r.get(id), s)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

// sends writes an attempt ahead, beside a baseline of nothing.
func (r *rig) sends(id string) *journal.Record {
	r.t.Helper()
	none := int64(0)
	rec, err := r.backend.Journal.Begin(r.t.Context(), r.get(id), journal.Beginning{Baseline: &none, Timeout: 15 * time.Second,
		Grace: time.Second, MaxAge: time.Minute, By: "worker one", Token: journal.NewToken()})
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

// ends ends the attempt of a refund that was sent, by what the provider said.
func (r *rig) ends(id string, to refund.State, message string, set map[string]string) *journal.Record {
	r.t.Helper()
	rec := r.get(id)
	all := map[string]string{"attempt_end": strconv.FormatInt(r.now.UnixMilli(), 10), "deadline": ""}
	for k, v := range set {
		all[k] = v
	}
	return r.step(id, journal.Step{To: to, NoDue: to.Terminal() || to == refund.Review, Due: 5 * time.Second, By: "worker one", Note: "attempt 1: " + message, Set: all,
		Ended: rec.EndAttempt(r.now, "unknown", "timeout", message, nil)})
}

// reviewed brings a refund of a payment into review, where an answer was lost.
func (r *rig) reviewed(id, payment string) *journal.Record {
	r.t.Helper()
	r.take(asks(id, payment))
	r.sends(id)
	return r.ends(id, refund.Review, "no answer in time", map[string]string{"reason_code": "not_proven", "unproven": "1",
		"first_unproven": strconv.FormatInt(r.now.UnixMilli(), 10), "why": "the provider can't tell whether money moved"})
}

// answer is a page.
type answer struct {
	status   int
	body     string
	location string
	header   http.Header
}

func (r *rig) serve(req *http.Request) answer {
	w := httptest.NewRecorder()
	r.site.ServeHTTP(w, req.WithContext(context.Background()))
	return answer{w.Code, w.Body.String(), w.Header().Get("Location"), w.Header()}
}

func (r *rig) page(path string) answer {
	return r.serve(httptest.NewRequest(http.MethodGet, path, nil))
}

// shows gets a page that must be there and say all of it.
func (r *rig) shows(path string, texts ...string) string {
	r.t.Helper()
	got := r.page(path)
	if got.status != http.StatusOK {
		r.t.Fatalf("%s: status %d\n%s", path, got.status, got.body)
	}
	says(r.t, path, got.body, texts...)
	return got.body
}

func says(t *testing.T, what, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("%s does not say %q:\n%s", what, text, body)
		}
	}
}

func (r *rig) post(path string, form url.Values) answer {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.serve(req)
}

// form is what the page of a refund sends along, with these pairs.
func (r *rig) form(id string, pairs ...string) url.Values {
	form := url.Values{"csrf": {"the-token"}, "by": {"ann"}, "note": {"seen in the portal"}, "seq": {strconv.FormatInt(r.get(id).Seq, 10)}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// last is the newest entry of a refund's history.
func (r *rig) last(id string) journal.Entry {
	r.t.Helper()
	list, err := r.backend.Journal.History(r.t.Context(), r.get(id))
	if err != nil || len(list) == 0 {
		r.t.Fatalf("%v, %v", list, err)
	}
	return list[len(list)-1]
}

// loads counts the records that are loaded while do runs.
func (r *rig) loads(do func()) int {
	n := 0
	r.backend.Redis.AddHook(counter{&n})
	do()
	return n
}

// counter counts the scripts that run; the load of a record is one.
type counter struct{ n *int }

func (c counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if strings.HasPrefix(cmd.Name(), "eval") {
			*c.n++
		}
		return next(ctx, cmd)
	}
}

func (c counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
