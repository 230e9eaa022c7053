package access

import "net/http"

// answer remembers the status that a handler answers with.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the status and passes it on.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
