package tasks

import (
	"context"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"refundworker/journal"
	"refundworker/refund"
)

// The log has one line for each change of a refund's state, and none for a look
// that changes nothing: how often a provider was asked is a matter of metrics
// and of the refund's own record.

// about are the fields of every line about a refund, and more.
func about(rec *journal.Record, more ...zap.Field) []zap.Field {
	return append(append(make([]zap.Field, 0, 6), zap.Inline(logged{rec})), more...)
}

// logged is a refund in the log.
type logged struct{ *journal.Record }

// MarshalLogObject adds the fields.
func (l logged) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("refund_id", l.ID)
	enc.AddString("provider", l.Provider)
	enc.AddString("payment_id", l.PaymentID)
	enc.AddString("state", string(l.State))
	enc.AddInt("attempt", l.Attempts)
	if id := l.TraceID(); id != "" {
		enc.AddString("trace_id", id)
	}
	return nil
}

// note logs a change of state and relays its event.
func (p *Processor) note(ctx context.Context, before, after *journal.Record) {
	if before.State == after.State {
		return
	}
	p.changed(ctx, before.State, after.State)
	fields := about(after, zap.String("reason_code", after.ReasonCode), zap.Duration("age", after.Now.Sub(after.Created)))
	attempted := before.State == refund.Sending || after.Attempts > before.Attempts
	switch {
	case attempted && after.State != refund.Sending:
		last := after.LastAttempt()
		fields = append(fields, zap.String("outcome", last.Outcome), zap.String("code", last.Code), zap.Duration("took", last.EndedAt.Sub(last.StartedAt)))
	case !attempted && before.Took > 0:
		fields = append(fields, zap.Duration("took", before.Took)) // the lookup
	}
	switch {
	case after.WaitsForApproval():
		p.Log.Warn("refund is beyond the limits: see refundctl show, then approve it or resolve it as declined", fields...)
	case after.State == refund.Review:
		p.Log.Warn("refund needs a person: see refundctl show, then resolve or retry", fields...)
	default:
		p.Log.Info("refund "+string(after.State), fields...)
	}
	if err := freeDay(ctx, p.Journal, p.accounts[after.Provider].Limits, after); err != nil {
		p.Log.Warn("refund still counts into its day's limit, although nothing of it moved", about(after, zap.Error(err))...)
	}
	if !after.State.Terminal() && after.State != refund.Review {
		return
	}
	p.announce(ctx, after)
}

// announce counts a refund that settled or went to review, and has its event
// relayed.
func (p *Processor) announce(ctx context.Context, rec *journal.Record) {
	p.Observer.Settled(rec)
	if p.Relay != nil {
		p.Relay(rec)
		return
	}
	if err := p.Journal.Relay(ctx, rec); err != nil {
		p.Log.Warn("event not relayed yet; the sweeper will", about(rec, zap.Error(err))...)
	}
}
