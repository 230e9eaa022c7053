package access

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"refundworker/htpasswd"
)

// Where people log in and out.
const (
	loginPath  = "/login"
	logoutPath = "/logout"
)

// Paths are what a server's mux hands to Protect besides the pages' own.
var Paths = []string{loginPath, logoutPath}

// Comparing passwords takes a core for some tenths of a second each, and the
// cores are there for refunds.
const (
	comparisons = 2               // at once
	compareTime = 5 * time.Second // that a login waits for its turn
)

// login serves the form to log in by.
func (g *Guard) login(w http.ResponseWriter, r *http.Request, v visit) {
	switch next := safeNext(r.URL.Query().Get("next")); r.Method {
	case http.MethodGet, http.MethodHead:
		if v.name != "" {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return
		}
		g.showLogin(w, http.StatusOK, loginForm{key: g.key(w, r), Next: next, Out: r.URL.Query().Has("out")})
	case http.MethodPost:
		g.tryLogin(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		sentence(w, http.StatusMethodNotAllowed, "The login takes GET and POST.")
	}
}

// tryLogin begins a session for who gives the right password.
func (g *Guard) tryLogin(w http.ResponseWriter, r *http.Request) {
	key := g.key(w, r)
	file, rdb, err := g.means()
	if err == nil {
		err = g.oursOfBrowser(w, r, key)
	}
	form := loginForm{key: key, Next: safeNext(r.PostForm.Get("next")), Name: r.PostForm.Get("name")}
	again := func(status int, problem, why string) {
		form.Problem = problem
		g.failed(w, r, form, file, status, why)
	}
	if err != nil {
		again(err.status, err.sentence, err.why)
		return
	}
	device := g.cookie(r, deviceCookie)
	may, failed := mayTry(r.Context(), rdb, peer(r), form.Name, device)
	if failed != nil {
		err := g.redisFailed(failed)
		again(err.status, err.sentence, err.why)
		return
	}
	if !may {
		w.Header().Set("Retry-After", "30")
		again(http.StatusTooManyRequests, "Too many tries. Wait half a minute, then try again.", "too many tries")
		return
	}
	switch right, compared := g.compare(r.Context(), file, form.Name, r.PostForm.Get("password")); {
	case !compared:
		again(http.StatusServiceUnavailable, "Too many people are logging in. Try again in a moment.", "too many logins at once")
	case !right:
		again(http.StatusForbidden, "The name or the password is wrong.", "name or password is wrong")
	default:
		g.succeed(w, r, rdb, form, file.Mark(form.Name), device)
	}
}

// oursOfBrowser says why a login does not come from our form, to people who are
// shown the form again.
func (g *Guard) oursOfBrowser(w http.ResponseWriter, r *http.Request, key string) *refusal {
	err := g.ours(w, r, visit{key: key})
	switch {
	case err == nil:
	case g.cookie(r, keyCookie) != "":
		err.sentence = "The form was too old. Try again."
	case g.web.Login.SecureCookies:
		err.sentence = "Your browser sent no cookie, which logging in needs. It keeps them over https only; see web.login.secure_cookies."
	default:
		err.sentence = "Your browser sent no cookie, which logging in needs. Try again."
	}
	return err
}

// compare takes its turn at comparing a password; done is false where it did
// not come.
func (g *Guard) compare(ctx context.Context, file *htpasswd.File, name, password string) (right, done bool) {
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	select {
	case g.comparing <- struct{}{}:
	case <-ctx.Done():
		return false, false
	}
	defer func() { <-g.comparing }()
	return g.check(file, name, password), true
}

// failed logs a login that was not let through, and shows the form again. The
// name is logged only where it is somebody's: people type passwords in its place.
func (g *Guard) failed(w http.ResponseWriter, r *http.Request, form loginForm, file *htpasswd.File, status int, why string) {
	person := "(unknown)"
	if file != nil && file.Mark(form.Name) != "" {
		person = form.Name
	}
	g.log.Warn("login failed", zap.String("why", why), zap.String("person", person), zap.Stringer("from", peer(r)))
	g.showLogin(w, status, form)
}

// succeed begins a session under a new key, so that one which somebody planted
// in the browser before is worth nothing.
func (g *Guard) succeed(w http.ResponseWriter, r *http.Request, rdb redis.UniversalClient, form loginForm, mark, device string) {
	ctx, cancel := context.WithTimeout(r.Context(), redisTime)
	defer cancel()
	key, err := g.begin(ctx, rdb, form.Name, mark)
	known := false
	if err == nil {
		device, known, err = remember(ctx, rdb, form.Name, device)
	}
	if err == nil {
		err = rdb.Del(ctx, sessionKey(form.key)).Err()
	}
	if err != nil {
		why := g.redisFailed(err)
		form.Problem = why.sentence
		g.showLogin(w, why.status, form)
		return
	}
	g.setCookie(w, keyCookie, key, 0)
	g.setCookie(w, deviceCookie, device, deviceTime)
	g.log.Info("logged in", zap.String("person", form.Name), zap.Stringer("from", peer(r)), zap.Bool("known_browser", known))
	http.Redirect(w, r, form.Next, http.StatusSeeOther)
}

// remember keeps in mind that the person has logged in with this browser.
func remember(ctx context.Context, rdb redis.UniversalClient, name, device string) (_ string, known bool, err error) {
	if device != "" {
		owner, err := rdb.Get(ctx, deviceKey(device)).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return "", false, err
		}
		known = owner == name
	}
	if !known {
		device = newKey()
	}
	return device, known, rdb.Set(ctx, deviceKey(device), name, deviceTime).Err()
}

// logout ends the session of a person.
func (g *Guard) logout(w http.ResponseWriter, r *http.Request, v visit) {
	if r.Method != http.MethodPost {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	v.key = g.key(w, r)
	r = r.WithContext(with(r.Context(), v))
	err := g.ours(w, r, v)
	if err == nil && !v.session {
		err = &refusal{http.StatusConflict, "You are logged in by a proxy: log out there.", "logged in by a proxy"}
	}
	if err == nil {
		err = g.end(r.Context(), v.key)
	}
	if err != nil {
		g.refuse(w, r, *err)
		return
	}
	g.setCookie(w, keyCookie, newKey(), 0)
	g.log.Info("logged out", zap.String("person", v.name), zap.Stringer("from", peer(r)))
	http.Redirect(w, r, loginPath+"?out", http.StatusSeeOther)
}
