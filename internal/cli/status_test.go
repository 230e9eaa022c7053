package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"testing"
	"time"

	"refundworker/internal/cli"
	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/tasks"
)

func TestStatusOfAnError(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"nothing wrong is 0":                 {nil, cli.OK},
		"a broken rule is invalid":           {fmt.Errorf("x: %w", refund.Invalid{{Field: "note"}}), cli.Invalid},
		"a refused connection is no Redis":   {fmt.Errorf("x: %w", refused), cli.NoRedis},
		"a closed connection is no Redis":    {fmt.Errorf("x: %w", io.EOF), cli.NoRedis},
		"a time-out is no Redis":             {context.DeadlineExceeded, cli.NoRedis},
		"a file that is not there is one":    {fmt.Errorf("x: %w", &fs.PathError{Err: syscall.ENOENT}), cli.Failed},
		"Ctrl-C is an error":                 {context.Canceled, cli.Failed},
		"what is not durable is an error":    {fmt.Errorf("x: %w", redisconn.ErrNotDurable), cli.Failed},
		"what is not possible is an error":   {fmt.Errorf("%w: x", tasks.ErrNotPossible), cli.Failed},
		"a wrong command line is one of use": {cli.UsageError("x"), cli.Usage},
	} {
		if got := cli.StatusOf(c.err); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestMomentsAreRead(t *testing.T) {
	now := time.Date(2025, 3, 2, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"24h":                       "2025-03-01T12:00:00Z",
		"0s":                        "2025-03-02T12:00:00Z",
		"2025-01-31":                "2025-01-31T00:00:00Z",
		"2025-01-31T10:00:00+03:00": "2025-01-31T07:00:00Z",
		"yesterday":                 "",
		"-1h":                       "",
		"2025-02-30":                "",
	} {
		m := cli.NewMoment(func() time.Time { return now })
		err := m.Set(text)
		if got := m.String(); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestFreeTextRunsAsNoFormula(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "goods": "goods", "a=1": "a=1", "1-2": "1-2",
		"=1+1": "'=1+1", "+7": "'+7", "-1": "'-1", "@x": "'@x", "\t=1": "'\t=1",
	} {
		if got := cli.Cell(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTextCantSteerATerminal(t *testing.T) {
	if got := cli.OneLine("a\x1b[2Jb\nc\u202ed"); got != "a [2Jb c d" {
		t.Errorf("got %q", got)
	}
}

func TestTheOperatorHasAName(t *testing.T) {
	if got := cli.Operator(func(string) (string, bool) { return "", false }); got != "operator" {
		t.Errorf("got %q without a user", got)
	}
	got := cli.Operator(func(name string) (string, bool) { return map[string]string{"USER": "anna"}[name], true })
	if len(got) < 4 || got[:4] != "anna" {
		t.Errorf("got %q", got)
	}
}
