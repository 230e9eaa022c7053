package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// changes reports whether a request may change something.
func changes(r *http.Request) bool {
	return !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, r.Method)
}

// inAsynqmon reports whether a request is for asynqmon, whose forms are not ours.
func inAsynqmon(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/asynqmon/") }

// mayChange says why a person may not change something by a request.
func (g *Guard) mayChange(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	if !v.operator {
		return &refusal{http.StatusForbidden, "You may look on but not act: your name is not among web.operators.", "the person may only look on"}
	}
	return g.ours(w, r, v)
}

// ours says why a request is not from a form of ours. It reads the form.
func (g *Guard) ours(w http.ResponseWriter, r *http.Request, v visit) *refusal {
	if err := g.cross.Check(r); err != nil {
		return &refusal{http.StatusForbidden, "The request comes from another site's page.", "it comes from another site's page"}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	// asynqmon's script knows no token. That it is of this page is the browser's
	// own word, which no script can write.
	if inAsynqmon(r) && r.Header.Get("Sec-Fetch-Site") == "same-origin" {
		return nil
	}
	if err := r.ParseForm(); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return &refusal{http.StatusRequestEntityTooLarge, "The form is too large: at most 64 KiB.", "the form is too large"}
		}
		return &refusal{http.StatusBadRequest, "The form can't be read.", "the form can't be read"}
	}
	if !hmac.Equal([]byte(r.PostForm.Get("csrf")), []byte(g.token(v))) {
		return &refusal{http.StatusForbidden, "The form is too old, or not from this page. Go back, reload the page, and send it again.", "the form's token is missing or wrong"}
	}
	return nil
}

// token is what a form of this browser and this person holds. It is derived
// from the cookie, which no other site can read; where there is no login, and
// with it no cookie that only this host can set, from a key of this process too.
func (g *Guard) token(v visit) string {
	mac := hmac.New(sha256.New, append([]byte(v.key), g.salt...))
	mac.Write([]byte("csrf\n" + v.name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
