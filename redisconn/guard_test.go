package redisconn_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
)

func TestAGuardedClientUsesNoServerThatCameBackUnfit(t *testing.T) {
	ctx := context.Background()
	conf := filepath.Join(t.TempDir(), "redis.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("appendonly yes\nappendfsync always\n")
	s := redistest.Start(t, "--include", conf)
	if v := s.Version(t); !strings.HasPrefix(v, "6.") && !strings.HasPrefix(v, "7.0.") {
		t.Skipf("redis-server %s has WAITAOF", v)
	}
	client, err := redisconn.OpenGuarded(s.URL, redisconn.Requirements{Durability: "aof"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	w := redisconn.NewWaiter(client, "aof", enough)
	run := func(value string) error {
		_, err := w.Run(ctx, "k", put, []string{"k"}, value)
		return err
	}
	if err := run("fit"); err != nil {
		t.Fatal(err)
	}

	write("appendonly yes\nappendfsync everysec\n")
	s.Restart(t)
	if err := run("unfit"); err == nil || !strings.Contains(err.Error(), "set appendfsync always") {
		t.Errorf("after a restart with everysec: got %v", err)
	}
	if v := s.Client(t).Get(ctx, "k").Val(); v != "fit" {
		t.Errorf("the unfit server was written to: %q", v)
	}
	write("appendonly yes\nappendfsync always\n")
	s.Restart(t)
	if err := run("fit again"); err != nil {
		t.Errorf("after a restart with always: %v", err)
	}
}

func TestAGuardedClientRefusesEvictionWhateverTheDurability(t *testing.T) {
	s := redistest.Start(t, safe("--maxmemory-policy", "allkeys-lru")...)
	for _, mode := range []string{"aof", "replica", "aof+replica", ""} {
		client, err := redisconn.OpenGuarded(s.URL, redisconn.Requirements{Durability: mode})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.Set(context.Background(), "k", 1, 0).Err(); err == nil || !strings.Contains(err.Error(), "noeviction") {
			t.Errorf("%q: got %v", mode, err)
		}
	}
}

func TestAGuardedClientWorksInACluster(t *testing.T) {
	a, _, replica := startCluster(t, safe()...)
	for _, s := range []*redistest.Server{a, replica} {
		client, err := redisconn.OpenGuarded(secret("redis-cluster://"+s.Addr), redisconn.Requirements{Durability: "aof"})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		for _, key := range []string{"a", "b", "c", "d"} {
			if err := client.Set(context.Background(), key, 1, 0).Err(); err != nil {
				t.Errorf("by %s: %v", s.Addr, err)
			}
		}
	}
}
