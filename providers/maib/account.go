package maib

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"refundworker/providers"
	"refundworker/refund"
)

type account struct {
	client   *providers.Client
	name     string
	callback string // our public address without a slash at the end; empty for none
	key      providers.Secret
	tokens   *tokens
}

// Open returns the account for the settings.
func (Driver) Open(s providers.Settings) (providers.Account, error) {
	client, err := providers.NewClient(s)
	if err != nil {
		return nil, err
	}
	id, secret := s.Secrets[keyID], s.Secrets[keySecret]
	if id.Empty() || secret.Empty() {
		return nil, errors.New(keyID + " and " + keySecret + " are required")
	}
	return &account{
		client:   client,
		name:     s.Name,
		callback: strings.TrimRight(s.Texts[keyCallback], "/"),
		key:      callbackKey(secret),
		tokens:   newTokens(client, id, secret, s.Timeout),
	}, nil
}

// Close ends a token renewal that is under way and closes idle connections.
func (a *account) Close() error {
	a.tokens.close()
	a.client.Close()
	return nil
}

// refundBody is the body of a refund; without an amount it is a full one.
type refundBody struct {
	Amount      json.Number `json:"amount,omitempty"`
	Reason      string      `json:"reason"`
	CallbackURL string      `json:"callbackUrl,omitempty"`
}

// Refund calls the refund endpoint once. Failing to get a token is never
// unknown: the refund itself was not sent.
func (a *account) Refund(ctx context.Context, at providers.Attempt) providers.Outcome {
	body := refundBody{Reason: at.Reason, CallbackURL: a.CallbackURL(at.RefundID)}
	if !at.Full {
		// Without an amount maib refunds all that is left.
		if at.Minor <= 0 {
			return notSent("the amount of a partial refund is missing")
		}
		body.Amount = json.Number(refund.Money{Minor: at.Minor, Currency: at.Currency}.String())
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return notSent("the request cannot be encoded")
	}
	ctx, cancel := context.WithTimeout(ctx, at.Deadline.Sub(a.client.Now()))
	defer cancel()
	token, fail := a.tokens.get(ctx)
	if fail != nil {
		return withoutToken(fail)
	}
	hide := []providers.Secret{token.value, a.callbackToken(at.RefundID)}
	got, fail := a.client.Send(ctx, at.Deadline, providers.Call{
		Operation: "refund",
		Method:    http.MethodPost,
		URL:       a.client.URL("v2", "payments", at.PaymentID, "refund"),
		Header: http.Header{"Authorization": {"Bearer " + token.value.Reveal()},
			"Accept": {"application/json"}, "Content-Type": {"application/json"}},
		Body: encoded,
		Hide: hide,
	})
	if fail != nil {
		return fail.Outcome()
	}
	reply := read(got.Body)
	if unauthorized(got, reply) {
		return a.rejected(token, got, reply, hide)
	}
	return a.outcome(got, reply, hide)
}

// rejected is the outcome of a refund that maib refused for its token, before
// any work. Only a token that was just issued proves that the credentials are
// at fault; an older one may have run out.
func (a *account) rejected(t token, got providers.Answer, r reply, hide []providers.Secret) providers.Outcome {
	a.tokens.drop(t)
	out := a.said(got, r, hide)
	out.Kind = providers.Unavailable
	if t.fresh {
		out.Kind = providers.Misconfigured
	}
	return out
}

func notSent(why string) providers.Outcome {
	return providers.Outcome{Kind: providers.Unavailable, Code: providers.CodeNotSent, Message: why}
}

func withoutToken(f *providers.Failure) providers.Outcome {
	out := f.Outcome()
	out.Message = "no access token: " + out.Message
	if out.Kind == providers.Unknown {
		out.Kind = providers.Unavailable
	}
	return out
}
