package access

import (
	"bytes"
	_ "embed" // the page
	"html/template"
	"net/http"
)

var (
	//go:embed page.html
	pageHTML string

	page = template.Must(template.New("page").Parse(pageHTML))
)

// content is what the page shows.
type content struct {
	Title string
	Token string
	Login *loginForm // the form to log in by
	Name  string     // of a person who may not look on
}

// loginForm is a form to log in by, as it was sent or as it is at first.
type loginForm struct {
	key        string // of the browser that is shown it
	Next, Name string
	Problem    string // why it did not work
	Out        bool   // the person has just logged out
}

func (g *Guard) showLogin(w http.ResponseWriter, status int, form loginForm) {
	show(w, status, content{Title: "Log in", Token: g.token(visit{key: form.key}), Login: &form})
}

// strange answers a person who has logged in and may not even look on.
func (g *Guard) strange(w http.ResponseWriter, r *http.Request, v visit) {
	v.key = g.key(w, r)
	why := refusal{http.StatusForbidden, "You are logged in as " + v.name + ", who may not see these pages: the name is not among web.viewers.", "the person may not look on"}
	if byScript(r) || !v.session {
		g.refuse(w, r.WithContext(with(r.Context(), v)), why)
		return
	}
	g.logRefusal(r.WithContext(with(r.Context(), v)), why)
	show(w, why.status, content{Title: "Not for you", Token: g.token(v), Name: v.name})
}

func show(w http.ResponseWriter, status int, c content) {
	var b bytes.Buffer
	if err := page.Execute(&b, c); err != nil {
		sentence(w, http.StatusInternalServerError, "The page can't be shown: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
