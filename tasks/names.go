package tasks

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/refund"
)

// accountsKey holds the name that each account is worked under, by fingerprint.
// The windows, locks and limits of an account stand under its name: under two
// names at once, by two configurations or by renaming it, the same payment could
// be refunded twice.
const accountsKey = "refunds:accounts"

// moveNameLua gives an account a name if it still has the one that the caller
// looked into. KEYS[1] the names; ARGV: fingerprint, that name (” for none), the
// new one. It returns the name that the account has now.
var moveNameLua = redis.NewScript(`
local had = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if had ~= ARGV[2] then return had end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return ARGV[3]`)

// TakeNames gives the accounts of a configuration their names. It refuses while
// an account has refunds under another name that are open, or whose window is
// not over.
func (b *Backend) TakeNames(ctx context.Context, cfg *config.Config) error {
	for _, p := range cfg.Providers {
		had, err := b.checkName(ctx, cfg, p)
		if err != nil {
			return err
		}
		now, err := moveNameLua.Run(ctx, b.Redis, []string{accountsKey}, p.Fingerprint, had, p.Name).Text()
		if err != nil {
			return fmt.Errorf("name of the account %s: %w", p.Name, err)
		}
		if now != p.Name {
			return otherName(p.Name, now, "another worker has just taken it up under that name")
		}
	}
	return nil
}

// CheckNames says whether TakeNames would refuse. It writes nothing.
func (b *Backend) CheckNames(ctx context.Context, cfg *config.Config) error {
	for _, p := range cfg.Providers {
		if _, err := b.checkName(ctx, cfg, p); err != nil {
			return err
		}
	}
	return nil
}

// KeepsNames reports an account that was given another name since TakeNames.
func (b *Backend) KeepsNames(ctx context.Context, cfg *config.Config) error {
	names, err := b.Redis.HGetAll(ctx, accountsKey).Result()
	if err != nil {
		return fmt.Errorf("names of the accounts: %w", err)
	}
	for _, p := range cfg.Providers {
		if had := names[p.Fingerprint]; had != "" && had != p.Name {
			return otherName(p.Name, had, "another worker has taken it up under that name")
		}
	}
	return nil
}

// checkName returns the name that the account of p has, empty for none.
func (b *Backend) checkName(ctx context.Context, cfg *config.Config, p config.Provider) (string, error) {
	had, err := b.Redis.HGet(ctx, accountsKey, p.Fingerprint).Result()
	if err != nil && err != redis.Nil {
		return "", fmt.Errorf("name of the account %s: %w", p.Name, err)
	}
	if had == "" || had == p.Name {
		return had, nil
	}
	stats, err := b.Journal.Stats(ctx)
	if err != nil {
		return "", err
	}
	for _, s := range stats {
		if s.Provider == had && !s.State.Terminal() && s.Count > 0 {
			return "", otherName(p.Name, had, fmt.Sprintf("%d refunds of that name are %s", s.Count, s.State))
		}
	}
	now, err := b.Journal.Now(ctx)
	if err != nil {
		return "", err
	}
	for rec, err := range b.Journal.List(ctx, journal.Filter{Provider: had, State: refund.Succeeded, Since: now.Add(-cfg.DedupeWindow)}) {
		if err != nil {
			return "", err
		}
		if rec.WindowEnds.After(now) {
			return "", otherName(p.Name, had, "the window of refund "+rec.ID+" is not over before "+rec.WindowEnds.Format(time.RFC3339))
		}
	}
	return had, nil
}

func otherName(name, had, why string) error {
	return fmt.Errorf("provider %s is the account that the journal knows as %q, and %s: keep that name, or the same refund could be paid under both", name, had, why)
}
