package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"refundworker/internal/redistest"
)

// refuses runs the worker on a Redis and checks that it leaves at once with
// status 1 and says why.
func refuses(t *testing.T, s *redistest.Server, durability, why string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "refunds.yaml")
	text := "redis: redis://" + s.Addr + "/0\ndurability: " + durability + "\nlisten: 127.0.0.1:0\nproviders:\n" +
		"  unitpay: {driver: unitpay, base_url: \"http://127.0.0.1:9/api\", secret_key: none}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var stderr bytes.Buffer
	status := run(ctx, []string{"--config", file}, io.Discard, &stderr)
	if status != statusError || !strings.Contains(stderr.String(), why) || ctx.Err() != nil {
		t.Errorf("exit status %d, %v; said:\n%s", status, ctx.Err(), stderr.String())
	}
}

func TestWorkerRefusesARedisThatDoesNotKeepWhatItMust(t *testing.T) {
	for name, c := range map[string]struct {
		redis      []string
		durability string
		old        bool // only of a server without WAITAOF
		why        string
	}{
		"aof without an append-only file":     {nil, "aof", false, "set appendonly yes"},
		"aof with appendfsync everysec":       {[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, "aof", true, "set appendfsync always, upgrade, or choose another durability"},
		"aof with appendfsync no":             {[]string{"--appendonly", "yes", "--appendfsync", "no"}, "aof", false, "appendfsync"},
		"aof with a pause of it in a rewrite": {[]string{"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"}, "aof", true, "set it to no"},
		"replica without one":                 {nil, "replica", false, "needs a connected replica"},
		"both without a replica":              {[]string{"--appendonly", "yes", "--appendfsync", "always"}, "aof+replica", false, "needs a connected replica"},
		"eviction":                            {[]string{"--maxmemory-policy", "allkeys-lru"}, "none", false, "set it to noeviction"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, c.redis...)
			if c.old && s.HasWaitAOF(t) {
				t.Skipf("redis-server %s has WAITAOF, with which that is no reason to refuse it", s.Version(t))
			}
			refuses(t, s, c.durability, c.why)
		})
	}
}
