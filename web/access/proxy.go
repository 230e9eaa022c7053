package access

import (
	"net/http"
	"net/netip"
	"slices"

	"refundworker/htpasswd"
)

// byProxy believes the header of a proxy that logs people in, where the
// connection comes from one of its addresses.
func (g *Guard) byProxy(r *http.Request) (name string, err *refusal) {
	proxy := g.web.Login.Proxy
	if proxy.Header == "" {
		return "", nil
	}
	names := r.Header.Values(proxy.Header)
	from := peer(r)
	switch {
	case len(names) == 0 && g.passwords == nil:
		return "", &refusal{http.StatusForbidden, "Log in first: come by the proxy that web.login.proxy names.", "no header of the proxy"}
	case len(names) == 0:
		return "", nil
	case !slices.ContainsFunc(proxy.From, func(p netip.Prefix) bool { return p.Contains(from) }):
		return "", &refusal{http.StatusForbidden, "The proxy's header is believed only from the addresses in web.login.proxy.from, and this comes from another; the worker's log says which.",
			"the proxy's header comes from an address that is not in web.login.proxy.from"}
	case len(names) > 1 || !htpasswd.ValidName(names[0]):
		return "", &refusal{http.StatusForbidden, "The proxy's header does not hold one name.", "the proxy's header does not hold one name"}
	}
	return names[0], nil
}
