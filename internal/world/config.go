package world

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"refundworker/config"
	"refundworker/providers"
	"refundworker/refund"
)

// Company describes one provider of a world and what its company can do.
type Company struct {
	Name string
	// Settings are further lines of its configuration, such as
	// "preflight: false"; the rate limit is none unless they say so.
	Settings []string

	NoStatus     bool          // it can't say how much of a payment is refunded
	HidesPending bool          // its status does not count refunds that it works on
	Lag          time.Duration // its status shows the state of this long ago
	RefundStatus bool          // it can be asked by its own refund id
	NeedsAmount  bool          // a full refund needs the amount left
	Guard        time.Duration // it refuses the same amount of a payment for this long; 0: it does not
	Latency      time.Duration // of every call; 0 for 50 ms
}

// configure reads a configuration for the companies; the top lines go before it.
func configure(top []string, companies []Company) (*config.Config, error) {
	var b strings.Builder
	b.WriteString("redis: redis://world:6379/0\ndurability: none\n")
	for _, line := range top {
		b.WriteString(line + "\n")
	}
	b.WriteString("providers:\n")
	for _, c := range companies {
		fmt.Fprintf(&b, "  %s:\n    driver: company\n    base_url: https://%s.example\n", c.Name, c.Name)
		lines := c.Settings
		if !strings.Contains(strings.Join(lines, "\n"), "rate_limit:") {
			lines = append([]string{"rate_limit: none"}, lines...)
		}
		for _, line := range lines {
			b.WriteString("    " + line + "\n")
		}
	}
	text := b.String()
	if known, ok := configs.Load(text); ok {
		cfg := *known.(*config.Config)
		return &cfg, nil
	}
	cfg, err := config.Load("world.yaml", config.Options{Drivers: []providers.Driver{driver{}}, ResolveSecrets: true,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		return nil, err
	}
	configs.Store(text, cfg)
	again := *cfg
	return &again, nil
}

// configs keeps what was read: a test makes thousands of equal worlds.
var configs sync.Map

// driver has no rules but that ids have no spaces around them and are lower case.
type driver struct{}

func (driver) Name() string { return "company" }

func (driver) Options() []providers.Option {
	return []providers.Option{{Key: "one_refund_per_payment", Kind: providers.Flag, Default: "false"}}
}

func (driver) Open(providers.Settings) (providers.Account, error) {
	return nil, errors.New("accounts of a world are made by its processes")
}

func (driver) CanonicalPayment(id string) (string, error) {
	if id != strings.TrimSpace(id) {
		return "", errors.New("must have no spaces around it")
	}
	return strings.ToLower(id), nil
}

func (driver) CheckOrder(refund.Order) refund.Invalid { return nil }
