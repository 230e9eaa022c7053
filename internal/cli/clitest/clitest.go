// Package clitest runs command lines in a test's process against a Redis in
// memory.
package clitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/providers/all"
)

// Bench is one test's Redis and configuration. Its providers are unitpay,
// single (unitpay with one refund per payment), maib and sberbank; none of
// their secrets is there.
type Bench struct {
	Redis  *miniredis.Miniredis
	Folder string
	// Columns is how wide the terminal is that the commands write to; 0: it is
	// none. Env is what their environment has besides.
	Columns int
	Env     map[string]string
	config  string
	run     func(context.Context, cli.Program) int
}

const file = `
redis: redis://ADDR/0
durability: none
providers:
  unitpay: {driver: unitpay, base_url: "https://unitpay.ru/api", secret_key: "${UNITPAY_SECRET_KEY}", one_refund_per_payment: false}
  single: {driver: unitpay, base_url: "https://unitpay.ru/api", secret_key: "${OTHER}", one_refund_per_payment: true}
  maib: {driver: maib, base_url: "https://sandbox.maibmerchants.md", client_id: "${MAIB_CLIENT_ID}", client_secret: "${MAIB_CLIENT_SECRET}"}
  sberbank: {driver: sberbank, base_url: "https://3dsec.sberbank.ru/payment/rest", username: "${SBERBANK_USERNAME}", password: "${SBERBANK_PASSWORD}"}
`

// New starts a Redis for a command.
func New(t *testing.T, run func(context.Context, cli.Program) int) *Bench {
	t.Helper()
	b := &Bench{Redis: miniredis.RunT(t), Folder: t.TempDir(), run: run}
	b.config = b.File(t, "refunds.yaml", strings.ReplaceAll(file, "ADDR", b.Redis.Addr()))
	return b
}

// Config replaces a text of the configuration by another one.
func (b *Bench) Config(t *testing.T, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(b.config)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("the configuration lacks %q (%v)", old, err)
	}
	b.config = b.File(t, "other.yaml", strings.ReplaceAll(string(text), old, replacement))
}

// File writes a file into the test's folder and returns its path.
func (b *Bench) File(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(b.Folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Result is what a command line came to.
type Result struct {
	Status         int
	Stdout, Stderr string
}

// Run runs a command line with nothing on standard input.
func (b *Bench) Run(args ...string) Result { return b.RunWith(context.Background(), "", args...) }

// RunWith runs a command line with a context and standard input.
func (b *Bench) RunWith(ctx context.Context, stdin string, args ...string) Result {
	var stderr bytes.Buffer
	r := b.start(ctx, stdin, &stderr, args)
	r.Stderr = stderr.String()
	return r
}

// RunTelling runs a command line that writes its standard error to w while it
// runs.
func (b *Bench) RunTelling(ctx context.Context, w io.Writer, args ...string) Result {
	return b.start(ctx, "", w, args)
}

func (b *Bench) start(ctx context.Context, stdin string, stderr io.Writer, args []string) Result {
	var stdout bytes.Buffer
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"REFUND_CONFIG": b.config, "USER": "anna"}[name]
		if !ok {
			v, ok = b.Env[name]
		}
		return v, ok
	}
	status := b.run(ctx, cli.Program{Args: args, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: stderr, Env: env, Columns: b.Columns})
	return Result{Status: status, Stdout: stdout.String()}
}

// Object reads standard output as exactly one JSON object on one line.
func (r Result) Object(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.Stdout), &m); err != nil || strings.Count(r.Stdout, "\n") != 1 {
		t.Fatalf("standard output is not one JSON object: %q; standard error: %q", r.Stdout, r.Stderr)
	}
	return m
}

// Session opens what the commands work on.
func (b *Bench) Session(t *testing.T) *cli.Session {
	t.Helper()
	cfg, err := config.Load(b.config, config.Options{Drivers: all.Drivers})
	if err != nil {
		t.Fatal(err)
	}
	s, err := cli.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
