package main

import (
	"context"
	"errors"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/providers"
	"refundworker/ratelimit"
)

// accounts tries the credentials, where they are there, and compares the names
// that the accounts have with the configuration's.
func (d *diagnosis) accounts(ctx context.Context, s *cli.Session, secrets bool) error {
	if !secrets {
		d.add(well, "credentials", "", "", "not tried: refundctl doctor --secrets does, where the secrets are")
		return nil
	}
	if err := s.Backend.CheckNames(ctx, s.Config); err != nil {
		d.add(ill, "names", "", "configure each account under the name that its refunds have", "%s", err)
	} else {
		d.add(well, "names", "", "", "every account has the name that its refunds have")
	}
	for _, p := range s.Config.Providers {
		if err := d.try(ctx, s, p); err != nil {
			return err
		}
	}
	return nil
}

// try makes a provider's harmless call, within its rate limit.
func (d *diagnosis) try(ctx context.Context, s *cli.Session, p config.Provider) error {
	settings := p.Settings
	settings.Throttle = func(context.Context) error { return nil } // the slot below counts for the one call
	api, err := p.Driver.Open(settings)
	if err != nil {
		d.add(ill, "credentials", p.Name, "mend the provider's configuration", "%s", err)
		return nil
	}
	prober, can := api.(providers.Prober)
	if !can {
		d.add(well, "credentials", p.Name, "", "there; the provider has no harmless call to try them with")
		return nil
	}
	_, free, err := ratelimit.New(s.Backend.Redis).Reserve(ctx, p.Name, p.RateLimit, p.Burst, 0)
	if err != nil {
		return err
	}
	if !free {
		d.add(warn, "credentials", p.Name, "try again when fewer refunds run", "not tried: the provider's rate limit is used up")
		return nil
	}
	call, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	err = prober.Probe(call)
	var failed *providers.LookupError
	switch {
	case err == nil:
		d.add(well, "credentials", p.Name, "", "they work")
	case errors.As(err, &failed) && failed.Kind == providers.Misconfigured:
		d.add(ill, "credentials", p.Name, "mend the secret, then restart the workers", "refused: %s", err)
	default:
		d.add(warn, "credentials", p.Name, "try again; look at the network and the provider", "not known: %s", err)
	}
	return nil
}
