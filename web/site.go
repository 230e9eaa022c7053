package web

import (
	"context"
	"embed"
	"net/http"
	"time"

	"go.uber.org/zap"

	"refundworker/config"
	"refundworker/tasks"
)

// Gate says who looks, and what they may do.
type Gate interface {
	// Protect lets through to the pages who may see them, and of what changes
	// something only what may act and is a form of ours.
	Protect(http.Handler) http.Handler
	// Person is who makes a request that Protect let through, and whether they may
	// act. The name is empty where there is no login.
	Person(*http.Request) (name string, operator bool)
	// MayLogOut reports whether that person can log out here; it is false where a
	// proxy logged them in.
	MayLogOut(*http.Request) bool
	// Token is what every form holds in its field csrf.
	Token(*http.Request) string
}

// Options are what the pages are made of.
type Options struct {
	Config  *config.Config
	Backend *tasks.Backend
	Gate    Gate
	Log     *zap.Logger // nil: silent
}

// Paths are what a server's mux hands to the pages.
var Paths = []string{"/{$}", "/search", "/refunds", "/refunds/", "/review", "/providers/", "/assets/", monitorPath + "/"}

// Bounds of a page.
const (
	perPage  = 50
	pageTime = 10 * time.Second // of what a page asks of Redis
	keepSeen = 2 * time.Second  // how long the counts of the overview are good for everybody
)

// Site serves the pages. It is safe for concurrent use.
type Site struct {
	cfg      *config.Config
	backend  *tasks.Backend
	operator *tasks.Operator
	gate     Gate
	log      *zap.Logger
	counts   counts
	mux      *http.ServeMux
}

//go:embed assets
var assets embed.FS

// New returns the pages over an open backend, which stays the caller's. They are
// to be served behind the gate's Protect.
func New(o Options) (*Site, error) {
	s := &Site{cfg: o.Config, backend: o.Backend, operator: tasks.NewOperator(o.Backend, o.Config), gate: o.Gate, log: o.Log,
		counts: counts{turn: make(chan struct{}, 1)}, mux: http.NewServeMux()}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.mux.HandleFunc("GET /{$}", s.overview)
	s.mux.HandleFunc("GET /search", s.search)
	s.mux.HandleFunc("GET /refunds", s.list)
	s.mux.HandleFunc("GET /refunds/{id}", s.refund)
	s.mux.HandleFunc("POST /refunds/{id}/{action}", s.decide)
	s.mux.HandleFunc("GET /review", s.review)
	s.mux.HandleFunc("POST /providers/{provider}/{action}", s.stop)
	s.mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, assets, "assets/"+r.PathValue("file"))
	})
	s.mux.HandleFunc("/assets/", http.NotFound) // a page would tell what needs a login
	if o.Config.Web.Asynqmon != config.AsynqmonOff {
		monitor, err := s.asynqmon(o.Config.Web.Asynqmon)
		if err != nil {
			return nil, err
		}
		s.mux.Handle("/asynqmon/", monitor)
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.sorry(w, r, http.StatusNotFound, "There is no such page.")
	})
	return s, nil
}

// ServeHTTP serves one request that the gate let through.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pageTime)
	defer cancel()
	s.mux.ServeHTTP(w, r.WithContext(ctx))
}
