package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"refundworker/providers/sandbox"
	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/tasks"
)

// bareSide is what people write first: a handler that calls the provider and
// believes the answer. It shares the payload, the queue, the Redis client's
// settings and the HTTP call with ours, and has no safety at all.
type bareSide struct{ *bench }

func (b bareSide) open(context.Context) (func(context.Context, refund.Request) error, func() error, error) {
	rdb, err := redisconn.Open(b.store.url)
	if err != nil {
		return nil, nil, err
	}
	client := asynq.NewClientFromRedisClient(rdb)
	enqueue := func(ctx context.Context, r refund.Request) error {
		payload, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = client.EnqueueContext(ctx, asynq.NewTask(tasks.Type, payload), asynq.Queue(b.provider))
		return err
	}
	return enqueue, rdb.Close, nil
}

func (b bareSide) work(ctx context.Context, fail func(error)) (func() error, error) {
	rdb, err := redisconn.Open(b.store.url)
	if err != nil {
		return nil, err
	}
	call, err := b.caller(ctx)
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Concurrency: b.concurrency,
		Queues: map[string]int{b.provider: 1}, LogLevel: asynq.ErrorLevel, ShutdownTimeout: endTime})
	err = server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		var r refund.Request
		if err := json.Unmarshal(t.Payload(), &r); err != nil {
			return err
		}
		err := call(ctx, r)
		if err != nil {
			fail(err)
		}
		return err
	}))
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	return func() error { server.Shutdown(); return rdb.Close() }, nil
}

// verify has nothing to look at: the queue is empty, and the ledger is checked
// for both sides.
func (bareSide) verify(context.Context, int) error { return nil }

// caller returns the provider's refund call over one pooled client.
func (b bareSide) caller(ctx context.Context) (func(context.Context, refund.Request) error, error) {
	client := &http.Client{Timeout: 15 * time.Second,
		Transport: &http.Transport{MaxIdleConns: b.concurrency, MaxIdleConnsPerHost: b.concurrency, IdleConnTimeout: time.Minute}}
	base := b.simulator.Companies[b.provider]
	switch b.provider {
	case sandbox.UnitPay:
		return func(ctx context.Context, r refund.Request) error {
			query := "method=refundPayment&" + url.QueryEscape("params[paymentId]") + "=" + r.PaymentID +
				"&" + url.QueryEscape("params[sum]") + "=" + r.Amount +
				"&" + url.QueryEscape("params[secretKey]") + "=" + sandbox.UnitPaySecret
			_, err := exchange(ctx, client, http.MethodGet, base+"?"+query, nil, nil)
			return err
		}, nil
	case sandbox.Sberbank:
		return func(ctx context.Context, r refund.Request) error {
			form := url.Values{"orderId": {r.PaymentID}, "compositeRefundAmount": {strconv.FormatInt(refunded, 10)}, "language": {"ru"},
				"userName": {sandbox.SberbankUser}, "password": {sandbox.SberbankPassword}}
			_, err := exchange(ctx, client, http.MethodPost, base+"/autoRefund.do",
				http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
			return err
		}, nil
	}
	return maibCaller(ctx, client, base)
}

func maibCaller(ctx context.Context, client *http.Client, base string) (func(context.Context, refund.Request) error, error) {
	asJSON := http.Header{"Content-Type": {"application/json"}}
	answer, err := exchange(ctx, client, http.MethodPost, base+"/v2/auth/token", asJSON,
		fmt.Appendf(nil, `{"clientId":%q,"clientSecret":%q}`, sandbox.MaibClientID, sandbox.MaibClientSecret))
	if err != nil {
		return nil, err
	}
	var token struct {
		Result struct {
			AccessToken string `json:"accessToken"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer, &token); err != nil {
		return nil, err
	}
	return func(ctx context.Context, r refund.Request) error {
		body, err := json.Marshal(map[string]any{"amount": json.Number(r.Amount), "reason": r.Reason})
		if err != nil {
			return err
		}
		_, err = exchange(ctx, client, http.MethodPost, base+"/v2/payments/"+r.PaymentID+"/refund",
			http.Header{"Content-Type": asJSON["Content-Type"], "Authorization": {"Bearer " + token.Result.AccessToken}}, body)
		return err
	}, nil
}

// exchange makes one call and decodes its JSON answer.
func exchange(ctx context.Context, client *http.Client, method, to string, header http.Header, body []byte) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error  json.RawMessage `json:"error"`
		Errors json.RawMessage `json:"errors"`
		Code   any             `json:"errorCode"`
		Result json.RawMessage `json:"result"`
	}
	var raw json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		return nil, err
	}
	// UnitPay's answers may have a trailing comma, which only its own reader
	// takes; the simulated one sends none.
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	refusedBy := strings.Trim(string(answer.Error)+string(answer.Errors), "[]nul")
	if code := fmt.Sprint(answer.Code); resp.StatusCode >= 300 || refusedBy != "" || answer.Code != nil && code != "0" {
		return nil, fmt.Errorf("the simulated provider refused: %s", raw)
	}
	return raw, nil
}
