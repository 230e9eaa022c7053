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
	key      string // of the browser: the value of its cookie
}

type visitKey struct{}

func with(r *http.Request, v visit) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
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

// short bounds a stranger's text for the log.
func short(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
