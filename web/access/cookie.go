package access

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"
)

// The cookies. With the prefix, which browsers keep to, only this host can set
// them, and only over https.
const (
	secureOnly   = "__Host-"
	keyCookie    = "refunds"        // the browser's key: of its forms, and of its session once somebody has logged in
	deviceCookie = "refunds-device" // of a browser that somebody has logged in with
)

// deviceTime is how long a browser is remembered after a login.
const deviceTime = 90 * 24 * time.Hour

const keyBytes = 32

func newKey() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// key returns the key of the browser, which it is given if it has none.
func (g *Guard) key(w http.ResponseWriter, r *http.Request) string {
	if key := g.cookie(r, keyCookie); key != "" {
		return key
	}
	fresh := newKey()
	g.setCookie(w, keyCookie, fresh, 0)
	return fresh
}

// cookie returns a cookie's value, empty if it is not one of ours.
func (g *Guard) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(g.cookieName(name))
	if err != nil || len(c.Value) != base64.RawURLEncoding.EncodedLen(keyBytes) {
		return ""
	}
	return c.Value
}

// setCookie gives a cookie to the browser, until it is closed where age is 0.
// It goes along with links from elsewhere, so that one in an alert opens the
// page, but with no other request of another site.
func (g *Guard) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: g.cookieName(name), Value: value, Path: "/", MaxAge: int(age / time.Second),
		Secure: g.web.Login.SecureCookies, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (g *Guard) cookieName(name string) string {
	if g.web.Login.SecureCookies {
		return secureOnly + name
	}
	return name
}
