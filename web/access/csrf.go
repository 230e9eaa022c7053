package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
)

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// cookieName names the browser's key where cookies travel over plain http.
const cookieName = "refunds"

// changes reports whether a request may change something.
func changes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

// mayChange answers and returns false where a request that would change
// something did not come from a form of ours, or its person may not act.
func (g *Guard) mayChange(w http.ResponseWriter, r *http.Request, v visit) bool {
	if !v.operator {
		g.refused(r, v.name, "the person may only look on")
		refuse(w, http.StatusForbidden, "You may look on but not act: your name is not among web.operators.")
		return false
	}
	return g.ours(w, r, v)
}

// ours answers and returns false where a request did not come from a form of
// ours.
func (g *Guard) ours(w http.ResponseWriter, r *http.Request, v visit) bool {
	if err := g.cross.Check(r); err != nil {
		g.refused(r, v.name, "the request comes from another site")
		refuse(w, http.StatusForbidden, "The request comes from another site's page.")
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, "The form can't be read: at most 64 KiB, as a browser sends it.")
		return false
	}
	if !hmac.Equal([]byte(r.PostForm.Get("csrf")), []byte(g.token(v))) {
		g.refused(r, v.name, "the form's token is missing or wrong")
		refuse(w, http.StatusForbidden, "The form is too old, or not from this page. Go back, reload the page, and send it again.")
		return false
	}
	return true
}

// token is what a form of this browser and this person holds. It is derived
// from the cookie, which no other site can read; where there is no login, and
// so a cookie without the browser's protection against being planted, from a
// key of this process too.
func (g *Guard) token(v visit) string {
	mac := hmac.New(sha256.New, append([]byte(v.key), g.salt...))
	mac.Write([]byte("csrf\n" + v.name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// key returns the key of the browser, which it is given if it has none.
func (g *Guard) key(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(cookieName); err == nil && len(c.Value) == base64.RawURLEncoding.EncodedLen(keyBytes) {
		return c.Value
	}
	fresh := newKey()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: fresh, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	return fresh
}

const keyBytes = 32

func newKey() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
