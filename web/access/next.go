package access

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// safeNext returns the path and query of an address of ours to go to after a
// login, and the overview for anything that is, or that a browser could take
// for, an address elsewhere.
func safeNext(next string) string {
	const overview = "/"
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || len(next) > 1000 ||
		strings.ContainsFunc(next, func(r rune) bool { return r == '\\' || unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return overview
	}
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") ||
		strings.Contains(u.Path, "\\") || u.Path == loginPath || u.Path == logoutPath {
		return overview
	}
	return u.EscapedPath() + query(u)
}

func query(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	return "?" + u.RawQuery
}

// sendToLogin asks a stranger who they are.
func (g *Guard) sendToLogin(w http.ResponseWriter, r *http.Request) {
	switch {
	case changes(r) || byScript(r):
		g.refuse(w, r, refusal{http.StatusUnauthorized, "You are logged out. Log in in another tab, go back here, reload the page, and send it again.", "nobody has logged in"})
	case r.URL.RequestURI() == "/":
		http.Redirect(w, r, loginPath, http.StatusSeeOther)
	default:
		http.Redirect(w, r, loginPath+"?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	}
}
