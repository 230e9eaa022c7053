package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"

	"refundworker/config"
	"refundworker/refund"
	"refundworker/tasks"
)

// total is what a dry run would refund over one provider in one currency.
type total struct {
	Provider string `json:"provider"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"` // with the full refunds
	Sum      string `json:"sum"`   // major units, without the full refunds
	Full     int64  `json:"full"`
}

type account struct {
	provider string
	currency refund.Currency
}

// preview plays a dry run's rows against the earlier rows of the same file,
// which are not in the journal. It remembers about 100 bytes for each, as hashes:
// two that are equal by chance would spoil a line of a preview and nothing else.
type preview struct {
	one     map[string]bool // providers that refund a payment once only
	seed    maphash.Seed
	lines   map[uint64]int32 // the first row of a payment with an amount, or of a refund id
	digests map[uint64]uint64
	totals  map[account]*total
	sums    map[account]decimal.Decimal
}

func newPreview(cfg *config.Config) *preview {
	p := &preview{one: map[string]bool{}, seed: maphash.MakeSeed(), lines: map[uint64]int32{}, digests: map[uint64]uint64{},
		totals: map[account]*total{}, sums: map[account]decimal.Decimal{}}
	for _, provider := range cfg.Providers {
		p.one[provider.Name] = provider.OneRefundPerPayment
	}
	return p
}

// take says what a row that the journal would take in comes to after the rows
// before it. Only rows that were named in the file can meet an id again.
func (p *preview) take(line int, o refund.Order, named bool) tasks.Receipt {
	got := tasks.Receipt{RefundID: o.RefundID, Status: tasks.Queued}
	if named {
		id, digest := p.key("id", o.RefundID), p.key("digest", o.Digest())
		if had, ok := p.digests[id]; ok {
			got.Status = tasks.Existing
			if had != digest {
				got.Status, got.Message = tasks.Conflict, fmt.Sprintf("line %d uses this refund id for something else", p.lines[id])
			}
			return got
		}
		p.digests[id], p.lines[id] = digest, int32(line)
	}
	any, full := p.key("any", o.Provider, o.PaymentID), p.key("full", o.Provider, o.PaymentID)
	same := p.key("amount", o.Provider, o.PaymentID, strconv.FormatInt(o.Amount.Minor, 10))
	if o.Full {
		same = any
	}
	earlier, held := p.lines[same]
	if before, ok := p.lines[full]; ok && !held {
		earlier, held = before, true
	}
	switch first, some := p.lines[any]; {
	case held:
		got.Status, got.Message = tasks.Duplicate, fmt.Sprintf("of line %d", earlier)
		return got
	case some && p.one[o.Provider]:
		got.Status, got.Rule, got.Message = tasks.Invalid, "one_refund_per_payment", fmt.Sprintf("line %d refunds the payment already", first)
		return got
	case !some:
		p.lines[any] = int32(line)
	}
	if o.Full {
		p.lines[full] = int32(line)
	} else {
		p.lines[same] = int32(line)
	}
	p.add(o)
	return got
}

func (p *preview) key(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	for _, part := range parts {
		// The length keeps two parts from being taken for two others.
		var size [4]byte
		binary.LittleEndian.PutUint32(size[:], uint32(len(part)))
		_, _ = h.Write(size[:]) // never fails
		_, _ = h.WriteString(part)
	}
	return h.Sum64()
}

func (p *preview) add(o refund.Order) {
	a := account{o.Provider, o.Amount.Currency}
	t := p.totals[a]
	if t == nil {
		t = &total{Provider: a.provider, Currency: string(a.currency)}
		p.totals[a] = t
	}
	t.Count++
	if o.Full {
		t.Full++
		return
	}
	p.sums[a] = p.sums[a].Add(o.Amount.Decimal())
}

// sum writes the totals into the summary, sorted; nothing without a dry run.
func (p *preview) sum(s *summary) {
	if p == nil {
		return
	}
	s.Totals = []total{}
	for a, t := range p.totals {
		exponent, _ := a.currency.Exponent()
		t.Sum = p.sums[a].StringFixed(exponent)
		s.Totals = append(s.Totals, *t)
	}
	slices.SortFunc(s.Totals, func(a, b total) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Currency, b.Currency))
	})
}
