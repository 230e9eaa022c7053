package worker_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"refundworker/providers/sandbox"
	"refundworker/refund"
)

// awkward are credentials that look different in every encoding.
var awkward = sandbox.Credentials{
	UnitPaySecret:    `unit/pay+S3cret=&"q"<ö>%41`,
	MaibClientID:     `maib-client+ID/0815==`,
	MaibClientSecret: `maib "secret"/+&?=<ключ>`,
	SberbankUser:     `sber-api+user/"1"`,
	SberbankPassword: `sb&p=a%ss"w/o+rd\ж`,
}

const redisPassword = "redis-P4ss.w0rd-0815"

func credentialsOf(c sandbox.Credentials) map[string]string {
	return map[string]string{"unitpay secret": c.UnitPaySecret, "maib id": c.MaibClientID, "maib secret": c.MaibClientSecret,
		"sberbank user": c.SberbankUser, "sberbank password": c.SberbankPassword, "redis password": redisPassword}
}

// encodings are the forms in which a secret may turn up.
func encodings(secret string) map[string]string {
	in := func(v any, escape bool) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(escape)
		if err := e.Encode(v); err != nil {
			panic(err)
		}
		s := strings.TrimSpace(b.String())
		return s[1 : len(s)-1]
	}
	quoted := strconv.QuoteToASCII(secret)
	lower := func(escaped string) string {
		return regexp.MustCompile("%[0-9A-F]{2}").ReplaceAllStringFunc(escaped, strings.ToLower)
	}
	php := strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&#039;", "<", "&lt;", ">", "&gt;").Replace(secret)
	forms := map[string]string{
		"plain": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "twice": url.QueryEscape(url.QueryEscape(secret)),
		"base64": base64.RawStdEncoding.EncodeToString([]byte(secret)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"hex": hex.EncodeToString([]byte(secret)), "json": in(secret, false), "json-html": in(secret, true), "json-twice": in(in(secret, true), true),
		"quoted": quoted[1 : len(quoted)-1], "query-small": lower(url.QueryEscape(secret)), "path-twice": url.PathEscape(url.PathEscape(secret)),
		"query-of-path": url.QueryEscape(url.PathEscape(secret)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"html": html.EscapeString(secret), "html-php": php, "json-php": strings.ReplaceAll(in(secret, false), "/", `\/`),
	}
	for offset := range 3 {
		inner := append(make([]byte, offset), secret...)
		forms[fmt.Sprintf("base64+%d", offset)] = base64.StdEncoding.EncodeToString(inner)
		forms[fmt.Sprintf("base64+url%d", offset)] = base64.URLEncoding.EncodeToString(inner)
	}
	return forms
}

// telltale is the part of a form that gives it away. Within a longer base64 text
// only the middle is the same.
func telltale(form, text string) string {
	if strings.HasPrefix(form, "base64+") {
		return text[4 : len(text)-4]
	}
	return text
}

// echo is an answer of the company that repeats what it must not.
func echo(company, code, text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	switch company {
	case sandbox.UnitPay:
		return fmt.Sprintf(`{"error":{"message":%s,"code":%s}}`, quoted, code)
	case sandbox.Maib:
		return fmt.Sprintf(`{"ok":false,"errors":[{"errorCode":%s,"errorMessage":%s}]}`, code, quoted)
	}
	return fmt.Sprintf(`{"errorCode":%s,"errorMessage":%s}`, code, quoted)
}

// refusing are codes that make a refund end in different ways.
var refusing = map[string][]string{
	sandbox.UnitPay:  {`-32602`, `-32603`, `-1`, `-32000`},
	sandbox.Maib:     {`"14005"`, `"10000"`, `"12001"`, `"11000"`},
	sandbox.Sberbank: {`"4"`, `"7"`, `"5"`},
}

func TestNoSecretLeavesTheWorker(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{creds: awkward, password: redisPassword, redisArgs: []string{"--requirepass", redisPassword},
		top: map[string]string{"retry": "{initial: 50ms, max: 500ms, give_up_after: 6s}"}})
	ids := r.leakyRefunds(credentialsOf(awkward))
	w := r.start()
	for _, company := range sandbox.Companies {
		defer r.keepGoing(company)()
	}
	for _, id := range ids {
		r.waitFor(id, refund.Succeeded, refund.Declined, refund.Review)
	}
	places := map[string]string{"log": r.log.String(), "metrics": r.metrics(w.Addr())}
	paths := []string{"/", "/review", "/refunds?state=declined", "/refunds?state=review", "/search?q=order"}
	for _, company := range sandbox.Companies {
		paths = append(paths, "/asynqmon/api/queues/"+company+"/completed_tasks?size=500", "/asynqmon/api/queues/"+company+"/archived_tasks?size=500")
	}
	for _, id := range ids {
		paths = append(paths, "/refunds/"+id)
	}
	for _, path := range paths {
		places["page "+path] = r.fetch(w.Addr(), path)
	}
	w.stop()
	places["spans"] = r.exported()
	for key, value := range r.everything() {
		places["redis "+key] = key + "\n" + value
	}
	for _, id := range ids {
		v, err := r.backend.Journal.FullView(t.Context(), r.get(id))
		if err != nil {
			t.Fatal(err)
		}
		view, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		places["show "+id] = string(view)
		if info := r.task(v.Provider, id); info != nil { // one that the sweeper finished is gone
			places["task "+id] = string(info.Payload) + info.LastErr + string(info.Result)
		}
	}
	// What is meant to be there is found, so the scan looks in the right places.
	for _, where := range []string{"log", "spans", "show " + ids[0], "task " + ids[0], "page /refunds/" + ids[0]} {
		if !strings.Contains(places[where], ids[0]) {
			t.Errorf("%s does not name the refund: the scan sees nothing", where)
		}
	}
	var shown strings.Builder
	for where, content := range places {
		if strings.HasPrefix(where, "show ") {
			shown.WriteString(content)
		}
	}
	if n := strings.Count(shown.String(), "[redacted]"); n < len(ids)/4 {
		t.Errorf("only %d places are redacted: the answers that repeat secrets did not come through", n)
	}
	if !strings.Contains(places["metrics"], "refund_attempts_total") {
		t.Error("no metrics")
	}
	for what, secret := range credentialsOf(awkward) {
		for form, text := range encodings(secret) {
			for where, content := range places {
				if strings.Contains(strings.ToLower(content), strings.ToLower(telltale(form, text))) {
					t.Errorf("%s as %s in %s", what, form, where)
				}
			}
		}
	}
	for _, c := range r.companies.RecentCalls() {
		if c.Company != sandbox.Maib || c.Operation != sandbox.OpRefund {
			continue
		}
		for _, callback := range r.companies.Callbacks(c.Payment) {
			token := callback.URL[strings.LastIndexByte(callback.URL, '/')+1:]
			for where, content := range places {
				if strings.Contains(content, token) {
					t.Errorf("a callback address in %s", where)
				}
			}
		}
	}
}

