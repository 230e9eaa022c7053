package wake_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// onPipes calls a test in a bubble with a miniredis that is reached without a
// network, so that the bubble's clock goes on as soon as everything waits.
func onPipes(t *testing.T, test func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client)) {
	t.Helper()
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	m.Server().Close() // the listener, whose wait no bubble understands
	synctest.Test(t, func(t *testing.T) {
		rdb := redis.NewClient(&redis.Options{
			// Enough connections that nobody waits for one: go-redis keeps the timers
			// of those waits for everybody, and no bubble may use another's.
			Addr: "127.0.0.1:1", Protocol: 2, DisableIdentity: true, PoolSize: 2000, MaxIdleConns: 8,
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				m.Server().ServeConn(far)
				return near, nil
			},
		})
		t.Cleanup(func() {
			_ = rdb.Close()
			time.Sleep(time.Second) // go-redis's subscriptions may be in the middle of a short rest
		})
		test(t, m, rdb)
	})
}

// calls is a hook that counts what a client asks Redis.
type calls struct {
	mu   sync.Mutex
	seen []redis.Cmder
}

func (c *calls) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *calls) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.add(cmd)
		return next(ctx, cmd)
	}
}

func (c *calls) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.add(cmds...)
		return next(ctx, cmds)
	}
}

func (c *calls) add(cmds ...redis.Cmder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, cmds...)
}

// take returns what was asked since the last time, handshakes left out.
func (c *calls) take() []redis.Cmder {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []redis.Cmder
	for _, cmd := range c.seen {
		if name := cmd.Name(); name != "hello" && name != "client" {
			all = append(all, cmd)
		}
	}
	c.seen = nil
	return all
}

// keysOf are the keys of a script that is called by its digest.
func keysOf(cmd redis.Cmder) []string {
	args := cmd.Args()
	if !strings.HasPrefix(cmd.Name(), "eval") {
		return nil
	}
	var keys []string
	for i := range args[2].(int) {
		keys = append(keys, args[3+i].(string))
	}
	return keys
}
