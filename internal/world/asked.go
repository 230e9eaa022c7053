package world

import (
	"refundworker/refund"
	"refundworker/tasks"
)

// Asked is what a producer was answered.
type Asked struct {
	Request refund.Request
	Receipt tasks.Receipt
	Err     error
}

// Answers returns what producers were answered so far, in order; one that died
// before it heard the answer is not among them.
func (w *World) Answers() []Asked { return append([]Asked(nil), w.asked...) }

func (w *World) noteAnswer(a Asked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, a)
}
