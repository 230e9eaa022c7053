package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"

	"github.com/alicebob/miniredis/v2"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/tasks"
	"refundworker/web"
	"refundworker/web/access"
)

// The pages stand behind a guard, on a server's mux.
func Example() {
	mr, err := miniredis.Run() // in place of a real Redis
	if err != nil {
		panic(err)
	}
	defer mr.Close()
	text := "redis: redis://" + mr.Addr() + `
durability: none # miniredis has no disk
providers:
  unitpay: {driver: unitpay, base_url: "https://unitpay.ru/api", secret_key: "${UNITPAY_SECRET_KEY}"}`
	cfg, err := config.Load("refunds.yaml", config.Options{Drivers: all.Drivers,
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if err != nil {
		panic(err)
	}
	backend, err := tasks.Open(context.Background(), cfg)
	if err != nil {
		panic(err)
	}
	defer backend.Close()

	guard, err := access.New(access.Options{Web: cfg.Web, Listen: cfg.Listen, Public: cfg.CalledBack()})
	if err != nil {
		panic(err)
	}
	pages, err := web.New(web.Options{Config: cfg, Backend: backend, Gate: guard})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	for _, path := range slices.Concat(web.Paths, access.Paths) {
		mux.Handle(path, guard.Protect(pages))
	}

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/review", nil))
	fmt.Println(answer.Code, answer.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}
