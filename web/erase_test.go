package web_test

import (
	"strings"
	"testing"

	"refundworker/journal"
	"refundworker/refund"
)

func TestARefundsPageNamesItsTraceAndTellsOfAnErasure(t *testing.T) {
	r := open(t)
	r.take(asks("id", payment))
	r.step("id", journal.Step{To: refund.Canceled, NoDue: true, By: "ann", Note: "a slip",
		Set: map[string]string{"trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	r.shows("/refunds/id", ">4bf92f3577b34da6a3ce929d0e0e4736<", "one item returned")
	r.step("id", r.get("id").Erase("olga", "request 17"))
	page := r.shows("/refunds/id", "Personal data erased</dt><dd>2026-01-01 12:00:00", "personal data erased: request 17")
	if strings.Contains(page, "one item returned") {
		t.Error("the page still has the reason")
	}
}
