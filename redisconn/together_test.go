package redisconn_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
)

func TestTogetherAnswersEachCallerWithItsOwn(t *testing.T) {
	for name, client := range map[string]redis.UniversalClient{
		"one server": redistest.Start(t).Client(t),
		"cluster":    open(t, redistest.StartCluster(t, 3).URL.Reveal()),
	} {
		t.Run(name, func(t *testing.T) {
			redisconn.Together(client, redisconn.Exec)
			double := redis.NewScript(`redis.call('SET', KEYS[1], ARGV[1]) if ARGV[1] == '13' then return redis.error_reply('NO thirteen') end return 2 * ARGV[1]`)
			ctx := context.Background()
			var all sync.WaitGroup
			for n := range 200 {
				all.Go(func() {
					key := fmt.Sprint("k", n)
					got, err := double.Run(ctx, client, []string{key}, n).Int()
					switch {
					case n == 13 && !redis.HasErrorPrefix(err, "NO"):
						t.Errorf("13: got %v, %v", got, err)
					case n != 13 && (err != nil || got != 2*n):
						t.Errorf("%d: got %v, %v", n, got, err)
					}
					if added, err := client.HSet(ctx, "h"+key, "a", 1, "b", 2).Result(); err != nil || added != 2 {
						t.Errorf("HSET %d: got %v, %v", n, added, err)
					}
					if v := client.Get(ctx, key).Val(); v != strconv.Itoa(n) {
						t.Errorf("%s holds %q", key, v)
					}
				})
			}
			all.Wait()
		})
	}
}

// The password was changed: the connections that are open go on, and new ones are
// refused, of which go-redis tells the pipeline but not its commands.
func TestWhatIsSentTogetherIsNotTakenForAnsweredWithoutAConnection(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "changed")
	client := open(t, "redis://:before@"+server.Addr+"/0")
	redisconn.Together(client, redisconn.Exec)
	ctx := context.Background()
	if n, err := client.HSet(ctx, "h", "a", 1).Result(); !redis.HasErrorPrefix(err, "WRONGPASS") {
		t.Errorf("HSET: got %v, %v", n, err)
	}
	if v, err := redis.NewScript("return 1").Run(ctx, client, []string{"h"}).Result(); !redis.HasErrorPrefix(err, "WRONGPASS") {
		t.Errorf("a script: got %v, %v", v, err)
	}
}
