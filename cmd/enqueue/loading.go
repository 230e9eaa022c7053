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

// drainAtEnd is for what is on its way when the run is interrupted.
const drainAtEnd = enqueueTimeout + time.Second

// loading takes the rows of a file in, several at a time.
type loading struct {
	reader   *batch.Reader
	naming   *batch.Naming
	enqueuer *tasks.Enqueuer
	asking
}

// asking is how rows are asked for.
type asking struct {
	workers int // at the same time, on one connection each
	rows    int // that one asks for together, at most: Redis does nothing else meanwhile
	ask     func(ctx context.Context, orders []refund.Order) ([]tasks.Receipt, error)
}

// inFlight is how many rows are on their way: so many that whoever asks next has all
// it may ask for.
func (a asking) inFlight() int { return a.workers * 4 * a.rows }

// item is one row on its way.
type item struct {
	row     batch.Row
	order   refund.Order // if nothing is wrong with the row
	receipt tasks.Receipt
	err     error
	done    chan struct{} // closed when receipt and err are there
}

// taking enqueues rows.
func taking(e *tasks.Enqueuer, by string) asking {
	options := []tasks.Option{tasks.Bulk(), tasks.By(by)}
	return asking{8, 32, func(ctx context.Context, orders []refund.Order) ([]tasks.Receipt, error) {
		return e.EnqueueAll(ctx, orders, options...)
	}}
}

// peeking looks at what enqueueing rows would come to.
func peeking(e *tasks.Enqueuer) asking {
	return asking{64, 1, func(ctx context.Context, orders []refund.Order) ([]tasks.Receipt, error) {
		receipt, err := e.Peek(ctx, orders[0])
		return []tasks.Receipt{receipt}, err
	}}
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
	ordered := make(chan *item, l.inFlight())
	lanes := make([]chan *item, l.workers)
	for i := range lanes {
		lanes[i] = make(chan *item, l.inFlight()/l.workers)
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
		lane := maphash.String(seed, it.order.Provider+":"+it.order.PaymentID) % uint64(l.workers)
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
		order.RefundID, it.err = l.naming.ID(order)
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

// work asks for the rows of a lane, together those that are there.
func (l *loading) work(ctx context.Context, lane <-chan *item) {
	failed := false
	list, orders := make([]*item, 0, l.rows), make([]refund.Order, 0, l.rows)
	for it := range lane {
		list, orders = append(list[:0], it), append(orders[:0], it.order)
		for more := true; more && len(list) < l.rows; {
			select {
			case it, more = <-lane:
				if more {
					list, orders = append(list, it), append(orders, it.order)
				}
			default:
				more = false
			}
		}
		var receipts []tasks.Receipt
		err := errors.New("not tried: an earlier row failed")
		if !failed {
			bounded, cancel := context.WithTimeout(ctx, enqueueTimeout)
			receipts, err = l.ask(bounded, orders)
			cancel()
			// The rest of the lane would only wait for the same.
			failed = err != nil
		}
		for i, it := range list {
			if it.err = err; err == nil {
				it.receipt = receipts[i]
			}
			close(it.done)
		}
	}
}
