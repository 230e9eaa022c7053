package web

import (
	"fmt"
	"time"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/pause"
	"refundworker/refund"
)

// story says in words where a refund stands.
type story struct {
	Head string
	Why  string
	Next string
	At   *time.Time // when that happens, where it is known
}

// tell tells the story of a refund. It repeats what the journal holds and what
// the worker does with it; it decides nothing.
func tell(rec *journal.Record, p config.Provider, paused pause.Status) story {
	s := story{Why: rec.Why}
	later := func(t time.Time) {
		if t.After(rec.Now) {
			s.At = &t
		}
	}
	switch rec.State {
	case refund.Queued:
		s.Head = "Taken in, and not sent yet"
		if rec.Attempts > 0 {
			s.Head = "Waits to be sent again"
		}
		s.Next = "A worker takes it up as soon as the queue and the rate limit let it."
		if later(rec.Due); s.At != nil {
			s.Next = "A worker takes it up again."
		}
		if rec.Restored {
			s.Next += " Redis was restored: it goes out only where the provider counts exactly what the journal knows of the payment, and not before the settling time is over; else it comes to review."
		}
		if paused.Reason != "" {
			s.Next = fmt.Sprintf("%s is paused (%s), %s. Nothing goes out before.", rec.Provider, pausedFor(paused), goesOn(paused, rec.Now))
			s.At = nil
		}
	case refund.Sending:
		s.Head = fmt.Sprintf("Attempt %d is on its way to the provider", rec.Attempts)
		s.Why = ""
		s.Next = "The provider answers, at the latest by the attempt's deadline. Without an answer the refund becomes unknown, and the worker asks."
		later(rec.Deadline)
	case refund.Unknown:
		s.Head = "Nobody knows yet whether money moved"
		s.Next = "The worker asks the provider."
		if over := rec.AttemptEnd.Add(p.Reconcile.Settle); !rec.AttemptEnd.IsZero() && p.Reconcile.Settle > 0 && over.After(rec.Now) {
			s.Next = "The worker asks the provider, again and again. That the total did not rise counts as proof only after " + stamp(over) + " UTC."
		}
		later(rec.Due)
	case refund.Accepted:
		s.Head = "The provider has it and works on it"
		s.Next = "The worker asks the provider where it stands; a callback makes it ask at once."
		later(rec.Due)
	case refund.Review:
		s.Head = "A person must decide"
		s.Next = guideOf(rec).Do
		if rec.Request != nil {
			s.Next = rec.Request.By + " has asked to try again. A worker looks into it: it asks the provider first."
			later(rec.Due)
		}
	case refund.Succeeded:
		s.Head = "The money is on its way back"
		if rec.ByTotal {
			s.Why = settledReasons["proven_by_total"]
		}
		if s.Next = "Nothing: this is final."; rec.WindowEnds.After(rec.Now) {
			s.Next = "Nothing: this is final. An equal refund of the payment is refused as a duplicate until the window ends."
			later(rec.WindowEnds)
		}
	case refund.Declined:
		s.Head, s.Next = "No money moved, and none will", "Nothing: this is final. The payment may be refunded under another id."
	case refund.Canceled:
		s.Head, s.Next = "Withdrawn before anything was sent", "Nothing: this is final. The payment may be refunded under another id."
	}
	if rec.State.Terminal() {
		if known, ok := settledReasons[rec.ReasonCode]; ok {
			s.Why = known
		} else if s.Why = ""; rec.ReasonCode != "" {
			s.Why = "The provider's code: " + rec.ReasonCode + "."
		}
	}
	s.Why = rec.Receipt.Hide(s.Why)
	return s
}

func pausedFor(p pause.Status) string {
	if p.Detail == "" {
		return string(p.Reason)
	}
	return string(p.Reason) + ": " + p.Detail
}
