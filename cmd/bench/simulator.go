package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/providers/sandbox"
)

// simulatorName is the hidden command that bench starts itself with.
const simulatorName = "simulator"

// simulatorReady is the one line that the simulator prints when it serves.
type simulatorReady struct {
	Companies map[string]string `json:"companies"` // base URLs
	Control   string            `json:"control"`
}

// arrival is when a refund call had been read.
type arrival struct {
	Payment string    `json:"payment"`
	At      time.Time `json:"at"`
}

// ledgerSum is what moved on a range of payments, in minor units.
type ledgerSum struct {
	Moved   int64 `json:"moved"`
	Pending int64 `json:"pending"`
	Wrong   int   `json:"wrong"` // payments on which anything but one refund moved
}

func simulatorCommand() *cobra.Command {
	var latency time.Duration
	cmd := &cobra.Command{
		Use: simulatorName, Hidden: true, Args: cobra.NoArgs,
		Short: "Serve the simulated providers until standard input ends",
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			return simulate(cmd.InOrStdin(), cmd.OutOrStdout(), latency)
		}),
	}
	cmd.Flags().DurationVar(&latency, "latency", 0, "how long each answer takes")
	return cmd
}

// simulate serves the companies on one port and the benchmark's own questions
// on another. It ends with standard input, that is with the process that
// started it, however that one ends.
func simulate(in io.Reader, out io.Writer, latency time.Duration) error {
	companies := sandbox.New(sandbox.Options{SettleDelay: time.Millisecond, Latency: latency})
	if err := companies.Start("127.0.0.1:0"); err != nil {
		return err
	}
	defer companies.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: questions(companies), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	ready := simulatorReady{Companies: map[string]string{}, Control: "http://" + listener.Addr().String()}
	for _, company := range sandbox.Companies {
		ready.Companies[company] = companies.BaseURL(company)
	}
	err = cli.WriteJSON(out, ready)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	_ = server.Close()
	<-served
	return err
}

func questions(companies *sandbox.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments", answering(func(company string, from, count int64) any {
		for n := from; n < from+count; n++ {
			companies.AddPayment(sandbox.Payment{Company: company, ID: paymentID(company, n), Minor: paid})
		}
		return count
	}))
	mux.HandleFunc("GET /calls", answering(func(company string, _, _ int64) any {
		return companies.Calls(company, sandbox.OpRefund)
	}))
	mux.HandleFunc("GET /reached", func(w http.ResponseWriter, r *http.Request) {
		until := time.Now().Add(longestAnswer)
		answering(func(company string, _, count int64) any {
			for {
				n := companies.Calls(company, sandbox.OpRefund)
				if int64(n) >= count || time.Now().After(until) || wait(r.Context(), time.Millisecond) != nil {
					return n
				}
			}
		})(w, r)
	})
	mux.HandleFunc("GET /arrivals", answering(func(company string, _, _ int64) any {
		list := []arrival{}
		for _, c := range companies.RecentCalls() {
			if c.Company == company && c.Operation == sandbox.OpRefund {
				list = append(list, arrival{c.Payment, c.At})
			}
		}
		return list
	}))
	mux.HandleFunc("GET /cpu", answering(func(string, int64, int64) any { return ownCPU() }))
	mux.HandleFunc("GET /moved", answering(func(company string, from, count int64) any {
		var sum ledgerSum
		for n := from; n < from+count; n++ {
			moved := companies.Moved(company, paymentID(company, n))
			sum.Moved += moved
			sum.Pending += companies.Pending(company, paymentID(company, n))
			if moved != refunded {
				sum.Wrong++
			}
		}
		return sum
	}))
	return mux
}

// longestAnswer is how long the question whether so many calls have come is held
// back until they have.
const longestAnswer = time.Second

// answering reads ?company=&from=&count= and writes the answer as JSON.
func answering(answer func(company string, from, count int64) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		from, err1 := strconv.ParseInt(q.Get("from"), 10, 64)
		count, err2 := strconv.ParseInt(q.Get("count"), 10, 64)
		if err1 != nil || err2 != nil || from < 0 || count < 0 {
			http.Error(w, "from and count must be whole numbers", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(answer(q.Get("company"), from, count)) // the caller may be gone
	}
}
