package journal_test

import (
	"testing"

	"refundworker/admission"
	"refundworker/internal/redistest"
	"refundworker/journal"
)

// Each carries only what it uses, and must carry all of it.
func TestScriptsDeclareAllThatTheyUse(t *testing.T) {
	for name, script := range journal.Scripts {
		redistest.NoGlobals(t, name, script)
	}
	redistest.NoGlobals(t, "begin", journal.New(nil, nil, journal.Options{Gate: admission.GateLua()}).Begins())
}
