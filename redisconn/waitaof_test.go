package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
)

// modern is a server that says to be a Redis 7.2 with that appendfsync. An
// empty fsync means that CONFIG is forbidden; waitAOF is what WAITAOF answers.
func modern(t *testing.T, fsync string, waitAOF func(*server.Peer)) *miniredis.Miniredis {
	t.Helper()
	s := miniredis.RunT(t)
	s.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		switch cmd {
		case "INFO":
			c.WriteBulk("redis_version:7.2.4\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n")
		case "CONFIG":
			if fsync == "" {
				c.WriteError("NOPERM this user has no permissions to run the 'config|get' command")
				return true
			}
			c.WriteLen(2)
			c.WriteBulk(args[1])
			c.WriteBulk(fsync)
		case "WAITAOF":
			waitAOF(c)
		default:
			return false
		}
		return true
	})
	return s
}

func acks(local, replicas int) func(*server.Peer) {
	return func(c *server.Peer) {
		c.WriteLen(2)
		c.WriteInt(local)
		c.WriteInt(replicas)
	}
}

func says(message string) func(*server.Peer) { return func(c *server.Peer) { c.WriteError(message) } }

func TestCheckOfAServerWithWaitAOF(t *testing.T) {
	for name, c := range map[string]struct {
		fsync   string
		stated  string
		waitAOF func(*server.Peer)
		want    string
		fails   bool
	}{
		"everysec will do":                 {"everysec", "", acks(1, 0), "appendfsync everysec, WAITAOF after each write", false},
		"CONFIG is not needed":             {"", "", acks(1, 0), "WAITAOF after each write; only stated: nothing", false},
		"a statement is repeated":          {"", "everysec", acks(1, 0), "only stated: appendfsync everysec", false},
		"never synced is refused":          {"no", "", acks(1, 0), "WAITAOF never succeeds", true},
		"never synced as stated too":       {"", "no", acks(1, 0), "WAITAOF never succeeds", true},
		"no confirmation is refused":       {"always", "", acks(0, 0), "was not confirmed", true},
		"a user without the right":         {"always", "", says("NOPERM no permissions to run the 'waitaof' command"), "grant +waitaof", true},
		"a look-alike without the command": {"always", "", says("ERR unknown command 'waitaof'"), "appendfsync always; only stated: nothing", false},
		"a look-alike with everysec":       {"everysec", "", says("ERR unknown command 'waitaof'"), "it is everysec", true},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, "redis://"+modern(t, c.fsync, c.waitAOF).Addr())
			expect(t, client, redisconn.Requirements{Durability: "aof", StatedFsync: c.stated}, c.want, c.fails)
		})
	}
}

func TestRunAsksTheDiskAndTheReplicaAsTheDurabilitySays(t *testing.T) {
	for mode, c := range map[string]struct {
		local, replicas int
		asked           string
		fails           bool
	}{
		"aof":          {1, 0, "WAITAOF 1 0", false},
		"aof ":         {0, 0, "WAITAOF 1 0", true},
		"replica":      {0, 1, "WAIT 1", false},
		"replica ":     {1, 0, "WAIT 1", true},
		"aof+replica":  {1, 1, "WAITAOF 1 0, WAIT 1", false},
		"aof+replica ": {1, 0, "WAITAOF 1 0, WAIT 1", true},
		"none":         {0, 0, "", false},
		"no such word": {1, 1, "WAITAOF 1 0, WAIT 1", false},
	} {
		mini := miniredis.RunT(t)
		var asked []string
		mini.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
			if cmd != "WAIT" && cmd != "WAITAOF" {
				return false
			}
			last := len(args) - 1
			if ms, err := strconv.Atoi(args[last]); err != nil || ms < 1 || ms > 5000 {
				asked = append(asked, "not bounded: "+args[last])
			}
			asked = append(asked, strings.Join(append([]string{cmd}, args[:last]...), " "))
			if cmd == "WAIT" {
				p.WriteInt(c.replicas)
			} else {
				acks(c.local, 0)(p)
			}
			return true
		})
		w := redisconn.NewWaiter(open(t, "redis://"+mini.Addr()), strings.TrimSpace(mode), enough)
		v, err := w.Run(context.Background(), "k", put, []string{"k"}, "v")
		if c.fails != errors.Is(err, redisconn.ErrNotDurable) || !c.fails && (err != nil || v != "v") {
			t.Errorf("%q: got %v, %v", mode, v, err)
		}
		if got := strings.Join(asked, ", "); got != c.asked {
			t.Errorf("%q: asked %q, want %q", mode, got, c.asked)
		}
		asked = nil
		if _, err := w.RunPlain(context.Background(), "k", get, []string{"k"}); err != nil || len(asked) > 0 {
			t.Errorf("%q: a plain run asked %s, %v", mode, fmt.Sprint(asked), err)
		}
	}
}

// A failover may lead from a server without WAITAOF to one with it, or back: each
// write is asked for where it went.
func TestTheServerOfTheWriteIsAskedWhateverTheOneBeforeItCould(t *testing.T) {
	always := redistest.Start(t, safe()...)
	if always.HasWaitAOF(t) {
		t.Skipf("redis-server %s has WAITAOF; this needs an older one", always.Version(t))
	}
	everysec := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "everysec")
	var asked, onDisk atomic.Int64
	waits := modern(t, "everysec", func(c *server.Peer) {
		asked.Add(1)
		acks(int(onDisk.Load()), 0)(c)
	})
	for _, firstAddr := range []string{always.Addr, waits.Addr()} {
		onDisk.Store(1)
		name := redistest.StartWire(t, firstAddr) // a name that leads to whoever is the primary
		client, err := redisconn.OpenGuarded(secret("redis://"+name.Addr), redisconn.Requirements{Durability: "aof"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		w := redisconn.NewWaiter(client, "aof", enough)
		write := func() error {
			_, err := w.Run(context.Background(), "k", put, []string{"k"}, "v")
			return err
		}
		if err := write(); err != nil {
			t.Fatalf("the first server: %v", err)
		}

		name.Lead(waits.Addr())
		before := asked.Load()
		if err := write(); err != nil || asked.Load() == before {
			t.Errorf("the server with WAITAOF: %v, asked %d times", err, asked.Load()-before)
		}
		onDisk.Store(0)
		if err := write(); !errors.Is(err, redisconn.ErrNotDurable) {
			t.Errorf("a write that its disk did not confirm: %v", err)
		}
		name.Lead(always.Addr)
		if err := write(); err != nil {
			t.Errorf("the server without it, with appendfsync always: %v", err)
		}
		name.Lead(everysec.Addr)
		if err := write(); err == nil || !strings.Contains(err.Error(), "it is everysec; set appendfsync always") {
			t.Errorf("the server without it, with everysec: %v", err)
		}
		if n := everysec.Client(t).Exists(context.Background(), "k").Val(); n != 0 {
			t.Error("a server that keeps too little was written to")
		}
	}
}

// A user who may not ask gets no confirmation, whatever the server can.
func TestAWriteThatMayNotBeAskedForIsNotDurable(t *testing.T) {
	answer := acks(1, 0)
	s := modern(t, "always", func(c *server.Peer) { answer(c) })
	client, err := redisconn.OpenGuarded(secret("redis://"+s.Addr()), redisconn.Requirements{Durability: "aof"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	answer = says("NOPERM no permissions to run the 'waitaof' command")
	w := redisconn.NewWaiter(client, "aof", enough)
	if _, err := w.Run(context.Background(), "k", put, []string{"k"}, "v"); !errors.Is(err, redisconn.ErrNotDurable) {
		t.Errorf("got %v", err)
	}
}
