package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"refundworker/config"
	"refundworker/providers/all"
)

// healthTime bounds a health check; container engines kill it a little later.
const healthTime = 4 * time.Second

// healthcheck asks the worker of the same configuration on this machine whether
// it takes refunds. It is for containers, which hold no shell and no curl, so
// it needs nothing that the worker itself does not need.
func healthcheck(ctx context.Context, file string) error {
	cfg, err := config.Load(config.Find(file), config.Options{Drivers: all.Drivers})
	if err != nil {
		return err
	}
	address, err := dialable(cfg.Listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("listen %s: %w", cfg.Listen, err)
	}
	// No proxy of the environment: the worker is here.
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("no worker answers at %s: %w", address, err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // only for the message
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(said)))
	}
	return nil
}

// dialable turns an address to listen on into one to call.
func dialable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	if port == "0" || port == "" {
		return "", errors.New("listen names no fixed port, so nobody else knows where the worker listens")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if err == nil && ip.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}
