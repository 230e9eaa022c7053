package providers_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"refundworker/providers"
)

func TestGateShutsByEitherClock(t *testing.T) {
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name    string
		wall    time.Time
		elapsed time.Duration
		late    bool
	}{
		{"both have time: written", noon.Add(5 * time.Second), 5 * time.Second, false},
		{"wall clock past, monotonic stopped in suspend: refused", noon.Add(time.Hour), time.Second, true},
		{"monotonic past, wall clock set back: refused", noon.Add(-time.Hour), 15 * time.Second, true},
		{"exactly at the deadline: refused", noon.Add(10 * time.Second), 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			got := make(chan []byte, 1)
			go func() {
				b, _ := io.ReadAll(there)
				got <- b
			}()
			n, err := providers.GuardedWrite(here, tc.wall, tc.elapsed, noon.Add(10*time.Second), 10*time.Second)
			here.Close()
			wire := string(<-got)
			if tc.late && (n != 0 || !errors.Is(err, providers.ErrTooLate) || wire != "") {
				t.Errorf("wrote %d bytes (%q), error %v; want nothing on the wire and the deadline's error", n, wire, err)
			}
			if !tc.late && (err != nil || wire != "refund") {
				t.Errorf("wire %q, error %v; want the bytes", wire, err)
			}
		})
	}
}

func TestGateGivesTheSmallerOfBoth(t *testing.T) {
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	if left := providers.GateLeft(noon, 8*time.Second, noon.Add(10*time.Second), 10*time.Second); left != 2*time.Second {
		t.Errorf("left = %v, want the monotonic clock's 2s", left)
	}
	if left := providers.GateLeft(noon.Add(9*time.Second), 0, noon.Add(10*time.Second), 10*time.Second); left != time.Second {
		t.Errorf("left = %v, want the wall clock's 1s", left)
	}
}
