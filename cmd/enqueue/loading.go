package main

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"time"

	"refundworker/batch"
	"refundworker/refund"
	"refundworker/tasks"
)

// How many rows are on their way at a time.
const (
	workers    = 64 // one connection each
	perWorker  = 4
	inOrder    = workers * perWorker
	drainAtEnd = enqueueTimeout + time.Second // what is on its way when the run is interrupted
)

// loading takes the rows of a file in, several at a time.
type loading struct {
	reader   *batch.Reader
	naming   *batch.Naming
	enqueuer *tasks.Enqueuer
	ask      func(ctx context.Context, o refund.Order) (tasks.Receipt, error)
}

// item is one row on its way.
type item struct {
	row     batch.Row
	order   refund.Order // if nothing is wrong with the row
	receipt tasks.Receipt
	err     error
	done    chan struct{} // closed when receipt and err are there
}

// take is the ask that enqueues.
func (l *loading) take(by string) func(context.Context, refund.Order) (tasks.Receipt, error) {
	options := []tasks.Option{tasks.Bulk(), tasks.By(by)}
	return func(ctx context.Context, o refund.Order) (tasks.Receipt, error) {
		return l.enqueuer.Enqueue(ctx, requestOf(o), options...)
	}
}

// requestOf writes a checked order as a request again. Checked once more it is
// the same order.
func requestOf(o refund.Order) refund.Request {
	r := refund.Request{RefundID: o.RefundID, Provider: o.Provider, PaymentID: o.PaymentID, Amount: o.Asked,
		Currency: string(o.Amount.Currency), Reason: o.Reason, Receipt: o.Receipt, Metadata: o.Metadata}
	if o.Total.Minor > 0 {
		r.PaymentTotal = o.Total.String()
	}
	return r
}

// run takes the rows in and tells each, in the file's order. Rows of one
// payment are taken in in the file's order too: the same worker gets them. It
// ends with the first error that tell returns or that is not the row's fault;
// rows behind that one may have been taken in all the same.
//
// When the context ends no further row is read, and those on their way are
// waited for.
func (l *loading) run(ctx context.Context, tell func(*item) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ordered := make(chan *item, inOrder)
	lanes := make([]chan *item, workers)
	for i := range lanes {
		lanes[i] = make(chan *item, perWorker)
		go l.work(context.WithoutCancel(ctx), lanes[i])
	}
	var readErr error // read after ordered is closed
	go func() {
		defer close(ordered)
		defer func() {
			for _, lane := range lanes {
				close(lane)
			}
		}()
		readErr = l.read(ctx, ordered, lanes)
	}()
	return l.collect(ctx, cancel, ordered, tell, &readErr)
}

// collect tells the items in order.
func (l *loading) collect(ctx context.Context, cancel context.CancelCauseFunc, ordered <-chan *item, tell func(*item) error, readErr *error) error {
	var first error
	ended := ctx.Done()
	var late <-chan time.Time // when a reader that hangs is no longer waited for
	for {
		select {
		case <-ended:
			ended, late = nil, time.After(drainAtEnd)
			continue
		case <-late:
			return errors.Join(first, context.Cause(ctx))
		case it, more := <-ordered:
			if !more {
				if first == nil {
					first = *readErr
				}
				return first
			}
			<-it.done
			err := it.err
			if first == nil && err == nil {
				err = tell(it)
			}
			if first == nil && err != nil {
				first = err
				cancel(err)
			}
		}
	}
}

// read reads the rows and hands them on until the file or the context ends.
func (l *loading) read(ctx context.Context, ordered chan<- *item, lanes []chan *item) error {
	seed := maphash.MakeSeed()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row, err := l.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		it := &item{row: row, done: make(chan struct{})}
		l.check(it)
		if it.receipt.Status != "" || it.err != nil {
			close(it.done)
			ordered <- it
			continue
		}
		ordered <- it
		lane := maphash.String(seed, it.order.Provider+":"+it.order.PaymentID) % workers
		lanes[lane] <- it
	}
}

// check looks at a row alone, and names it.
func (l *loading) check(it *item) {
	faults := it.row.Faults
	order, err := l.enqueuer.Check(it.row.Request)
	var more refund.Invalid
	switch {
	case len(faults) > 0 && faults[0].Field == "row": // nothing of it could be read
	case errors.As(err, &more):
		faults = merge(faults, more)
	case err != nil:
		it.err = err
		return
	}
	if len(faults) > 0 {
		it.receipt = tasks.Receipt{RefundID: it.row.Request.RefundID, Status: tasks.Invalid, Rule: faults[0].Field, Message: faults.Error(), Faults: faults}
		return
	}
	if order.RefundID == "" {
		order.RefundID = l.naming.ID(order)
	}
	it.order = order
}

// merge adds faults of fields that have none yet.
func merge(faults, more refund.Invalid) refund.Invalid {
	had := map[string]bool{}
	for _, f := range faults {
		had[f.Field] = true
	}
	for _, f := range more {
		if !had[f.Field] {
			faults = append(faults, f)
		}
	}
	return faults
}

func (l *loading) work(ctx context.Context, lane <-chan *item) {
	failed := false
	for it := range lane {
		if failed {
			it.err = errors.New("not tried: an earlier row failed")
		} else {
			bounded, cancel := context.WithTimeout(ctx, enqueueTimeout)
			it.receipt, it.err = l.ask(bounded, it.order)
			cancel()
			// The rest of the lane would only wait for the same.
			failed = it.err != nil
		}
		close(it.done)
	}
}
