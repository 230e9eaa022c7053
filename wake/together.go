package wake

import (
	"context"
	_ "embed"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"refundworker/redisconn"
)

//go:embed enqueue_all.lua
var enqueueAllText string

// enqueueAllScript does for many tasks of one queue what enqueueScript does for one.
var enqueueAllScript = redis.NewScript(lineText + enqueueAllText)

//go:embed complete_all.lua
var completeAllText string

// completeAllScript does for many tasks of one queue what completeScript does for one.
var completeAllScript = redis.NewScript(finishText + completeAllText)

// dayOfComplete is which of completeAllScript's keys is the count of a queue's day.
const dayOfComplete = 3

// endAtMost bounds the tasks that one script ends, so that Redis is never held long.
const endAtMost = 32

// errAnswer says that the answer to all tells nothing of each.
var errAnswer = errors.New("wake: unexpected answer from Redis")

// portion is the tasks that one script is about.
type portion struct {
	tasks  []*redis.Cmd // the script for each
	script *redis.Script
	keys   []string
	args   []any
	cmd    *redis.Cmd
}

// EnqueueTogether sends scripts by which a client of Announcing was about to
// enqueue tasks in one round trip, and leaves with each what became of it. Those of
// one queue travel as one script, so that a crash leaves all of them or none.
func EnqueueTogether(ctx context.Context, rdb redis.UniversalClient, scripts []*redis.Cmd) {
	portions := map[string]*portion{}
	var all []*portion
	var others []redis.Cmder
	for _, script := range scripts {
		// EVALSHA, digest, 2, task, pending, message, id, now, channel, what to say there
		args := script.Args()
		if len(args) != 10 || args[1] != enqueueScript.Hash() {
			others = append(others, script)
			continue
		}
		pending := args[4].(string)
		p := portions[pending]
		if p == nil {
			p = &portion{script: enqueueAllScript, keys: []string{pending}, args: []any{args[8], args[9]}}
			portions[pending] = p
			all = append(all, p)
		}
		p.tasks, p.keys, p.args = append(p.tasks, script), append(p.keys, args[3].(string)), append(p.args, args[5], args[6], args[7])
	}
	send(ctx, rdb, all, others)
}

// Exec is redisconn.Exec for what asynq's servers ask: of tasks of one queue that end
// at the same moment, up to 32 are ended by one script. See redisconn.Together.
func Exec(ctx context.Context, rdb redis.UniversalClient, cmds ...redis.Cmder) {
	var portions []*portion
	var others []redis.Cmder
	for _, cmd := range cmds {
		// EVALSHA, digest, 6, active, lease, completed, task, processed:DAY, processed,
		// id, end of the day's count, end of the task, message, greatest count, result;
		// a unique task has a key more.
		script, ok := cmd.(*redis.Cmd)
		args := cmd.Args()
		if !ok || len(args) != 15 || args[1] != completeScript.Hash() {
			others = append(others, cmd)
			continue
		}
		day := args[7].(string)
		i := slices.IndexFunc(portions, func(p *portion) bool { return p.keys[dayOfComplete] == day && len(p.tasks) < endAtMost })
		if i < 0 {
			i = len(portions)
			keys := []string{args[3].(string), args[4].(string), args[5].(string), day, args[8].(string)}
			portions = append(portions, &portion{script: completeAllScript, keys: keys, args: []any{args[13]}})
		}
		p := portions[i]
		p.tasks, p.keys, p.args = append(p.tasks, script), append(p.keys, args[6].(string)), append(p.args, args[9], args[10], args[11], args[12], args[14])
	}
	portions = slices.DeleteFunc(portions, func(p *portion) bool {
		if len(p.tasks) > 1 {
			return false
		}
		others = append(others, p.tasks[0]) // alone it goes as it is
		return true
	})
	send(ctx, rdb, portions, others)
}

// send sends portions and what is in none in one round trip, and leaves with each
// command what became of it.
func send(ctx context.Context, rdb redis.UniversalClient, portions []*portion, others []redis.Cmder) {
	draft := rdb.Pipeline() // only words them
	for _, p := range portions {
		p.cmd = p.script.EvalSha(ctx, draft, p.keys, p.args...)
		others = append(others, p.cmd)
	}
	redisconn.Exec(ctx, rdb, others...)
	for _, p := range portions {
		if redis.HasErrorPrefix(p.cmd.Err(), "NOSCRIPT") {
			p.cmd = p.script.Eval(ctx, rdb, p.keys, p.args...)
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
		if err != nil {
			task.SetErr(err)
			continue
		}
		own, _ := list[i].(error)
		task.SetErr(own)
		if own == nil {
			task.SetVal(list[i])
		}
	}
}
