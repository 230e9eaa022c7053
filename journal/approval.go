package journal

import (
	"strings"

	"refundworker/refund"
)

// NeedsApproval is the reason code of a refund in review that is beyond its
// provider's limits: nothing of it was sent, and nothing will be until a person
// other than the one who asked for it approves.
const NeedsApproval = "needs_approval"

// WaitsForApproval reports whether the refund is in review for want of an
// approval.
func (r *Record) WaitsForApproval() bool {
	return r.State == refund.Review && r.ReasonCode == NeedsApproval
}

// NothingSent reports whether it is certain that nothing of the refund was sent:
// it had no attempt, and neither the provider nor a restore says otherwise.
func (r *Record) NothingSent() bool { return r.Attempts == 0 && !r.TakenOn() && !r.Restored }

// AskedBy reports whether the person of that name is the one who asked for the
// refund. What follows an @ is where they sat: the same name at another machine
// is the same person.
func (r *Record) AskedBy(name string) bool {
	return person(r.RequestedBy) != "" && strings.EqualFold(person(r.RequestedBy), person(name))
}

func person(name string) string {
	name, _, _ = strings.Cut(name, "@")
	return strings.TrimSpace(name)
}

// AskApproval is the step that has a refund wait for a person's approval. why
// says which limits it is beyond, and by how much.
func (r *Record) AskApproval(by, why string) Step {
	if r.Restored {
		why += "; the journal was restored from a backup, which may have forgotten that it was sent: look it up at the provider first"
	}
	return Step{To: refund.Review, NoDue: true, By: by, Note: why,
		Set: map[string]string{"reason_code": NeedsApproval, "why": why, "request": ""}}
}

// Approve is the step by which a person lets a refund go beyond the limits. It
// begins anew: what was asked of the provider before is too old to count, and
// so are the clocks that ran.
func (r *Record) Approve(by, note string) Step {
	set := map[string]string{"approved_by": by, "why": "approved by " + by, "reason_code": ""}
	for _, field := range []string{"first_failed", "paused_before", "fails", "lookups", "denied", "lag_since"} {
		set[field] = ""
	}
	return Step{To: refund.Queued, By: by, Note: "approved: " + note, Set: set}
}
