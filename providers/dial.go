package providers

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Addresses that no payment provider lives at, beyond those that netip knows.
var (
	awsMetadata = netip.MustParseAddr("fd00:ec2::254") // EC2's metadata over IPv6; the others' is 169.254.169.254
	broadcast   = netip.MustParseAddr("255.255.255.255")
	nat64       = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: an IPv4 address in its last four bytes
)

// dialer connects to a provider, and not to an address that its name has no
// business to stand for. It looks at the address that is really connected to,
// after the name was resolved: a check of the name, or of a lookup before,
// would not see an answer that changes (DNS rebinding).
//
// Private networks are allowed: banks are reached over them. This machine is
// allowed where base_url names it, and where it is http, which the configuration
// takes for other hosts only with allow_insecure.
func dialer(base *url.URL, limit time.Duration) *net.Dialer {
	here := base.Scheme == "http" || loopbackName(base.Hostname())
	return &net.Dialer{Timeout: limit, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("not connecting to an unreadable address: %w", err)
		}
		return checkAddress(to.Addr(), here)
	}}
}

// CheckHost refuses a host that is written as an address which is never
// connected to, so that a configuration with one is refused at the start.
func CheckHost(host string) error {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil // a name: what it stands for is looked at when connecting
	}
	return checkAddress(addr, true)
}

func checkAddress(addr netip.Addr, here bool) error {
	addr = addr.Unmap()
	if nat64.Contains(addr.WithZone("")) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	plain := addr.WithZone("")
	switch {
	case plain.IsLinkLocalUnicast(), plain == awsMetadata:
		return fmt.Errorf("not connecting to %s: link-local and metadata addresses are no provider's", plain)
	case plain.IsUnspecified(), plain.IsMulticast(), plain == broadcast:
		return fmt.Errorf("not connecting to %s: it is no single host's address", plain)
	case plain.IsLoopback() && !here:
		return fmt.Errorf("not connecting to %s: base_url names another host, and it resolves to this one", plain)
	}
	return nil
}

// loopbackName reports whether the host is this machine, by its name's promise
// (RFC 6761, section 6.3) or by its address.
func loopbackName(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}
