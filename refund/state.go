package refund

// State says where a refund stands. Terminal states never change.
type State string

// The states of a refund. The zero value is no state at all.
const (
	Queued    State = "queued"    // taken in; no attempt is running
	Sending   State = "sending"   // an attempt is written ahead and may be on the wire
	Unknown   State = "unknown"   // an attempt ended and nobody knows yet whether money moved
	Accepted  State = "accepted"  // the provider has it and works on it
	Succeeded State = "succeeded" // terminal: money is on its way back
	Declined  State = "declined"  // terminal: no money moved, and none will
	Review    State = "review"    // waits for a person
	Canceled  State = "canceled"  // terminal: withdrawn before any attempt could have moved money
)

// States lists every state in the order of a refund's life.
var States = []State{Queued, Sending, Unknown, Accepted, Review, Succeeded, Declined, Canceled}

// Terminal reports whether the state is final: nothing leaves it.
func (s State) Terminal() bool {
	return s == Succeeded || s == Declined || s == Canceled
}

// Valid reports whether s is one of States.
func (s State) Valid() bool {
	for _, known := range States {
		if s == known {
			return true
		}
	}
	return false
}
