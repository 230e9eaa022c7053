package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"refundworker/providers/sandbox"
)

// accountsSettings measure a worker of many providers.
type accountsSettings struct {
	accounts    []int
	idle        time.Duration
	appendfsync string
}

func providersExperiment() experiment {
	s := &accountsSettings{}
	return experiment{
		name:  "providers",
		short: "Measure what configured providers cost a worker that has nothing to do",
		long: `Start a worker with so many accounts, a third of each company and none like
another, and measure how long it takes to be ready and what it costs while nothing
happens.`,
		flags: func(f *pflag.FlagSet) {
			f.IntSliceVar(&s.accounts, "accounts", []int{1, 20, 200}, "how many accounts")
			f.DurationVar(&s.idle, "idle", 4*time.Second, "how long to look at the idle worker")
			f.StringVar(&s.appendfsync, "appendfsync", fsyncOff, "as for bench itself")
		},
		check: func() error {
			return firstOf(eachWithin("accounts", s.accounts, 1, 1000), eachDurationWithin("idle", []time.Duration{s.idle}, time.Second, time.Minute),
				oneOf("appendfsync", s.appendfsync, fsyncs))
		},
		run: s.run,
	}
}

type accountsFinding struct {
	Rows []accountsRow `json:"rows"`
}

type accountsRow struct {
	Accounts int           `json:"accounts"`
	Started  time.Duration `json:"started_ns"` // from reading the configuration until it was ready
	Idle     idleCost      `json:"idle"`
}

func (s *accountsSettings) run(ctx context.Context, l *lab) (finding, error) {
	b, err := l.bench(ctx, settings{refunds: 1, concurrency: 4}, s.appendfsync)
	if err != nil {
		return nil, err
	}
	found := &accountsFinding{}
	for _, n := range s.accounts {
		l.say("%d accounts", n)
		row, err := s.measure(ctx, b, n)
		if err != nil {
			return nil, fmt.Errorf("%d accounts: %w", n, err)
		}
		found.Rows = append(found.Rows, row)
	}
	return found, nil
}

func (s *accountsSettings) measure(ctx context.Context, b *bench, n int) (accountsRow, error) {
	row := accountsRow{Accounts: n}
	if err := b.store.empty(ctx); err != nil {
		return row, err
	}
	setup := b.setup(path{})
	for i := range n {
		setup.accounts = append(setup.accounts, b.account(i))
	}
	workers, cost, err := b.idling(ctx, 1, setup, s.idle)
	if err != nil {
		return row, err
	}
	defer workers.end()
	row.Idle = cost
	state, err := workers.look(ctx)
	row.Started = state.Started
	return row, err
}

// account is the n-th of many. Nobody calls them, so their credentials are none
// that the simulator knows.
func (b *bench) account(n int) account {
	company := sandbox.Companies[n%len(sandbox.Companies)]
	a := account{name: fmt.Sprintf("%s-%d", company, n), company: company, baseURL: b.simulator.Companies[company]}
	switch company {
	case sandbox.UnitPay:
		a.credentials = []string{fmt.Sprintf("secret_key: bench-%d", n)}
	case sandbox.Maib:
		a.credentials = []string{fmt.Sprintf("client_id: bench-%d", n), fmt.Sprintf("client_secret: bench-%d", n)}
	case sandbox.Sberbank:
		a.credentials = []string{fmt.Sprintf("username: bench-%d", n), fmt.Sprintf("password: bench-%d", n)}
	}
	return a
}

func (f *accountsFinding) sheets() []sheet {
	t := sheet{title: "Providers configured in one worker, while nothing happens", columns: append([]string{"PROVIDERS", "READY AFTER"}, idleColumns...)}
	for _, r := range f.Rows {
		t.row(append([]string{fmt.Sprint(r.Accounts), millis(r.Started)}, r.Idle.cells()...)...)
	}
	return []sheet{t}
}
