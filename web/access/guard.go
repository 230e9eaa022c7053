package access

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"refundworker/config"
	"refundworker/htpasswd"
)

// Options are what a Guard is made of.
type Options struct {
	Web    config.Web
	Listen string                       // the worker's address, host:port
	Public bool                         // something in front passes on to it what comes from other machines
	Redis  func() redis.UniversalClient // nil as long as Redis was not reached
	Log    *zap.Logger                  // nil: silent
	Now    func() time.Time             // nil for the machine's clock
}

// Guard stands before the pages. It may be used concurrently, and keeps nothing
// that another worker would need: what is shared lies in Redis.
type Guard struct {
	web       config.Web
	open      bool // to everybody on this machine, without a login
	redis     func() redis.UniversalClient
	log       *zap.Logger
	now       func() time.Time
	cross     *http.CrossOriginProtection
	salt      []byte        // of tokens where there is no login
	passwords *passwords    // nil where there is no form to log in by
	comparing chan struct{} // holds a place for each comparison of a password
	check     func(file *htpasswd.File, name, password string) bool
}

// New returns a Guard for a checked configuration. Where it lets nobody see the
// pages, the log says why. A password file that can't be read, or has an entry
// that is not accepted, is an error.
func New(o Options) (*Guard, error) {
	g := &Guard{web: o.Web, open: config.OnLoopback(o.Listen) && !o.Public, redis: o.Redis, log: o.Log, now: o.Now,
		cross: http.NewCrossOriginProtection(), comparing: make(chan struct{}, comparisons), check: (*htpasswd.File).Check}
	if g.log == nil {
		g.log = zap.NewNop()
	}
	if g.now == nil {
		g.now = time.Now
	}
	switch {
	case !o.Web.Enabled:
	case o.Web.Login.Htpasswd != "":
		g.passwords = &passwords{path: o.Web.Login.Htpasswd, log: g.log}
		if err := g.passwords.load(); err != nil {
			return nil, fmt.Errorf("web.login.htpasswd: %w", err)
		}
	case o.Web.Login.Configured():
	case g.open:
		g.log.Info("the web pages are open to everybody on this machine: there is no login", zap.String("listen", o.Listen))
		g.salt = make([]byte, 32)
		_, _ = rand.Read(g.salt) // never fails
	case config.OnLoopback(o.Listen):
		g.log.Warn("the web pages are off: a callback_url leads here from other machines, and there is no login; configure web.login, or set web.enabled to false",
			zap.String("listen", o.Listen))
	default:
		g.log.Warn("the web pages are off: listen is not a loopback address, and there is no login; configure web.login, or set web.enabled to false",
			zap.String("listen", o.Listen))
	}
	return g, nil
}

// Protect lets through to the pages who may see them or act on them, and serves
// /login and /logout where people log in by a form. What would change something
// must be a form that holds Token in the field csrf.
func (g *Guard) Protect(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header())
		switch {
		case !g.web.Enabled:
			sentence(w, http.StatusNotFound, "The pages are turned off: web.enabled is false.")
		case g.web.Login.Configured():
			g.behindLogin(w, r, pages)
		case !g.open:
			sentence(w, http.StatusForbidden, "The pages need a login here: configure web.login. Without one they are on a loopback address only, where no callback_url leads here from other machines.")
		case passedOn(r.Header):
			g.refuse(w, r, refusal{http.StatusForbidden, "A proxy passed this on, so it may come from anywhere: the pages need a login here. Configure web.login.", "a proxy passed it on, and there is no login"})
		case !ownHost(r.Host):
			g.refuse(w, r, refusal{http.StatusForbidden, "Open the pages by a loopback address, such as 127.0.0.1 or localhost.", "the host is not a loopback name or address"})
		default:
			g.admit(w, r, visit{operator: true}, pages)
		}
	})
}

func (g *Guard) behindLogin(w http.ResponseWriter, r *http.Request, pages http.Handler) {
	if isAsset(r) {
		w.Header().Set("Cache-Control", "max-age=300")
		pages.ServeHTTP(w, r)
		return
	}
	name, session, err := g.identify(r)
	if err != nil {
		g.refuse(w, r, *err)
		return
	}
	v := visit{name: name, operator: g.web.Operators.Has(name), session: session}
	switch {
	case r.URL.Path == loginPath && g.passwords != nil:
		g.login(w, r, v)
	case r.URL.Path == logoutPath && name != "":
		g.logout(w, r, v)
	case name == "":
		g.sendToLogin(w, r)
	case !v.operator && !g.web.Viewers.Has(name):
		g.strange(w, r, v)
	default:
		g.admit(w, r, v, pages)
	}
}

// isAsset reports whether a request is for a style sheet or the like of the
// pages, which are everybody's: the login has the same. What is none of them is
// not found, without a page around it.
func isAsset(r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, "/assets/")
	return ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) && fs.ValidPath(name) && name != "." && !strings.Contains(name, "/")
}

// identify says whose request this is, and whether by a session of ours;
// nobody's where the name is empty.
func (g *Guard) identify(r *http.Request) (name string, session bool, err *refusal) {
	if name, err = g.byProxy(r); name != "" || err != nil || g.passwords == nil {
		return name, false, err
	}
	name, err = g.bySession(r)
	return name, name != "", err
}

// admit checks what a request would change, and lets it through.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request, v visit, pages http.Handler) {
	v.key = g.key(w, r)
	if changes(r) {
		if err := g.mayChange(w, r, v); err != nil {
			g.refuse(w, r.WithContext(with(r.Context(), v)), *err)
			return
		}
		if inAsynqmon(r) { // which keeps no history
			done := &answer{ResponseWriter: w, status: http.StatusOK}
			pages.ServeHTTP(done, r.WithContext(with(r.Context(), v)))
			if done.status < http.StatusBadRequest {
				g.log.Info("action in asynqmon", zap.String("person", v.name), zap.String("method", r.Method), zap.String("path", short(r.URL.Path)), zap.Int("status", done.status))
			}
			return
		}
	}
	pages.ServeHTTP(w, r.WithContext(with(r.Context(), v)))
}

// MayLogOut reports whether who makes a request that Protect let through can log
// out here: not without a login, nor where a proxy logged them in.
func (g *Guard) MayLogOut(r *http.Request) bool { return visitOf(r).session }

// Person returns who makes a request that Protect let through, and whether they
// may act. The name is empty where there is no login.
func (g *Guard) Person(r *http.Request) (name string, operator bool) {
	v := visitOf(r)
	return v.name, v.operator
}

// Token returns what the field csrf of a form must hold, on a page for this
// request.
func (g *Guard) Token(r *http.Request) string { return g.token(visitOf(r)) }
