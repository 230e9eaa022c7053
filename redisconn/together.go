package redisconn

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// togetherFor bounds one pipeline of commands that were gathered.
const togetherFor = 5 * time.Second

// errUnsent is the error of a command that nothing was heard of.
var errUnsent = errors.New("redis: the command was not sent")

// Together has the scripts and the HSETs that goroutines send through the client
// at about the same moment travel in one pipeline to their server. Of a lost
// answer it makes what go-redis makes of a pipeline's: all of it is sent again.
// It is for a client whose commands stand each for itself; see Waiter for writes
// that have to be waited for. Call it before the client is used: a cluster's
// servers that it has met by then are left out.
//
// exec sends what has come together to the one server that it is for: Exec, or what
// does as much with less.
func Together(client redis.UniversalClient, exec func(ctx context.Context, node redis.UniversalClient, cmds ...redis.Cmder)) {
	hook := func(node *redis.Client) {
		node.AddHook(together{&gatherer[redis.Cmder]{atOnce: 1, send: func(cmds []redis.Cmder) {
			ctx, cancel := context.WithTimeout(context.Background(), togetherFor)
			defer cancel()
			exec(ctx, node, cmds...)
		}}})
	}
	switch c := client.(type) {
	case *redis.Client:
		hook(c)
	case *redis.ClusterClient:
		c.OnNewNode(hook)
	}
}

type together struct{ lane *gatherer[redis.Cmder] }

// Exec sends commands in one pipeline and leaves with each what became of it.
//
// Where a server refuses the new connection that it needs (a password that was
// changed, say), go-redis tells that of the pipeline alone, and leaves each command
// as if it had been answered.
func Exec(ctx context.Context, client redis.UniversalClient, cmds ...redis.Cmder) {
	pipe := client.Pipeline()
	for _, cmd := range cmds {
		cmd.SetErr(errUnsent) // until there is an answer
		_ = pipe.Process(ctx, cmd)
	}
	_, err := pipe.Exec(ctx)
	for _, cmd := range cmds {
		if cmd.Err() == errUnsent && err != nil {
			cmd.SetErr(err)
		}
	}
}

func (h together) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if name := cmd.Name(); name != "evalsha" && name != "hset" {
			return next(ctx, cmd)
		}
		over, err := h.lane.do(ctx, cmd)
		switch {
		case err == nil:
			return cmd.Err()
		case over == nil, errors.Is(err, errLost):
			cmd.SetErr(err)
			return err
		}
		<-over // until then it is being filled in; see togetherFor
		return cmd.Err()
	}
}

func (together) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (together) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}
