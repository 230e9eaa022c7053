package journal

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Stored is a record as it is read again: what its last change has to tell is not
// part of it.
func Stored(rec *Record) *Record {
	stored := *rec
	stored.untold = nil
	return &stored
}

// EntryLine is an entry of the history but for its time.
var EntryLine = entryLine

// StoredAttempt is an attempt as it is stored, and ReadAttempt reads it again.
func StoredAttempt(a Attempt) string { return a.stored(&Record{}, 0) }

func ReadAttempt(text string) (Attempt, error) {
	return (&Record{fields: map[string]string{attemptField(1): text}}).readAttempt(1)
}

// EventTexts are an event as it is told the script, and as encoding/json writes it.
func EventTexts(id, amount, reasonCode, metadata string) (text, encoded string) {
	e := event{RefundID: id, Seq: "3", Provider: "unitpay", PaymentID: "1234512345", Amount: amount, Moved: "10000", Currency: "RUB",
		State: "succeeded", ReasonCode: reasonCode, Metadata: metadata}
	return e.text(), quote(e)
}

// ReadLine reads an entry of the history, and tells all that it found.
func ReadLine(text string) (string, error) {
	l, err := readLine(text)
	return fmt.Sprint(l.at, string(l.to), l.by, l.again, l.note), err
}

// Scripts are all scripts of a journal, by the last of their files.
func Scripts(j *Journal) map[string]*redis.Script {
	return map[string]*redis.Script{
		"load": loadScript, "take": takeScript, "step": stepScript, "step that erases": eraseScript, "prune": pruneScript,
		"rank": rankScript, "day": dayScript, "day_free": freeScript, "claim": claimScript, "refuse": refuseScript,
		"enter": enterScript, "mark": markScript, "relay": relayScript, "confirm": confirmScript, "begin": j.begins,
	}
}
