package browsertest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"refundworker/config"
	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tasks"
	"refundworker/worker"
)

// The passwords are ann-pass, bob-pass and eve-pass.
const passwordFile = `ann:$2a$10$1oRGdIwJ6d9Sr3vYWom.rOyulg3eY0fKFB/0CRJUCUb1R.IOWyRO6
bob:$2a$10$z/ApNUVhpp2PbdGAUr468OldeJUah01erKkQIxtIvccmJYRyVFaWG
eve:$2a$10$e4o2mphIwPmEzXaAIjTig.OWL3E6BTevxTBmViYx6.uQMsqiXKSdS
`

// withLogin is the block of a site where ann operates and bob views.
const withLogin = `web: {login: {htpasswd: htpasswd}, operators: [ann], viewers: [bob]}`

// rig is a worker with its Redis and the simulated companies.
type rig struct {
	t         *testing.T
	origin    string
	companies *sandbox.Server
	backend   *tasks.Backend
	enqueuer  *tasks.Enqueuer
	operator  *tasks.Operator
	log       *observer.ObservedLogs
	payments  int
}

const configuration = `
redis: redis://%s/0
durability: none
listen: 127.0.0.1:0
%s
retry: {initial: 50ms, max: 500ms}
providers:
  unitpay: {driver: unitpay, base_url: "%s", secret_key: "${UNITPAY}", one_refund_per_payment: false, rate_limit: 50/s, burst: 50, reconcile: {first: 200ms, settle: 1s}, timeout: 1s}
  maib: {driver: maib, base_url: "%s", client_id: "${MAIB_ID}", client_secret: "${MAIB_SECRET}", rate_limit: 50/s, burst: 50, poll: {initial: 50ms, max: 200ms}}
  sberbank: {driver: sberbank, base_url: "%s", username: "${SBER_USER}", password: "${SBER_PASSWORD}", rate_limit: 50/s, burst: 50, reconcile: {first: 200ms, settle: 1s}, timeout: 1s}
`

func newRig(t *testing.T, web string) *rig {
	t.Helper()
	redis := redistest.Start(t)
	r := &rig{t: t, companies: sandbox.New(sandbox.Options{SettleDelay: 100 * time.Millisecond})}
	if err := r.companies.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.companies.Close() })
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("htpasswd", passwordFile)
	file := write("refunds.yaml", fmt.Sprintf(configuration, redis.Addr, web,
		r.companies.BaseURL(sandbox.UnitPay), r.companies.BaseURL(sandbox.Maib), r.companies.BaseURL(sandbox.Sberbank)))
	env := map[string]string{"UNITPAY": sandbox.UnitPaySecret, "MAIB_ID": sandbox.MaibClientID, "MAIB_SECRET": sandbox.MaibClientSecret,
		"SBER_USER": sandbox.SberbankUser, "SBER_PASSWORD": sandbox.SberbankPassword}
	cfg, err := config.Load(file, config.Options{Drivers: all.Drivers, ResolveSecrets: true, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	if r.backend, err = tasks.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.backend.Close() })
	r.enqueuer, r.operator = tasks.NewEnqueuer(r.backend, cfg), tasks.NewOperator(r.backend, cfg)
	r.run(cfg)
	return r
}

// run works until the test ends.
func (r *rig) run(cfg *config.Config) {
	r.t.Helper()
	core, log := observer.New(zap.InfoLevel)
	r.log = log
	w, err := worker.New(cfg, worker.Options{Log: zap.New(core), Name: "worker-1"})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				r.t.Errorf("the worker: %v", err)
			}
		case <-time.After(patience):
			r.t.Error("the worker does not end")
		}
	})
	select {
	case <-w.Listening():
	case err := <-ended:
		ended <- nil
		r.t.Fatalf("the worker ended: %v", err)
	}
	r.origin = "http://" + w.Addr()
}

// in is the same rig in a part of the test.
func (r *rig) in(t *testing.T) *rig {
	part := *r
	part.t = t
	return &part
}