// leakyRefunds enqueues refunds that meet every fault, and answers that repeat
// the credentials in every form.
func (r *rig) leakyRefunds(creds map[string]string) []string {
	var ids []string
	add := func(company string, faults ...sandbox.Fault) {
		payment := r.pays(company, 500_00)
		r.companies.Fail(company, payment, faults...)
		ids = append(ids, r.enqueue(request(company, payment, "100.00")))
	}
	var all strings.Builder
	for _, secret := range creds {
		for _, text := range encodings(secret) {
			all.WriteString(text + " ")
		}
	}
	for _, company := range sandbox.Companies {
		add(company)
		for _, kind := range sandbox.Faults {
			for _, c := range kind.Companies() {
				if c == company {
					add(company, sandbox.Fault{Kind: kind, Body: all.String(), Delay: faultDelay(kind)})
				}
			}
		}
		for what, secret := range creds {
			if !strings.HasPrefix(what, company) {
				continue
			}
			for form, text := range encodings(secret) {
				for i, code := range refusing[company] {
					if i > 0 && form != "plain" {
						continue
					}
					add(company, sandbox.Fault{Kind: sandbox.HTMLBefore, Status: 200, Body: echo(company, code, "wrong: "+text)})
				}
				quoted, err := json.Marshal(text)
				if err != nil {
					r.t.Fatal(err)
				}
				add(company, sandbox.Fault{Kind: sandbox.ServerErrorBefore, Body: echo(company, string(quoted), "wrong")})
			}
		}
		// Lookups that repeat them, too.
		payment := r.pays(company, 500_00)
		r.companies.FailLookups(company, payment, sandbox.Fault{Kind: sandbox.HTMLBefore, Body: echo(company, `"x"`, all.String())},
			sandbox.Fault{Kind: sandbox.ServerErrorBefore, Body: all.String()}, sandbox.Fault{Kind: sandbox.ResetBefore}, sandbox.Fault{Kind: sandbox.Redirect})
		ids = append(ids, r.enqueue(request(company, payment, "100.00")))
	}
	return ids
}

func (r *rig) metrics(addr string) string {
	r.t.Helper()
	return r.fetch(addr, "/metrics")
}

// fetch gets what a worker serves.
func (r *rig) fetch(addr, path string) string {
	r.t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: HTTP %d, %v", path, resp.StatusCode, err)
	}
	return string(b)
}

// whole puts values together that the journal stores in pieces: reason, reason+1, …
func whole(fields map[string]string) map[string]string {
	for field := range fields {
		for n := 1; ; n++ {
			piece, there := fields[field+"+"+strconv.Itoa(n)]
			if !there {
				break
			}
			fields[field] += piece
		}
	}
	return fields
}

// everything is all that Redis holds, by key.
func (r *rig) everything() map[string]string {
	r.t.Helper()
	ctx, found := r.t.Context(), map[string]string{}
	for _, key := range r.keys("*") {
		kind, err := r.raw.Type(ctx, key).Result()
		var value any
		if err == nil {
			switch kind {
			case "string":
				value, err = r.raw.Get(ctx, key).Result()
			case "hash":
				var fields map[string]string
				fields, err = r.raw.HGetAll(ctx, key).Result()
				value = whole(fields)
			case "list":
				value, err = r.raw.LRange(ctx, key, 0, -1).Result()
			case "set":
				value, err = r.raw.SMembers(ctx, key).Result()
			case "zset":
				value, err = r.raw.ZRangeWithScores(ctx, key, 0, -1).Result()
			case "stream":
				value, err = r.raw.XRange(ctx, key, "-", "+").Result()
			case "none": // it has run out meanwhile
				continue
			default:
				r.t.Fatalf("key %s is a %s", key, kind)
			}
		}
		if err != nil {
			r.t.Fatalf("key %s: %v", key, err)
		}
		found[key] = fmt.Sprint(value)
	}
	return found
}
