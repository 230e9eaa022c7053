package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/internal/cli"
	"refundworker/providers/sandbox"
)

func TestMoneyThatIsNotExactlyRightFailsTheRound(t *testing.T) {
	for name, tc := range map[string]struct {
		moves []int64 // minor units on the second of three payments; the others get their refund
		want  string
	}{
		"each payment got its refund": {[]int64{refunded}, ""},
		"one refund was lost":         {nil, "MONEY IS WRONG: 1 of 3"},
		"one was paid twice":          {[]int64{refunded, refunded}, "MONEY IS WRONG: 1 of 3"},
		"one was paid in part":        {[]int64{refunded / 2}, "MONEY IS WRONG: 1 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			companies := sandbox.New(sandbox.Options{})
			defer companies.Close()
			server := httptest.NewServer(questions(companies))
			defer server.Close()
			s := &simulator{simulatorReady: simulatorReady{Control: server.URL}, client: http.DefaultClient}
			first, err := s.reserve(t.Context(), sandbox.UnitPay, 3)
			if err != nil {
				t.Fatal(err)
			}
			for n, moves := range [][]int64{{refunded}, tc.moves, {refunded}} {
				for _, minor := range moves {
					if err := companies.RefundByHand(sandbox.UnitPay, paymentID(sandbox.UnitPay, first+int64(n)), minor); err != nil {
						t.Fatal(err)
					}
				}
			}
			moved, err := s.settled(t.Context(), sandbox.UnitPay, first, 3)
			switch {
			case tc.want == "" && (err != nil || moved != 3*refunded):
				t.Errorf("moved %d, %v; want %d", moved, err, 3*refunded)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestCallsThatAreWaitedForAreAnsweredAsSoonAsTheyCame(t *testing.T) {
	companies := sandbox.New(sandbox.Options{})
	defer companies.Close()
	if err := companies.Start(":0"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(questions(companies))
	defer server.Close()
	s := &simulator{simulatorReady: simulatorReady{Control: server.URL}, client: http.DefaultClient}
	answered := make(chan int64)
	go func() {
		calls := int64(0)
		for calls == 0 {
			n, err := s.reached(t.Context(), sandbox.UnitPay, 1)
			if err != nil {
				t.Error(err)
				break
			}
			calls = n
		}
		answered <- calls
	}()
	resp, err := http.Get(companies.BaseURL(sandbox.UnitPay) + "?method=refundPayment")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if calls := <-answered; calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

func TestSheetsArePrintedForPeopleAndForDocuments(t *testing.T) {
	s := sheet{title: "Of figures", columns: []string{"WHAT", "HOW MANY"}}
	s.row("refunds:{}:r:…", "1")
	s.row("a|b", "20")
	for format, want := range map[cli.Format]string{
		cli.Text: "\nOf figures\nWHAT            HOW MANY\nrefunds:{}:r:…  1\na|b             20\n",
		markdown: "\nOf figures\n\n| WHAT | HOW MANY |\n| --- | --- |\n| refunds:{}:r:… | 1 |\n| a\\|b | 20 |\n",
	} {
		var out strings.Builder
		if err := writeSheets(&out, format, []sheet{s}); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%q, want\n%q", format, err, out.String(), want)
		}
	}
}

func TestPiecesAreReadFromWhatGoTestPrints(t *testing.T) {
	got := piecesIn([]byte(`goos: linux
pkg: refundworker/providers/maib
cpu: AMD EPYC
BenchmarkDecode/refund-2         	    1000	      1234.5 ns/op	    2048 B/op	      17 allocs/op
BenchmarkRead-2                  	     100	     98765 ns/op	  12.30 MB/s	       0 B/op	       0 allocs/op
BenchmarkWithoutMemory-2         	     100	        12 ns/op
PASS
ok  	refundworker/providers/maib	0.005s
`))
	want := []piece{{"maib", "Decode/refund", 1234.5, 2048, 17}, {"maib", "Read", 98765, 0, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestRankIsTheLeastThatSoManyDoNotExceed(t *testing.T) {
	var list []time.Duration
	for n := range 200 {
		list = append(list, time.Duration(n+1))
	}
	for percent, want := range map[int]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := rank(list, percent); got != want {
			t.Errorf("%d of a hundred: %d, want %d", percent, got, want)
		}
	}
	if got := rank(list[:1], 99); got != 1 {
		t.Errorf("of one: %d", got)
	}
}

func TestRoundsNeverShareAPayment(t *testing.T) {
	for _, company := range sandbox.Companies {
		seen := map[string]bool{}
		for n := range int64(1000) {
			if id := paymentID(company, n); seen[id] {
				t.Fatalf("%s: payment %s twice", company, id)
			} else {
				seen[id] = true
			}
		}
	}
}

func TestRatioIsTheMedianOfItsRounds(t *testing.T) {
	var r row
	for _, pair := range [][2]float64{{50, 100}, {90, 100}, {60, 200}} {
		r.add(sample{PerSecond: pair[0], EnqueuePerSecond: 1}, sample{PerSecond: pair[1], EnqueuePerSecond: 2})
	}
	if want := (spread{Median: 0.5, Min: 0.3, Max: 0.9}); r.Ratio != want {
		t.Errorf("ratio %+v, want %+v", r.Ratio, want)
	}
	if r.Median.PerSecond != 60 || r.Enqueue.Median != 0.5 {
		t.Errorf("median %v and enqueue ratio %v, want 60 and 0.5", r.Median.PerSecond, r.Enqueue.Median)
	}
	for _, tc := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 2}, 3}, {[]float64{9, 1, 5}, 5}} {
		if got := median(tc.of); got != tc.want {
			t.Errorf("median of %v is %v, want %v", tc.of, got, tc.want)
		}
	}
}

func TestWatcherNamesWhatItSees(t *testing.T) {
	const script = `-- Shared. KEYS[1] is the record.\nlocal x\n-- Takes it in: all\n-- of it. More.\n-- KEYS[1] record\nreturn redis.call('GET', KEYS[1])`
	text := strings.ReplaceAll(script, `\n`, "\n")
	s := newSeen()
	for _, line := range []string{
		`1.5 [0 127.0.0.1:1] "EVALSHA" "` + hashOf(text) + `" "1" "refunds:{042}:r:a"`, // refused: nobody has its text
		`1.5 [0 127.0.0.1:1] "eval" "` + script + `" "1" "refunds:{042}:r:a"`,
		`1.5 [0 lua] "GET" "refunds:{042}:r:a"`,
		`1.5 [0 127.0.0.1:1] "ECHO" "settle"`,
		`1.5 [0 127.0.0.1:1] "evalsha" "` + hashOf(text) + `" "1" "refunds:{017}:r:b"`,
		`1.5 [0 127.0.0.1:1] "xadd" "refunds:events" "with \"quotes\" and \x00"`,
		`1.5 [0 127.0.0.1:1] "LLEN" "asynq:{unitpay}:pending"`, // the benchmark's own look
		`1.5 [0 127.0.0.1:1] "ECHO" "over"`,
		`1.5 [0 127.0.0.1:1] "GET" "later"`,
		`not a line of it`,
	} {
		s.take(line)
	}
	want := map[request]int{
		{Phase: "enqueue", What: "script: Takes it in: all of it, on refunds:{}:r:…"}: 1,
		{Phase: "settle", What: "script: Takes it in: all of it, on refunds:{}:r:…"}:  1,
		{Phase: "settle", What: "XADD refunds:events"}:                                1,
	}
	if len(s.counts) != len(want) {
		t.Errorf("counted %v, want %v", s.counts, want)
	}
	for r, n := range want {
		if s.counts[r] != n {
			t.Errorf("%+v counted %d times, want %d; all: %v", r, s.counts[r], n, s.counts)
		}
	}
}

func TestTailKeepsTheEndAndStaysSmall(t *testing.T) {
	var last tail
	for range 100 {
		if n, err := last.Write([]byte(strings.Repeat("x", 100))); n != 100 || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if _, err := last.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	if got := last.String(); len(got) > tailSize || !strings.HasSuffix(got, "xthe end") {
		t.Errorf("kept %d bytes ending in %q", len(got), got[max(0, len(got)-10):])
	}
}
