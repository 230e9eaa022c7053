package wake

import (
	"context"
	_ "embed"
	"errors"

	"github.com/redis/go-redis/v9"

	"refundworker/redisconn"
)

//go:embed enqueue_all.lua
var enqueueAllText string

// enqueueAllScript does for many tasks of one queue what enqueueScript does for one.
var enqueueAllScript = redis.NewScript(lineText + enqueueAllText)

// errAnswer says that the answer to all tells nothing of each.
var errAnswer = errors.New("wake: unexpected answer from Redis")

// portion is the tasks that go on one queue.
type portion struct {
	tasks []*redis.Cmd // enqueueScript for each
	keys  []string
	args  []any
	cmd   *redis.Cmd
}

// EnqueueTogether sends scripts by which a client of Announcing was about to
// enqueue tasks in one round trip, and leaves with each what became of it. Those of
// one queue travel as one script, so that a crash leaves all of them or none.
func EnqueueTogether(ctx context.Context, rdb redis.UniversalClient, scripts []*redis.Cmd) {
	portions := map[string]*portion{}
	var all []redis.Cmder
	for _, script := range scripts {
		// EVALSHA, digest, 2, task, pending, message, id, now, channel, what to say there
		args := script.Args()
		if len(args) != 10 || args[1] != enqueueScript.Hash() {
			all = append(all, script)
			continue
		}
		pending := args[4].(string)
		p := portions[pending]
		if p == nil {
			p = &portion{keys: []string{pending}, args: []any{args[8], args[9]}}
			portions[pending] = p
		}
		p.tasks, p.keys, p.args = append(p.tasks, script), append(p.keys, args[3].(string)), append(p.args, args[5], args[6], args[7])
	}
	draft := rdb.Pipeline() // only words them
	for _, p := range portions {
		p.cmd = enqueueAllScript.EvalSha(ctx, draft, p.keys, p.args...)
		all = append(all, p.cmd)
	}
	redisconn.Exec(ctx, rdb, all...)
	for _, p := range portions {
		if redis.HasErrorPrefix(p.cmd.Err(), "NOSCRIPT") {
			p.cmd = enqueueAllScript.Eval(ctx, rdb, p.keys, p.args...)
		}
		p.answer()
	}
}

// answer gives each task's script its part of the answer to all.
func (p *portion) answer() {
	list, err := p.cmd.Slice()
	if err == nil && len(list) != len(p.tasks) {
		err = errAnswer
	}
	for i, task := range p.tasks {
		task.SetErr(err)
		if err == nil {
			task.SetVal(list[i])
		}
	}
}
