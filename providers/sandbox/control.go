package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// controlRoutes is the interface for people and scripts:
//
//	GET    /control/ledger     every payment, and what really moved
//	PUT    /control/payments   add payments: a JSON array as ReadPayments takes it
//	GET    /control/faults     the kinds of fault
//	POST   /control/faults     arm faults: {"company","payment","operation","faults":[{"kind",…}]}
//	DELETE /control/faults     disarm all
//	GET    /control/calls      the latest calls
func (s *Server) controlRoutes(mux *http.ServeMux) {
	for pattern, serve := range map[string]func(body []byte) (any, error){
		"GET /control/ledger":    func([]byte) (any, error) { return s.ledgerView(), nil },
		"PUT /control/payments":  s.putPayments,
		"GET /control/faults":    func([]byte) (any, error) { return faultViews(), nil },
		"POST /control/faults":   s.armFaults,
		"DELETE /control/faults": func([]byte) (any, error) { s.ClearFaults(); return "cleared", nil },
		"GET /control/calls":     func([]byte) (any, error) { return s.RecentCalls(), nil },
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !fromThisMachine(r) {
				http.Error(w, "the control interface is for this machine only", http.StatusForbidden)
				return
			}
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			var answer any
			if err == nil {
				answer, err = serve(body)
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				answer = map[string]string{"error": err.Error()}
			}
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			_ = e.Encode(answer) // the client may be gone
		})
	}
}

// fromThisMachine tells callers on loopback from others, and from web pages:
// a page opened on this machine has an Origin, or a host name that was made to
// point here.
func fromThisMachine(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() || r.Header.Get("Origin") != "" {
		return false
	}
	name := r.Host
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		name = h
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// Standing is where a payment stands in the ledger. Amounts are decimal strings
// in major units.
type Standing struct {
	Company   string         `json:"company"`
	ID        string         `json:"id"`
	Amount    string         `json:"amount"`
	Currency  string         `json:"currency"`
	Moved     string         `json:"moved"`
	Pending   string         `json:"pending"` // promised by maib and not moved yet
	Movements []MovementView `json:"movements"`
	Receipts  int            `json:"receipts,omitempty"` // how many came with its refunds
}

// MovementView is a Movement with its amount in major units.
type MovementView struct {
	At     time.Time `json:"at"`
	Amount string    `json:"amount"`
	Leg    string    `json:"leg"`
	Call   int64     `json:"call"` // the number in /control/calls; 0 if made by hand
}

func (s *Server) ledgerView() []Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	view := []Standing{}
	for _, key := range s.ledger.order {
		r := s.ledger.payments[key]
		if r.Test && len(r.movements) == 0 {
			continue // UnitPay's test payments are always there
		}
		standing := Standing{Company: r.Company, ID: r.ID, Amount: r.amount(r.Minor), Currency: r.Currency,
			Moved: r.amount(r.moved(time.Time{})), Pending: r.amount(r.pending), Movements: []MovementView{}, Receipts: len(r.receipts)}
		for _, m := range r.movements {
			standing.Movements = append(standing.Movements, MovementView{m.At, r.amount(m.Minor), m.Leg, m.Request})
		}
		view = append(view, standing)
	}
	return view
}

func (s *Server) putPayments(body []byte) (any, error) {
	payments, err := readPaymentsJSON(body)
	if err != nil {
		return nil, err
	}
	for _, p := range payments {
		s.AddPayment(p)
	}
	return map[string]int{"added": len(payments)}, nil
}

// faultView describes a kind of fault.
type faultView struct {
	Kind      FaultKind `json:"kind"`
	Companies []string  `json:"companies"`
	Help      string    `json:"help"`
}

func faultViews() []faultView {
	var views []faultView
	for _, k := range Faults {
		views = append(views, faultView{k, k.Companies(), k.Help()})
	}
	return views
}

// armRequest arms faults by hand. Operation is refund (the default), status,
// token, or down for every call until the faults are disarmed.
type armRequest struct {
	Company   string `json:"company"`
	Payment   string `json:"payment"`
	Operation string `json:"operation"`
	Faults    []struct {
		Kind       FaultKind `json:"kind"`
		Delay      string    `json:"delay"` // "2s"
		Status     int       `json:"status"`
		RetryAfter string    `json:"retry_after"`
		Body       string    `json:"body"`
		Times      int       `json:"times"` // -1 for ever
	} `json:"faults"`
}

func (s *Server) armFaults(body []byte) (any, error) {
	var ask armRequest
	if err := decodeStrict(body, &ask); err != nil {
		return nil, err
	}
	var faults []Fault
	for _, f := range ask.Faults {
		fault := Fault{Kind: f.Kind, Status: f.Status, RetryAfter: f.RetryAfter, Body: f.Body, Times: f.Times}
		if f.Delay != "" {
			d, err := time.ParseDuration(f.Delay)
			if err != nil || d < 0 {
				return nil, errors.New("delay must be a duration such as 2s")
			}
			fault.Delay = d
		}
		if err := fault.suits(ask.Company); err != nil {
			return nil, err
		}
		faults = append(faults, fault)
	}
	switch {
	case !slices.Contains(Companies, ask.Company):
		return nil, errors.New("company must be one of " + strings.Join(Companies, ", "))
	case len(faults) == 0:
		return nil, errors.New("faults must name at least one fault")
	case ask.Operation == "down":
		s.Down(ask.Company, &faults[0])
	case ask.Operation == "" || ask.Operation == OpRefund:
		s.Fail(ask.Company, ask.Payment, faults...)
	case ask.Operation == OpStatus:
		s.FailLookups(ask.Company, ask.Payment, faults...)
	case ask.Operation == OpToken && ask.Company == Maib:
		s.FailTokens(faults...)
	default:
		return nil, errors.New("operation must be refund, status, down, or for maib token")
	}
	return map[string]int{"armed": len(faults)}, nil
}
