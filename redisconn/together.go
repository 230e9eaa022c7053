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

// Together has the scripts and the HSETs that goroutines send through the client
// at about the same moment travel in one pipeline to their server. Of a lost
// answer it makes what go-redis makes of a pipeline's: all of it is sent again.
// It is for a client whose commands stand each for itself; see Waiter for writes
// that have to be waited for.
func Together(client redis.UniversalClient) {
	switch c := client.(type) {
	case *redis.Client:
		c.AddHook(newTogether(c))
	case *redis.ClusterClient:
		c.OnNewNode(func(node *redis.Client) { node.AddHook(newTogether(node)) })
	}
}

type together struct{ lane *gatherer[redis.Cmder] }

func newTogether(node *redis.Client) together {
	return together{&gatherer[redis.Cmder]{atOnce: 1, send: func(cmds []redis.Cmder) {
		ctx, cancel := context.WithTimeout(context.Background(), togetherFor)
		defer cancel()
		pipe := node.Pipeline()
		for _, cmd := range cmds {
			_ = pipe.Process(ctx, cmd) // queues it; its error comes with Exec
		}
		_, _ = pipe.Exec(ctx) // leaves its error with each command
	}}}
}

func (h together) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if name := cmd.Name(); name != "evalsha" && name != "hset" {
			return next(ctx, cmd)
		}
		err, over := h.lane.do(ctx, cmd)
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
