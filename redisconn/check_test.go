package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
)

func safe(extra ...string) []string {
	return append([]string{"--appendonly", "yes", "--appendfsync", "always"}, extra...)
}

func TestCheckAgainstOneServer(t *testing.T) {
	everysec := []string{"--appendonly", "yes", "--appendfsync", "everysec"}
	for name, c := range map[string]struct {
		server []string
		req    redisconn.Requirements
		want   string // in the report, or in the error if refused
		fails  bool
	}{
		"aof with appendfsync always is verified": {safe(), redisconn.Requirements{Durability: "aof"},
			"maxmemory-policy noeviction, appendonly yes, appendfsync always", false},
		"aof without an append-only file is refused": {nil, redisconn.Requirements{Durability: "aof"},
			"set appendonly yes", true},
		"an unknown durability is held to the strictest": {nil, redisconn.Requirements{},
			"needs appendonly yes", true},
		"a replica that is not there is refused": {safe(), redisconn.Requirements{Durability: "aof+replica"},
			"needs a connected replica", true},
		"none asks nothing of the disk": {nil, redisconn.Requirements{Durability: "none"},
			"verified: version ", false},
		"eviction is refused": {safe("--maxmemory-policy", "allkeys-lru"), redisconn.Requirements{Durability: "aof"},
			"set it to noeviction", true},
		"eviction is refused for demos too": {[]string{"--maxmemory-policy", "volatile-ttl"}, redisconn.Requirements{Durability: "none"},
			"set it to noeviction", true},
		"eviction that was allowed is only stated": {safe("--maxmemory-policy", "allkeys-lru"), redisconn.Requirements{Durability: "aof", AllowEviction: true},
			"only stated: that eviction is acceptable", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, c.server...)
			expect(t, s.Client(t), c.req, c.want, c.fails)
		})
	}

	t.Run("settings that need a server without WAITAOF", func(t *testing.T) {
		s := redistest.Start(t, everysec...)
		client := s.Client(t)
		if v := s.Version(t); !strings.HasPrefix(v, "6.") && !strings.HasPrefix(v, "7.0.") {
			t.Skipf("redis-server %s has WAITAOF", v)
		}
		aof := redisconn.Requirements{Durability: "aof"}
		expect(t, client, aof, "it is everysec; set appendfsync always", true)
		expect(t, client, redisconn.Requirements{Durability: "aof", StatedFsync: "always"}, "it is everysec", true)
		set(t, client, "appendfsync", "always")
		expect(t, client, aof, "appendfsync always", false)
		set(t, client, "no-appendfsync-on-rewrite", "yes")
		expect(t, client, aof, "no-appendfsync-on-rewrite is yes", true)
	})
}

func TestCheckWithoutTheRightToCallConfig(t *testing.T) {
	s := redistest.Start(t, safe()...)
	acl(t, s, "worker", "~*", "+@all", "-config")
	acl(t, s, "blind", "~*", "+@all", "-config", "-info")
	worker, blind := login(t, s, "worker"), login(t, s, "blind")
	if v := s.Version(t); strings.HasPrefix(v, "6.") || strings.HasPrefix(v, "7.0.") {
		expect(t, worker, redisconn.Requirements{Durability: "aof"}, "say stated_fsync: always", true)
		expect(t, worker, redisconn.Requirements{Durability: "aof", StatedFsync: "everysec"}, "stated_fsync says everysec", true)
	}
	expect(t, worker, redisconn.Requirements{Durability: "aof", StatedFsync: "always"}, "only stated: appendfsync always", false)
	expect(t, blind, redisconn.Requirements{Durability: "aof", StatedFsync: "always"}, "grant +info", true)
}

func TestCheckCountsReplicasAndRefusesToTalkToOne(t *testing.T) {
	primary := redistest.Start(t, safe()...)
	replica := redistest.StartReplica(t, primary)
	req := redisconn.Requirements{Durability: "aof+replica"}
	expect(t, primary.Client(t), req, "1 connected replicas or more", false)
	expect(t, replica.Client(t), req, "is a replica", true)
	replica.Stop()
	redistest.Eventually(t, "the replica is missed", func() bool {
		_, err := redisconn.Check(context.Background(), primary.Client(t), req)
		return err != nil && strings.Contains(err.Error(), "needs a connected replica")
	})
}

func TestCheckOfAServerForTestsPassesWithNoneOnly(t *testing.T) {
	mini := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: mini.Addr()})
	defer client.Close()
	report, err := redisconn.Check(context.Background(), client, redisconn.Requirements{Durability: "none"})
	if err != nil || report.String() != "verified: nothing; only stated: nothing" {
		t.Errorf("none: %v, %v", report, err)
	}
	for _, mode := range []string{"aof", "replica", "aof+replica", ""} {
		if _, err := redisconn.Check(context.Background(), client, redisconn.Requirements{Durability: mode}); err == nil {
			t.Errorf("durability %q passes on a server that can't be verified", mode)
		}
	}
}

func TestCheckOfAServerThatIsNotThereFailsForEveryDurability(t *testing.T) {
	mini := miniredis.RunT(t)
	addr := mini.Addr()
	c := open(t, "redis://me:hunter2@"+addr)
	mini.Close()
	for _, mode := range []string{"none", "aof"} {
		_, err := redisconn.Check(context.Background(), c, redisconn.Requirements{Durability: mode})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestCheckWithAWrongPasswordDoesNotShowIt(t *testing.T) {
	mini := miniredis.RunT(t)
	mini.RequireAuth("right")
	_, err := redisconn.Check(context.Background(), open(t, "redis://:hunter2@"+mini.Addr()), redisconn.Requirements{Durability: "none"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func expect(t *testing.T, client redis.UniversalClient, req redisconn.Requirements, want string, fails bool) {
	t.Helper()
	report, err := redisconn.Check(context.Background(), client, req)
	if fails {
		if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: got error %v, want %q", req, err, want)
		}
		return
	}
	if err != nil || !strings.Contains(report.String(), want) {
		t.Errorf("%+v: got %q, %v; want %q", req, report, err, want)
	}
}

func set(t *testing.T, c *redis.Client, key, value string) {
	t.Helper()
	if err := c.ConfigSet(context.Background(), key, value).Err(); err != nil {
		t.Fatal(err)
	}
}

func acl(t *testing.T, s *redistest.Server, user string, rules ...string) {
	t.Helper()
	if err := s.Client(t).ACLSetUser(context.Background(), user, append([]string{"on", ">pw"}, rules...)...).Err(); err != nil {
		t.Fatal(err)
	}
}

func login(t *testing.T, s *redistest.Server, user string) redis.UniversalClient {
	t.Helper()
	return open(t, "redis://"+user+":pw@"+s.Addr)
}

// A server that reads back its append-only file says that it has none: that is
// no verdict on its settings.
func TestCheckOfAServerThatIsLoadingIsNoVerdict(t *testing.T) {
	s, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	err = s.Register("INFO", func(c *server.Peer, _ string, _ []string) {
		c.WriteBulk("redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory_policy:noeviction\r\nloading:1\r\naof_enabled:0\r\n")
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = redisconn.Check(context.Background(), open(t, "redis://"+s.Addr().String()), redisconn.Requirements{Durability: "aof"})
	if !errors.Is(err, redisconn.ErrLoading) {
		t.Errorf("got %v", err)
	}
}
