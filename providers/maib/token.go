package maib

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"refundworker/providers"
)

const (
	// minMargin and a tenth of its life is how long before its end a token is
	// renewed, so that it does not run out on the way.
	minMargin = 5 * time.Second
	maxLife   = 24 * time.Hour
	maxToken  = 8 << 10 // bytes
	// slotWait is how long a renewal may wait for the rate limit. It may be
	// longer than a call: the token then serves the next one.
	slotWait = 2 * time.Minute
)

// token is an access token. fresh says that it was issued for this very call.
type token struct {
	value  providers.Secret
	expiry time.Time
	fresh  bool
}

// tokens keeps one access token for all calls, and renews it once for all that
// wait for it.
type tokens struct {
	client     *providers.Client
	id, secret providers.Secret
	timeout    time.Duration
	end        context.Context
	close      context.CancelFunc

	mu      sync.Mutex
	current token
	flight  *flight // the renewal under way; nil for none
}

type flight struct {
	done  chan struct{}
	token token
	fail  *providers.Failure
}

func newTokens(client *providers.Client, id, secret providers.Secret, timeout time.Duration) *tokens {
	t := &tokens{client: client, id: id, secret: secret, timeout: timeout}
	t.end, t.close = context.WithCancel(context.Background())
	return t
}

// get returns a token that is not about to run out.
func (t *tokens) get(ctx context.Context) (token, *providers.Failure) {
	t.mu.Lock()
	if !t.current.value.Empty() && t.client.Now().Before(t.current.expiry) {
		defer t.mu.Unlock()
		return t.current, nil
	}
	return t.wait(ctx, t.fly(true))
}

// renew asks for a new token, whatever there is. The caller has counted the call.
func (t *tokens) renew(ctx context.Context) (token, *providers.Failure) {
	t.mu.Lock()
	return t.wait(ctx, t.fly(false))
}

// drop forgets a token that was refused, unless it was renewed since.
func (t *tokens) drop(refused token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.value.Reveal() == refused.value.Reveal() {
		t.current = token{}
	}
}

// fly starts a renewal or joins the one under way; the caller holds mu. It runs
// on a context of its own: the call that starts it may give up, and those that
// joined must not fail for that.
func (t *tokens) fly(extra bool) *flight {
	if t.flight != nil {
		return t.flight
	}
	f := &flight{done: make(chan struct{})}
	t.flight = f
	go func() {
		ctx, cancel := context.WithTimeout(t.end, slotWait+t.timeout)
		defer cancel()
		f.token, f.fail = t.fetch(ctx, extra)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.flight = nil
		if f.fail == nil {
			t.current = f.token
			t.current.fresh = false
		}
		close(f.done)
	}()
	return f
}

// wait lets go of mu, which the caller holds, and waits for the flight.
func (t *tokens) wait(ctx context.Context, f *flight) (token, *providers.Failure) {
	t.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.fail
	case <-ctx.Done():
		return token{}, &providers.Failure{Kind: providers.Unavailable, Code: providers.CodeNotSent, Message: "no answer in time"}
	}
}

func (t *tokens) fetch(ctx context.Context, extra bool) (token, *providers.Failure) {
	body, err := json.Marshal(map[string]string{"clientId": t.id.Reveal(), "clientSecret": t.secret.Reveal()})
	if err != nil {
		return token{}, &providers.Failure{Kind: providers.Unavailable, Code: providers.CodeNotSent, Message: "the request cannot be encoded"}
	}
	asked := t.client.Now()
	got, fail := t.client.Ask(ctx, providers.Call{
		Operation: "token",
		Method:    http.MethodPost,
		URL:       t.client.URL("v2", "auth", "token"),
		Header:    http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}},
		Body:      body,
		Extra:     extra,
	})
	if fail != nil {
		return token{}, fail
	}
	r := read(got.Body)
	if unauthorized(got, r) || r.wellFormed && !r.ok() && !got.ServerError() && r.class() == misconfigured {
		fail := r.failure(t.client, got)
		fail.Kind = providers.Misconfigured
		return token{}, fail
	}
	var result struct {
		AccessToken string            `json:"accessToken"`
		ExpiresIn   *providers.Scalar `json:"expiresIn"`
	}
	if !got.OK() || !r.answered() || json.Unmarshal(r.Result, &result) != nil || !usableToken(result.AccessToken) {
		return token{}, r.failure(t.client, got)
	}
	return token{value: providers.NewSecret(result.AccessToken), expiry: asked.Add(usefulLife(result.ExpiresIn)), fresh: true}, nil
}

// usefulLife is how long a token may be used. Not to be kept at all if maib
// does not say: its documentation and its sandbox differ.
func usefulLife(expiresIn *providers.Scalar) time.Duration {
	if expiresIn == nil {
		return 0
	}
	seconds, err := strconv.ParseUint(string(*expiresIn), 10, 31)
	if err != nil {
		return 0
	}
	life := min(time.Duration(seconds)*time.Second, maxLife)
	return max(0, life-max(life/10, minMargin))
}

// usableToken reports whether s can stand in a header.
func usableToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
