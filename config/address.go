package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"refundworker/providers"
)

// baseURL takes a provider's address, which is required.
func (b *block) baseURL(key string, insecure bool) *url.URL {
	v, ok := b.text(key)
	if !ok {
		b.d.fault(b.line, b.join(key), "is required; write the address that the provider gives for its API")
		return nil
	}
	if v.bad {
		return nil
	}
	return v.origin(insecure)
}

// origin reads an http(s) URL and brings it into the one form that tells equal
// addresses to be equal: scheme and host in lower case, no default port, no
// slash at the end. Messages don't quote it, since it may hold a password that
// was put in by mistake.
func (v *value) origin(insecure bool) *url.URL {
	u, err := url.Parse(v.text)
	switch {
	case err != nil || hasControl(v.text):
		v.fault("is not a URL; write it as https://host/path")
		return nil
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "":
		v.fault("must begin with https:// (or with http:// on loopback)")
		return nil
	case u.Hostname() == "" || strings.ContainsAny(u.Hostname(), " \t"):
		v.fault("names no host; write it as https://host/path")
		return nil
	case u.User != nil:
		v.fault("must hold no user or password; credentials have keys of their own")
		return nil
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(v.text, "#"):
		v.fault("must hold no ? and no #; write only https://host/path")
		return nil
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			v.fault("has no valid port; use 1 to 65535")
			return nil
		}
	}
	if err := providers.CheckHost(u.Hostname()); err != nil {
		v.fault("names an address that is no provider's: a link-local, metadata, multicast or unspecified one; write the provider's own")
		return nil
	}
	if u.Scheme == "http" && !insecure && !loopback(u.Hostname()) {
		v.fault("http:// is for loopback only, since credentials would travel in the open; write https://, or allow_insecure: true for this provider")
		return nil
	}
	u.Host = strings.ToLower(u.Host)
	if p := u.Port(); p == "" || p == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		u.Host = strings.TrimSuffix(u.Host, ":"+p)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u
}

// loopback reports whether the host is this machine, by its name's promise
// (RFC 6761, section 6.3) or by its address.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// CalledBack reports whether a provider calls a worker of this configuration
// back from another machine, for which something in front passes requests on to
// it, whatever it listens on.
func (c *Config) CalledBack() bool {
	return slices.ContainsFunc(c.Providers, func(p Provider) bool {
		u, err := url.Parse(p.Settings.Texts["callback_url"])
		return err != nil || u.Host != "" && !loopback(u.Hostname())
	})
}

// OnLoopback reports whether an address to listen on is this machine's own, so
// that nobody else reaches it.
func OnLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && loopback(host)
}
