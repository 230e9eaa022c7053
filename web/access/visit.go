package access

import (
	"context"
	"net/http"
	"net/netip"
)

// visit is what is known of who makes a request.
type visit struct {
	name     string // empty without a login
	operator bool
	session  bool   // logged in by our form, rather than by a proxy
	key      string // the browser's, from its cookie
}

type visitKey struct{}

func with(ctx context.Context, v visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

func visitOf(r *http.Request) visit {
	v, _ := r.Context().Value(visitKey{}).(visit)
	return v
}

// peer is the address at the other end of the connection. What headers say
// about it is not asked.
func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// byScript reports whether a page's script asks, rather than a person who
// opens a page. Browsers say so; what says nothing is taken for a person.
func byScript(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Dest") == "empty" }

// short bounds a stranger's text for the log.
func short(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
