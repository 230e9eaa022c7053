package redisconn_test

import (
	"strings"
	"testing"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
)

func TestMemoryUsedIsAPartOfTheLimit(t *testing.T) {
	s := redistest.Start(t)
	c, ctx := s.Client(t), t.Context()
	if ratio, limited, err := redisconn.MemoryUsed(ctx, c); limited || ratio != 0 || err != nil {
		t.Errorf("without maxmemory: %v, %t, %v", ratio, limited, err)
	}
	if err := c.ConfigSet(ctx, "maxmemory", "400mb").Err(); err != nil {
		t.Fatal(err)
	}
	before, limited, err := redisconn.MemoryUsed(ctx, c)
	if !limited || before <= 0 || before > 0.2 || err != nil {
		t.Fatalf("an empty server of 400 MB: %v, %t, %v", before, limited, err)
	}
	if err := c.Set(ctx, "x", strings.Repeat("x", 50<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if after, _, err := redisconn.MemoryUsed(ctx, c); after < before+0.1 || after > 0.9 || err != nil {
		t.Errorf("with 50 MB in it: %v, before %v, %v", after, before, err)
	}
	s.Stop()
	if _, _, err := redisconn.MemoryUsed(ctx, c); err == nil {
		t.Error("a server that is away says how full it is")
	}
}
