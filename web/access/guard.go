package access

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"refundworker/config"
)

// Options are what a Guard is made of.
type Options struct {
	Web    config.Web
	Listen string                       // the worker's address, host:port
	Redis  func() redis.UniversalClient // nil as long as Redis was not reached
	Log    *zap.Logger
	Now    func() time.Time // nil for the machine's clock
}

// Guard stands before the pages. It may be used concurrently.
type Guard struct {
	web      config.Web
	loopback bool
	log      *zap.Logger
	cross    *http.CrossOriginProtection
	salt     []byte // of tokens where there is no login
}

// New returns a Guard for a checked configuration. Where it lets nobody see the
// pages, the log says why.
func New(o Options) (*Guard, error) {
	g := &Guard{web: o.Web, loopback: config.OnLoopback(o.Listen), log: o.Log, cross: http.NewCrossOriginProtection(), salt: make([]byte, 32)}
	if g.log == nil {
		g.log = zap.NewNop()
	}
	_, _ = rand.Read(g.salt) // never fails
	if o.Web.Enabled && !o.Web.Login.Configured() && !g.loopback {
		g.log.Warn("the web pages are off: listen is not a loopback address, and there is no login; configure web.login, or set web.enabled to false", zap.String("listen", o.Listen))
	}
	return g, nil
}

// Protect lets through to the pages what may see them or act on them. Requests
// that change something are POSTs of forms that hold Token in the field csrf.
func (g *Guard) Protect(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header())
		switch {
		case !g.web.Enabled:
			refuse(w, http.StatusNotFound, "The pages are turned off: web.enabled is false.")
		case g.web.Login.Configured():
			refuse(w, http.StatusForbidden, "Logging in is not available yet.")
		case !g.loopback:
			refuse(w, http.StatusForbidden, "The pages need a login here: configure web.login, or let the worker listen on a loopback address.")
		case !ownHost(r.Host):
			g.refused(r, "", "the host is not a loopback name or address")
			refuse(w, http.StatusForbidden, "Open the pages by a loopback address, such as 127.0.0.1 or localhost.")
		default:
			g.admit(w, r, visit{operator: true}, pages)
		}
	})
}

// admit checks what a request would change, and lets it through.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request, v visit, pages http.Handler) {
	v.key = g.key(w, r)
	if changes(r) && !g.mayChange(w, r, v) {
		return
	}
	pages.ServeHTTP(w, with(r, v))
}

// Person returns who makes a request that Protect let through, and whether they
// may act. The name is empty where there is no login.
func (g *Guard) Person(r *http.Request) (name string, operator bool) {
	v := visitOf(r)
	return v.name, v.operator
}

// Token returns what the field csrf of a form must hold, on a page for this
// request.
func (g *Guard) Token(r *http.Request) string {
	v := visitOf(r)
	return g.token(v)
}

// refused logs a request that is not let through.
func (g *Guard) refused(r *http.Request, name, why string) {
	g.log.Warn("page refused", zap.String("why", why), zap.String("method", r.Method), zap.String("path", short(r.URL.Path)),
		zap.String("person", name), zap.String("from", peer(r).String()))
}
