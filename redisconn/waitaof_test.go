package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"refundworker/redisconn"
)

// modern answers as a Redis 7.2 does to what Check asks. An empty fsync means
// that CONFIG is forbidden; waitAOF is what WAITAOF answers.
func modern(t *testing.T, fsync string, waitAOF func(*server.Peer)) string {
	t.Helper()
	s, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for name, answer := range map[string]server.Cmd{
		"INFO": func(c *server.Peer, _ string, _ []string) {
			c.WriteBulk("redis_version:7.2.4\r\nredis_mode:standalone\r\nrole:master\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n")
		},
		"CONFIG": func(c *server.Peer, _ string, args []string) {
			if fsync == "" {
				c.WriteError("NOPERM this user has no permissions to run the 'config|get' command")
				return
			}
			c.WriteLen(2)
			c.WriteBulk(args[1])
			c.WriteBulk(fsync)
		},
		"WAITAOF": func(c *server.Peer, _ string, _ []string) { waitAOF(c) },
	} {
		if err := s.Register(name, answer); err != nil {
			t.Fatal(err)
		}
	}
	return "redis://" + s.Addr().String()
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
			client := open(t, modern(t, c.fsync, c.waitAOF))
			expect(t, client, redisconn.Requirements{Durability: "aof", StatedFsync: c.stated}, c.want, c.fails)
			report, _ := redisconn.Check(context.Background(), client, redisconn.Requirements{Durability: "aof", StatedFsync: c.stated})
			if want := !c.fails && !strings.Contains(name, "look-alike"); report.HasWaitAOF != want {
				t.Errorf("HasWaitAOF is %v", report.HasWaitAOF)
			}
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
		w := redisconn.NewWaiter(open(t, "redis://"+mini.Addr()), strings.TrimSpace(mode), true, enough)
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
