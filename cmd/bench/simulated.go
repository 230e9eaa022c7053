package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// simulator is the simulated providers in their own process.
type simulator struct {
	simulatorReady
	child  *child
	client *http.Client
	next   int64 // the first payment that no round has used
}

func startSimulator(ctx context.Context, latency time.Duration) (*simulator, error) {
	s := &simulator{client: &http.Client{Timeout: time.Minute}}
	var err error
	if s.child, err = startChild(ctx, &s.simulatorReady, nil, simulatorName, "--latency", latency.String()); err != nil {
		return nil, fmt.Errorf("start the simulated providers: %w", err)
	}
	return s, nil
}

func (s *simulator) stop() {
	s.client.CloseIdleConnections()
	s.child.end()
}

// ask puts one of the simulator's questions.
func (s *simulator) ask(ctx context.Context, method, what, company string, from, count int64, answer any) error {
	query := url.Values{"company": {company}, "from": {strconv.FormatInt(from, 10)}, "count": {strconv.FormatInt(count, 10)}}
	req, err := http.NewRequestWithContext(ctx, method, s.Control+"/"+what+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the simulated providers for %s: %w", what, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the simulated providers for %s: %s", what, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// reserve makes payments that nobody has refunded and returns the first.
func (s *simulator) reserve(ctx context.Context, company string, count int64) (first int64, err error) {
	first = s.next
	s.next += count
	var added int64
	err = s.ask(ctx, http.MethodPost, "payments", company, first, count, &added)
	return first, err
}

// calls counts the refund calls that the company ever got.
func (s *simulator) calls(ctx context.Context, company string) (n int64, err error) {
	err = s.ask(ctx, http.MethodGet, "calls", company, 0, 0, &n)
	return n, err
}

// reached waits until the company got so many refund calls, but not for long,
// and returns how many it got. It costs next to nothing, unlike asking again and
// again.
func (s *simulator) reached(ctx context.Context, company string, calls int64) (n int64, err error) {
	err = s.ask(ctx, http.MethodGet, "reached", company, 0, calls, &n)
	return n, err
}

// arrivals are the latest refund calls, a thousand at least if there were as many.
func (s *simulator) arrivals(ctx context.Context, company string) (list []arrival, err error) {
	err = s.ask(ctx, http.MethodGet, "arrivals", company, 0, 0, &list)
	return list, err
}

// cpu is what the simulator's process ever used.
func (s *simulator) cpu(ctx context.Context) (c cpu, err error) {
	err = s.ask(ctx, http.MethodGet, "cpu", "", 0, 0, &c)
	return c, err
}

// sum adds up what moved on a range of payments.
func (s *simulator) sum(ctx context.Context, company string, first, count int64, sum *ledgerSum) error {
	return s.ask(ctx, http.MethodGet, "moved", company, first, count, sum)
}

// settled checks that every payment of the range got its one refund, and
// returns what moved in all. What is promised has a moment to move.
func (s *simulator) settled(ctx context.Context, company string, first, count int64) (int64, error) {
	var sum ledgerSum
	for try := 0; ; try++ {
		if err := s.sum(ctx, company, first, count, &sum); err != nil {
			return 0, err
		}
		if sum.Pending == 0 || try == 20 {
			break
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	if sum.Wrong > 0 || sum.Pending > 0 || sum.Moved != count*refunded {
		return 0, fmt.Errorf("MONEY IS WRONG: %d of %d payments did not get exactly their refund; moved %d minor units (and %d pending) instead of %d",
			sum.Wrong, count, sum.Moved, sum.Pending, count*refunded)
	}
	return sum.Moved, nil
}
