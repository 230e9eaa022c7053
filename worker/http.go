package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"refundworker/tasks"
	"refundworker/web"
	"refundworker/web/access"
)

// Bounds of the worker's own HTTP server.
const (
	requestTime  = 10 * time.Second
	maxHeader    = 16 << 10
	maxCallback  = 64 << 10
	callbackTime = 20 * time.Second // of asking the provider about a settled refund
)

// serve starts /healthz, /readyz, /metrics, the callbacks and the web pages; the function
// returned ends them.
func (w *Worker) serve() (stop func(), err error) {
	listener, err := net.Listen("tcp", w.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; name another address under listen", w.cfg.Listen, err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		w.address.Store(tcp)
	}
	close(w.listened)
	server := &http.Server{Handler: w.routes(), ReadHeaderTimeout: requestTime, ReadTimeout: requestTime,
		WriteTimeout: callbackTime + requestTime, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("HTTP server ended", zap.Error(err))
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), requestTime)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
		<-done
	}, nil
}

// Addr is where the worker listens; it is known once Listening is closed.
func (w *Worker) Addr() string {
	if a := w.address.Load(); a != nil {
		return a.String()
	}
	return ""
}

// Listening is closed when the HTTP server has its port.
func (w *Worker) Listening() <-chan struct{} { return w.listened }

func (w *Worker) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { answer(rw, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", w.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.metrics.registry, promhttp.HandlerOpts{Timeout: requestTime}))
	mux.HandleFunc("/callbacks/{provider}/{refund}/{token}", w.callback)
	pages := w.guard.Protect(http.HandlerFunc(w.pages))
	for _, path := range slices.Concat(web.Paths, access.Paths) {
		mux.Handle(path, pages)
	}
	return mux
}

// pages shows the web pages to whom the guard lets through.
func (w *Worker) pages(rw http.ResponseWriter, req *http.Request) {
	if r := w.running.Load(); r != nil {
		r.pages.ServeHTTP(rw, req)
		return
	}
	answer(rw, http.StatusServiceUnavailable, "waiting for Redis; the pages come up with it")
}

func answer(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, text+"\n")
}

// ready says whether this worker takes refunds from the queue.
func (w *Worker) ready(rw http.ResponseWriter, req *http.Request) {
	r := w.running.Load()
	select {
	case <-w.draining:
		answer(rw, http.StatusServiceUnavailable, "stopping")
		return
	default:
	}
	if r == nil {
		answer(rw, http.StatusServiceUnavailable, "waiting for Redis")
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), 2*time.Second)
	defer cancel()
	if err := r.backend.Redis.Ping(ctx).Err(); err != nil {
		answer(rw, http.StatusServiceUnavailable, "Redis does not answer")
		return
	}
	if r.processor.Holding() {
		answer(rw, http.StatusServiceUnavailable, "Redis does not keep what it must; see the log")
		return
	}
	answer(rw, http.StatusOK, "ready")
}

// callback takes a provider's word that something happened to one refund. The
// body is drained and not believed.
func (w *Worker) callback(rw http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(rw, req.Body, maxCallback))
	r := w.running.Load()
	if r == nil {
		answer(rw, http.StatusServiceUnavailable, "waiting for Redis")
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), callbackTime)
	defer cancel()
	rec, err := r.processor.Callback(ctx, req.PathValue("provider"), req.PathValue("refund"), req.PathValue("token"))
	if err == nil && rec != nil {
		err = r.operator.Rouse(ctx, rec)
	}
	switch {
	case errors.Is(err, tasks.ErrUnknownCallback):
		answer(rw, http.StatusNotFound, "not found")
	case err != nil:
		// It is only a hint: polling finds out all the same.
		w.log.Warn("callback not acted on", zap.String("provider", req.PathValue("provider")), zap.Error(err))
		answer(rw, http.StatusOK, "ok")
	default:
		answer(rw, http.StatusOK, "ok")
	}
}
