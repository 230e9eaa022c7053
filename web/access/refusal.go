package access

import (
	"io"
	"net/http"

	"go.uber.org/zap"
)

// refusal says why a request is not let through.
type refusal struct {
	status   int
	sentence string // for the person
	why      string // for the log
}

// refuse logs a refusal and answers with it.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, why refusal) {
	g.logRefusal(r, why)
	sentence(w, why.status, why.sentence)
}

func (g *Guard) logRefusal(r *http.Request, why refusal) {
	g.log.Warn("page refused", zap.String("why", why.why), zap.Int("status", why.status), zap.String("method", r.Method),
		zap.String("path", short(r.URL.Path)), zap.String("person", visitOf(r).name), zap.Stringer("from", peer(r)))
}

// sentence answers with one sentence of plain text.
func sentence(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
