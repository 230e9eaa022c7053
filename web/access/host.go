package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ownHost reports whether a Host header names this machine by a loopback name
// or address. Another name that leads here is somebody's attempt to let a page
// of theirs speak to us (DNS rebinding). The port is not looked at, so that a
// forwarded one works.
func ownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		name = strings.TrimSuffix(inner, "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// passedOn reports whether a proxy says that it passes somebody's request on.
// One need not say so; that it does never lets anybody in.
func passedOn(h http.Header) bool {
	for name := range h {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return true
		}
	}
	return false
}
