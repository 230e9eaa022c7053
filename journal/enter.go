package journal

import (
	"context"
	"fmt"
	"sync"

	"refundworker/refund"
)

// Asked is a checked order with how it is to be taken in.
type Asked struct {
	Order  refund.Order
	Taking Taking
}

// Entered is what claiming an order's id and taking it in came to. Where the
// claim bars the order, nothing was taken and Taken is the zero Taken.
type Entered struct {
	Claimed Claimed
	Taken   Taken
}

// bars reports whether a claim leaves nothing to take in.
func (c Claimed) bars(t Taking) bool {
	return c.Conflict || c.Expired || c.Refusal != nil && !t.RecordRefusal
}

// Enter claims the ids of orders, takes them in, and stores refusals with their
// claims: Claim, Take and Refuse for one after the other. On one server that is
// one script and one round trip for all, and all of it is there or nothing; in a
// cluster it is those steps for each order, one payment's in the order given.
//
// After an error any of it may have been done; entering again finds it out.
func (j *Journal) Enter(ctx context.Context, list []Asked) ([]Entered, error) {
	if j.options.Cluster {
		return j.enterByPayment(ctx, list)
	}
	keys, args, digests := make([]string, 0, 2*len(list)), make([]any, 0, 40*len(list)), make([]string, len(list))
	for i, a := range list {
		place := placeOf(a.Order.Provider, a.Order.PaymentID)
		digests[i] = a.Order.Digest()
		keys = append(keys, claimKey(a.Order.RefundID), recordKey(place, a.Order.RefundID))
		args = append(args, 0)
		count := len(args)
		args = j.takeArgs(args, a.Order, a.Taking, place, digests[i])
		args[count-1] = len(args) - count
	}
	raw, err := j.run.Run(ctx, keys[1], enterScript, keys, args...)
	if err != nil {
		return nil, fmt.Errorf("journal: take refunds in: %w", err)
	}
	answers, ok := raw.([]any)
	if !ok || len(answers) != len(list) {
		return nil, fmt.Errorf("journal: take refunds in: %w", errReply)
	}
	entered := make([]Entered, len(list))
	for i, a := range list {
		if entered[i], err = a.entered(answers[i], digests[i]); err != nil {
			return nil, err
		}
	}
	return entered, nil
}

// entered reads the answer about one order.
func (a Asked) entered(raw any, digest string) (e Entered, err error) {
	words, ok := raw.([]any)
	if !ok || len(words) < 2 {
		return e, fmt.Errorf("journal: take refunds in: %w", errReply)
	}
	if e.Claimed, err = claimed(a.Order.RefundID, words[0], words[1]); err != nil || len(words) == 2 {
		return e, err
	}
	a.Taking.Refused = e.Claimed.Refusal
	got, err := parseReply(words[2], nil)
	e.Taken, err = a.taken(got, digest, err)
	return e, err
}

// enterByPayment takes the orders of different payments in at the same time.
func (j *Journal) enterByPayment(ctx context.Context, list []Asked) ([]Entered, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	entered := make([]Entered, len(list))
	byPayment := map[string][]int{}
	for i, a := range list {
		place := placeOf(a.Order.Provider, a.Order.PaymentID)
		byPayment[place] = append(byPayment[place], i)
	}
	var all sync.WaitGroup
	for _, which := range byPayment {
		all.Go(func() {
			for _, i := range which {
				var err error
				if entered[i], err = j.enterInSteps(ctx, list[i]); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	all.Wait()
	return entered, context.Cause(ctx)
}

func (j *Journal) enterInSteps(ctx context.Context, a Asked) (e Entered, err error) {
	o := a.Order
	e.Claimed, err = j.Claim(ctx, o.RefundID, o.Provider, o.PaymentID, o.Digest())
	if err != nil || e.Claimed.bars(a.Taking) {
		return e, err
	}
	a.Taking.Refused = e.Claimed.Refusal
	e.Taken, err = j.Take(ctx, o, a.Taking)
	if err == nil && e.Taken.Refusal != nil && e.Taken.Record == nil {
		*e.Taken.Refusal, err = j.Refuse(ctx, o.RefundID, *e.Taken.Refusal)
	}
	return e, err
}
