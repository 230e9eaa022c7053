package world

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// hook makes a step of every round trip of one process's clients.
type hook struct{ p *Process }

// Setting a connection up changes nothing and is no step.
var handshake = map[string]bool{"hello": true, "auth": true, "select": true, "client": true}

// Commands of the path that change nothing.
var reads = map[string]bool{"get": true, "mget": true, "hget": true, "hmget": true, "hgetall": true, "exists": true, "time": true, "llen": true,
	"lrange": true, "zrange": true, "zrangebyscore": true, "zscore": true, "sismember": true, "smembers": true, "ping": true, "info": true}

func (hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if handshake[cmd.Name()] {
			return next(ctx, cmd)
		}
		label := describe(cmd)
		return h.p.meet(Step{Label: label, Write: writes(cmd.Name(), label)},
			func(e extent) error {
				cmd.SetErr(nil)
				return next(in(ctx, e), cmd)
			},
			func(err error) error {
				cmd.SetErr(err)
				return err
			})
	}
}

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if len(cmds) == 0 || handshake[cmds[0].Name()] {
			return next(ctx, cmds)
		}
		label := describe(cmds[0])
		if len(cmds) > 1 {
			label = fmt.Sprintf("%s x%d", label, len(cmds))
		}
		return h.p.meet(Step{Label: label, Write: writes(cmds[0].Name(), label), Commands: len(cmds)},
			func(e extent) error {
				for _, cmd := range cmds {
					cmd.SetErr(nil)
				}
				if e == half {
					return next(ctx, cmds[:len(cmds)/2])
				}
				return next(in(ctx, e), cmds)
			},
			func(err error) error {
				for _, cmd := range cmds {
					cmd.SetErr(err)
				}
				return err
			})
	}
}

// in is the context of a step: one that comes late was past its check.
func in(ctx context.Context, e extent) context.Context {
	if e == late {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func writes(command, label string) bool {
	return !reads[command] && !strings.Contains(label, " load.lua") && !strings.Contains(label, " pause/state.lua")
}

// describe names a command by what it does to which kind of key, without the
// ids in it.
func describe(cmd redis.Cmder) string {
	args := cmd.Args()
	name := strings.ToUpper(cmd.Name())
	word := func(i int) string {
		if i < len(args) {
			return fmt.Sprint(args[i])
		}
		return ""
	}
	if name == "EVAL" || name == "EVALSHA" {
		if script := scriptName(name, word(1)); script != "" {
			return name + " " + script
		}
		return name + " " + keyKind(word(3))
	}
	return strings.TrimSpace(name + " " + keyKind(word(1)))
}

// keyKind is what a key is for: "refunds:{007}:r:some-id" is "refunds r".
func keyKind(key string) string {
	owner, rest, ok := strings.Cut(key, ":{")
	if !ok {
		owner, rest, _ = strings.Cut(key, ":")
		kind, _, _ := strings.Cut(rest, ":")
		return strings.TrimSpace(owner + " " + kind)
	}
	_, rest, _ = strings.Cut(rest, "}:")
	kind, _, _ := strings.Cut(rest, ":")
	return owner + " " + kind
}
