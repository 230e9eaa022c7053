package pause_test

import (
	"testing"
	"time"

	"refundworker/pause"
)

// A provider whose lookups work while its refunds get no answer must pause:
// each further refund would be one more of which nobody knows what happened.
func TestLookupsThatWorkDoNotHideRefundsThatGetNoAnswer(t *testing.T) {
	b := newBench(t)
	for range 5 {
		b.open()
		b.report(pause.Answered())
		b.report(pause.Unanswered("timeout"))
	}
	b.closed(pause.ReasonHealth, time.Second)
}

func TestALookupDoesNotEndAPauseForRefunds(t *testing.T) {
	b := newBench(t)
	b.times(5, pause.Unanswered("timeout"))
	b.after(time.Second)
	lookup := b.probe()
	b.report(pause.Answered().Of(lookup))
	refund := b.probe() // given back, so the refund itself is the trial
	b.report(pause.Unanswered("timeout").Of(refund))
	b.closed(pause.ReasonHealth, 2*time.Second)
	b.after(2 * time.Second)
	b.report(pause.Good().Of(b.probe()))
	if s := b.state(); s.Reason != "" {
		t.Errorf("still paused: %+v", s)
	}
}

func TestALookupEndsARunAndAPauseOfLookups(t *testing.T) {
	b := newBench(t)
	b.times(4, pause.Sick("http_502"))
	b.report(pause.Answered())
	b.times(4, pause.Sick("http_502"))
	b.open()
	b.report(pause.Sick("http_502"))
	b.closed(pause.ReasonHealth, time.Second)
	b.after(time.Second)
	b.report(pause.Answered().Of(b.probe()))
	if s := b.state(); s.Reason != "" {
		t.Errorf("still paused: %+v", s)
	}
}

func TestALookupEndsAPauseForCredentials(t *testing.T) {
	b := newBench(t)
	b.report(pause.Credentials("-32000"))
	b.after(time.Second)
	b.report(pause.Answered().Of(b.probe()))
	if s := b.state(); s.Reason != "" {
		t.Errorf("still paused: %+v", s)
	}
}
