package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"refundworker/internal/cli"
)

// TestMain lets this binary be whatever bench starts itself as: never the tests
// again, which would start the next.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		main()
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = cli.Run(t.Context(), newCommand(), cli.Program{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Env: os.LookupEnv})
	return status, out.String(), errs.String()
}

func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("redis-server is not installed, and CI=true asks for every test; install it")
	}
	t.Skip("redis-server is not installed; install it to run this test")
}

func TestBothPathsMoveTheSameMoneyAndNothingIsLeftBehind(t *testing.T) {
	needRedis(t)
	const refunds = 40
	for _, tc := range []struct {
		name string
		args []string
		rows int
	}{
		{"unitpay with and without preflight, at once and after a while", []string{"--provider", "unitpay", "--provider-latency", "0s,5ms", "--concurrency", "4", "--cpuprofile", filepath.Join(t.TempDir(), "cpu")}, 6},
		{"maib, which is polled, few and more at once", []string{"--provider", "maib", "--preflight=false", "--concurrency", "4,8"}, 4},
		{"sberbank on an append-only file", []string{"--provider", "sberbank", "--preflight=true", "--concurrency", "4", "--appendfsync", "always"}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			args := append([]string{"--refunds", "40", "--rounds", "1", "-o", "json", "--appendfsync", "off"}, tc.args...)
			status, out, errs := command(t, args...)
			if status != cli.OK {
				t.Fatalf("exit status %d: %s", status, errs)
			}
			var got report
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("not one JSON object: %v: %s", err, out)
			}
			if len(got.Rows) != tc.rows {
				t.Fatalf("%d rows, want %d", len(got.Rows), tc.rows)
			}
			for _, row := range got.Rows {
				if row.Median.Moved != refunds*refunded {
					t.Errorf("%s moved %d, want %d", row.Path, row.Median.Moved, refunds*refunded)
				}
				if row.Median.Worker.sum() <= 0 || row.Median.Provider.sum() <= 0 || row.Median.Redis.sum() < 0 {
					t.Errorf("%s: nobody worked for it: %+v", row.Path, row.Median)
				}
				if row.Median.PerSecond <= 0 || row.Median.Trips <= 0 || row.Median.Commands < 14 {
					t.Errorf("%s: implausible figures %+v", row.Path, row.Median)
				}
			}
			if got.Trace == nil || !strings.Contains(out, "Writes an attempt ahead") {
				t.Errorf("the trace does not name the write-ahead: %+v", got.Trace)
			}
			if left, _ := os.ReadDir(temporary); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestWrongUsageIsRefusedBeforeAnythingStarts(t *testing.T) {
	for name, args := range map[string][]string{
		"no refunds":                   {"--refunds", "0"},
		"more refunds than fit":        {"--refunds", "5000001"},
		"no rounds":                    {"--rounds", "0"},
		"no concurrency":               {"--concurrency", "4,0"},
		"unknown provider":             {"--provider", "paypal"},
		"unknown appendfsync":          {"--appendfsync", "sometimes"},
		"appendfsync of a lent Redis":  {"--appendfsync", "always", "--redis", "redis://127.0.0.1:1/0"},
		"an argument that is no flag":  {"fast"},
		"unknown output":               {"-o", "xml"},
		"a provider that hardly ends":  {"--provider-latency", "1m"},
		"latency below nothing":        {"--provider-latency", "0s,-1ms"},
		"simulator with an argument":   {simulatorName, "x"},
		"concurrency that is no count": {"--concurrency", "many"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, _, errs := command(t, args...); status != cli.Usage || errs == "" {
				t.Errorf("exit status %d, stderr %q; want %d and a reason", status, errs, cli.Usage)
			}
		})
	}
}

func TestRedisOutOfReachIsSaidWithItsStatus(t *testing.T) {
	if status, _, errs := command(t, "--redis", "redis://127.0.0.1:1/0", "--refunds", "1"); status != cli.NoRedis {
		t.Errorf("exit status %d, want %d: %s", status, cli.NoRedis, errs)
	}
}
