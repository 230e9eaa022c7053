package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// output is written by the command and read by the test.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestTheConfigurationIsReadyToPaste(t *testing.T) {
	var out bytes.Buffer
	if code := run([]string{"config", "--listen", "127.0.0.1:9999"}, &out, io.Discard); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	var config struct {
		Providers map[string]map[string]string
	}
	if err := yaml.Unmarshal(out.Bytes(), &config); err != nil {
		t.Fatal(err)
	}
	for name, base := range map[string]string{"unitpay": "/unitpay/api", "maib": "/maib", "sberbank": "/sberbank/payment/rest"} {
		if got := config.Providers[name]["base_url"]; got != "http://127.0.0.1:9999"+base {
			t.Errorf("%s: %s", name, got)
		}
		if config.Providers[name]["driver"] != name {
			t.Errorf("%s: driver %s", name, config.Providers[name]["driver"])
		}
	}
}

func TestItServesUntilItIsToldToStop(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payments.csv")
	if err := os.WriteFile(file, []byte("company,id,amount\nunitpay,77,12.50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out output
	root := newCommand()
	root.SetArgs([]string{"--listen", "127.0.0.1:0", "--payments", file, "--no-samples"})
	root.SetOut(&out)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()

	address := regexp.MustCompile(`base_url: (\S+)/unitpay/api`)
	deadline := time.Now().Add(10 * time.Second)
	var found []string
	for found == nil {
		if time.Now().After(deadline) {
			t.Fatalf("it printed %s", out.String())
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
		found = address.FindStringSubmatch(out.String())
	}
	response, err := http.Get(found[1] + "/control/ledger")
	if err != nil {
		t.Fatal(err)
	}
	var ledger []struct{ ID, Amount string }
	err = json.NewDecoder(response.Body).Decode(&ledger)
	response.Body.Close()
	if err != nil || len(ledger) != 1 || ledger[0].ID != "77" || ledger[0].Amount != "12.50" {
		t.Errorf("%v, %+v", err, ledger)
	}
	if response, err := http.Get(found[1] + "/unitpay/api?method=getPayment&paymentId=77"); err == nil {
		response.Body.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), " #1 unitpay status 77 HTTP 200") {
		t.Errorf("no line for the call in\n%s", out.String())
	}
}

func TestWhatCannotWorkEndsWithAnError(t *testing.T) {
	for name, args := range map[string][]string{
		"no such file":      {"--payments", filepath.Join(t.TempDir(), "none.csv")},
		"not an address":    {"--listen", "nowhere"},
		"an unknown flag":   {"--money", "real"},
		"an extra argument": {"now"},
	} {
		var errs bytes.Buffer
		if code := run(args, io.Discard, &errs); code != 1 || !strings.HasPrefix(errs.String(), "sandbox: ") {
			t.Errorf("%s: exit status %d, %s", name, code, &errs)
		}
	}
}