// ask takes in a refund of a new payment, which meets the faults.
func (r *rig) ask(id, company string, payment sandbox.Payment, amount string, faults ...sandbox.Fault) {
	r.t.Helper()
	r.payments++
	payment.Company, payment.ID = company, fmt.Sprintf("8ce09e40-2948-4225-a9c4-%012x", r.payments)
	currency := "RUB"
	switch company {
	case sandbox.UnitPay:
		payment.ID = fmt.Sprint(7_204_118_000 + r.payments)
	case sandbox.Maib:
		currency = "MDL"
	}
	r.companies.AddPayment(payment)
	if len(faults) > 0 {
		r.companies.Fail(company, payment.ID, faults...)
	}
	order, _, _ := strings.Cut(id, "-refund")
	receipt, err := r.enqueuer.Enqueue(r.t.Context(), refund.Request{RefundID: id, Provider: company, PaymentID: payment.ID, Amount: amount, Currency: currency,
		Reason: "returned by the customer", Metadata: map[string]string{"order": order, "channel": "web shop"}}, tasks.By("shop"))
	if err != nil || receipt.Status != tasks.Queued {
		r.t.Fatalf("enqueue %s: %+v, %v", id, receipt, err)
	}
}

// becomes waits until a refund is in a state.
func (r *rig) becomes(id string, state refund.State) *journal.Record {
	r.t.Helper()
	var rec *journal.Record
	redistest.Eventually(r.t, fmt.Sprintf("%s is %s", id, state), func() bool {
		var err error
		rec, err = r.backend.Journal.Get(r.t.Context(), id)
		return err == nil && rec.State == state
	})
	return rec
}

// last is how a refund's history ends.
func (r *rig) last(rec *journal.Record) journal.Entry {
	r.t.Helper()
	history, err := r.backend.Journal.History(r.t.Context(), rec)
	if err != nil || len(history) == 0 {
		r.t.Fatalf("history of %s: %v, %v", rec.ID, history, err)
	}
	return history[len(history)-1]
}

// fill makes a day's work: refunds that went well, some that did not, three that
// wait for a person, and one that waits because its provider is paused.
func (r *rig) fill() {
	r.t.Helper()
	good := map[string]string{}
	for i := range 9 {
		company := sandbox.Companies[i%3]
		id := fmt.Sprintf("order-%d-refund-1", 20410+i)
		r.ask(id, company, sandbox.Payment{Minor: 2_500_00}, fmt.Sprintf("%d.%02d", 120+37*i, 10*i))
		good[id] = company
	}
	r.ask("order-20431-refund-1", sandbox.UnitPay, sandbox.Payment{Minor: 900_00}, "450.00", sandbox.Fault{Kind: sandbox.Declined})
	r.ask("order-20432-refund-1", sandbox.UnitPay, sandbox.Payment{Minor: 900_00}, "350.00", sandbox.Fault{Kind: sandbox.LostAnswer})
	r.ask("order-20433-refund-1", sandbox.Maib, sandbox.Payment{Minor: 1_250_00}, "1250.00", sandbox.Fault{Kind: sandbox.ManualLater})
	r.ask("order-20434-refund-1", sandbox.Sberbank, sandbox.Payment{Minor: 500_00, PointsMinor: 200_00}, "300.00", sandbox.Fault{Kind: sandbox.PartialOutcome})
	r.ask("order-20435-refund-2", sandbox.Maib, sandbox.Payment{Minor: 640_00}, "99.90", sandbox.Fault{Kind: sandbox.ManualLater})
	for id := range good {
		r.becomes(id, refund.Succeeded)
	}
	r.becomes("order-20431-refund-1", refund.Declined)
	r.becomes("order-20432-refund-1", refund.Succeeded)
	for _, id := range []string{"order-20433-refund-1", "order-20434-refund-1", "order-20435-refund-2"} {
		r.becomes(id, refund.Review)
	}
	if err := r.operator.Pause(r.t.Context(), sandbox.UnitPay, "ann", "merchant account under maintenance until noon"); err != nil {
		r.t.Fatal(err)
	}
	r.ask("order-20436-refund-1", sandbox.UnitPay, sandbox.Payment{Minor: 100_00}, "75.00")
}
