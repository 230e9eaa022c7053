package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/journal"
	"refundworker/refund"
)

// maxRetry is a distant backstop: asynq archives a task on its last try whatever
// the error says, so the last try must never come. The retry policy decides.
const maxRetry = 1 << 30

// resultRetention is how long asynq keeps a finished task to look at.
const resultRetention = 24 * time.Hour

// Queued tasks drive refunds; losing one loses nothing but time.
type taskQueue struct {
	redis     redis.UniversalClient
	client    *asynq.Client
	inspector *asynq.Inspector
}

func queueOf(rec *journal.Record) string {
	if rec.Bulk {
		return BulkQueue(rec.Provider)
	}
	return Queue(rec.Provider)
}

// put enqueues the task of a refund. A task of that id that is there already
// is as good: asynq also says so when its own first reply was lost.
func (q taskQueue) put(ctx context.Context, rec *journal.Record, payload []byte, timeout time.Duration) error {
	options := []asynq.Option{asynq.TaskID(rec.ID), asynq.Queue(queueOf(rec)), asynq.MaxRetry(maxRetry),
		asynq.Timeout(timeout), asynq.Retention(resultRetention)}
	if wait := rec.Due.Sub(rec.Now); wait > 0 {
		options = append(options, asynq.ProcessIn(wait))
	}
	_, err := q.client.EnqueueContext(ctx, asynq.NewTaskWithHeaders(Type, payload, carrying(rec)), options...)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("put refund %s on the queue: %w", rec.ID, err)
	}
	return nil
}

// where finds the task of a refund; nil if there is none.
func (q taskQueue) where(rec *journal.Record) (*asynq.TaskInfo, error) {
	for _, name := range append([]string{queueOf(rec)}, Queues(rec.Provider)...) {
		info, err := q.inspector.GetTaskInfo(name, rec.ID)
		if err == nil {
			return info, nil
		}
		if !errors.Is(err, asynq.ErrTaskNotFound) && !errors.Is(err, asynq.ErrQueueNotFound) {
			return nil, fmt.Errorf("look for the task of refund %s: %w", rec.ID, err)
		}
	}
	return nil, nil
}

// waiting says of which refunds the task waits for its turn in the refund's own
// queue, for however many in one round trip. The Inspector asks about one task at
// a time, so this reads the state that asynq keeps with each (v0.26, TaskKey in
// internal/base/base.go).
func (q taskQueue) waiting(ctx context.Context, recs []*journal.Record) (map[string]bool, error) {
	pipe := q.redis.Pipeline()
	states := make([]*redis.StringCmd, len(recs))
	for i, rec := range recs {
		states[i] = pipe.HGet(ctx, "asynq:{"+queueOf(rec)+"}:t:"+rec.ID, "state")
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("look for tasks: %w", err)
	}
	found := make(map[string]bool, len(recs))
	for i, state := range states {
		switch state.Val() {
		case asynq.TaskStatePending.String(), asynq.TaskStateRetry.String(), asynq.TaskStateScheduled.String():
			found[recs[i].ID] = true
		}
	}
	return found, nil
}

// remove deletes the task of a refund that needs none any more. A task that is
// running just now can't be deleted and ends by itself.
func (q taskQueue) remove(rec *journal.Record) error {
	info, err := q.where(rec)
	if err != nil || info == nil {
		return err
	}
	return q.delete(rec, info)
}

// retire is remove, but for a task that waits in line: to take it out, Redis would
// walk all of the line, for tens of milliseconds where a million wait. When its turn
// comes it ends by itself, also if the refund is forgotten by then: see forgotten. A
// foreign producer's would not.
func (q taskQueue) retire(rec *journal.Record) error {
	info, err := q.where(rec)
	if err != nil || info == nil || info.State == asynq.TaskStatePending && info.Headers[takenHeader] != "" {
		return err
	}
	return q.delete(rec, info)
}

func (q taskQueue) delete(rec *journal.Record, info *asynq.TaskInfo) error {
	if info.State == asynq.TaskStateActive || info.State == asynq.TaskStateCompleted {
		return nil
	}
	err := q.inspector.DeleteTask(info.Queue, info.ID)
	if err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
		// A worker may have taken it this very moment.
		if now, again := q.where(rec); again == nil && (now == nil || now.State == asynq.TaskStateActive || now.State == asynq.TaskStateCompleted) {
			return nil
		}
		return fmt.Errorf("delete the task of refund %s: %w", rec.ID, err)
	}
	return nil
}

// erase deletes every task of a settled refund, with the payload and the result
// that it keeps.
func (q taskQueue) erase(rec *journal.Record) error {
	for range 3 { // there may be one in each of its queues
		info, err := q.where(rec)
		if err != nil || info == nil {
			return err
		}
		if info.State == asynq.TaskStateActive {
			return fmt.Errorf("%w: the task of refund %s is just being ended; do it again in a minute", ErrNotPossible, rec.ID)
		}
		if err := q.inspector.DeleteTask(info.Queue, info.ID); err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
			return fmt.Errorf("delete the task of refund %s: %w", rec.ID, err)
		}
	}
	return nil
}

// rouse makes the task of a refund run now, whatever it waits for; the journal
// decides what running it comes to.
func (q taskQueue) rouse(ctx context.Context, rec *journal.Record, payload []byte, timeout time.Duration) error {
	info, err := q.where(rec)
	if err != nil {
		return err
	}
	if info != nil {
		switch info.State {
		case asynq.TaskStateActive, asynq.TaskStatePending:
			return nil
		case asynq.TaskStateCompleted, asynq.TaskStateArchived:
			// Put anew rather than run: a foreign producer's task may allow no
			// retry, and would be archived again at its first wait.
			err = q.inspector.DeleteTask(info.Queue, info.ID)
		default:
			if err = q.inspector.RunTask(info.Queue, info.ID); err == nil {
				return nil
			}
			// Somebody else was faster, or a reply was lost and the client asked
			// again: asynq refuses to run what runs.
			if now, again := q.where(rec); again == nil && now != nil && (now.State == asynq.TaskStatePending || now.State == asynq.TaskStateActive) {
				return nil
			}
		}
		if err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
			return fmt.Errorf("run the task of refund %s: %w", rec.ID, err)
		}
	}
	return q.put(ctx, rec, payload, timeout)
}

// payloadOf rebuilds a task's payload from the journal.
func payloadOf(rec *journal.Record) ([]byte, error) {
	o := refund.Order{RefundID: rec.ID, Provider: rec.Provider, PaymentID: rec.PaymentID, Asked: rec.Asked,
		Full: rec.Full(), Reason: rec.Reason, Receipt: rec.Receipt, Metadata: rec.MetadataMap(),
		Amount: refund.Money{Currency: rec.Currency}, Total: refund.Money{Currency: rec.Currency}}
	if rec.Amount != nil {
		o.Amount.Minor = *rec.Amount
	}
	if rec.Total != nil {
		o.Total.Minor = *rec.Total
	}
	return Encode(o)
}
