package wake_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/redisconn"
	"refundworker/wake"
)

// ending is a task that is about to be complete.
type ending struct {
	queue, id, day string
	unique         string // what it keeps others out with; empty: it is not unique
	dayEnds        int64
}

func (e ending) key(rest string) string { return "asynq:{" + e.queue + "}:" + rest }

func (e ending) result() []byte { return []byte("of " + e.id) }

// end asks as asynq does.
func (e ending) end(ctx context.Context, rdb redis.Cmdable) error {
	sha, keys := wake.CompleteSHA, []string{e.key("active"), e.key("lease"), e.key("completed"), e.key("t:" + e.id), e.key("processed:" + e.day), e.key("processed")}
	if e.unique != "" {
		sha, keys = wake.CompleteUniqueSHA, append(keys, e.key("unique:"+e.unique))
	}
	return rdb.EvalSha(ctx, sha, keys, e.id, e.dayEnds, int64(2e9)+int64(len(e.id)), "ended "+e.id, int64(math.MaxInt64)).Err()
}

// begin makes it a task that is being worked on.
func (e ending) begin(t *testing.T, rdb redis.Cmdable) {
	t.Helper()
	for _, err := range []error{
		rdb.LPush(t.Context(), e.key("active"), e.id).Err(), rdb.ZAdd(t.Context(), e.key("lease"), redis.Z{Score: 1, Member: e.id}).Err(),
		rdb.HSet(t.Context(), e.key("t:"+e.id), "msg", "began", "state", "active").Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// scriptsOf are the calls by which a worker ends tasks, which are not sent.
func scriptsOf(t *testing.T, rdb *redis.Client, endings []ending) []*redis.Cmd {
	t.Helper()
	keeping, n := notedOf(t, rdb)
	c := wake.New(keeping, wake.Options{}).Client(nil, "q")
	for _, e := range endings {
		c.HSet(t.Context(), e.key("t:"+e.id), "result", e.result())
		if err := e.end(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return n.scripts
}

// together ends tasks as if they had met, and returns what each is told.
func together(t *testing.T, rdb *redis.Client, endings []ending) []error {
	t.Helper()
	if err := wake.CompleteScript.Load(t.Context(), rdb).Err(); err != nil { // whoever is alone asks as always, and sees to this
		t.Error(err)
	}
	scripts := scriptsOf(t, rdb, endings)
	cmds, told := make([]redis.Cmder, len(scripts)), make([]error, len(scripts))
	for i, s := range scripts {
		cmds[i] = s
	}
	wake.Exec(t.Context(), rdb, cmds...)
	for i, s := range scripts {
		if told[i] = s.Err(); told[i] == nil && s.Val() != "OK" {
			t.Errorf("%s is told %v", endings[i].id, s.Val())
		}
	}
	return told
}

// asynqsOwn leaves asynq's scripts, which are in none of its exported packages, with
// Redis, by having it end a task with each.
func asynqsOwn(t *testing.T, rdb *redis.Client) {
	t.Helper()
	client := asynq.NewClientFromRedisClient(rdb)
	enqueue(t, client, "own", asynq.Retention(time.Hour))
	enqueue(t, client, "own", asynq.Retention(time.Hour), asynq.Unique(time.Hour))
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: map[string]int{"own": 1}, LogLevel: asynq.FatalLevel, TaskCheckInterval: time.Millisecond})
	if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "asynq ends two tasks", func() bool { return rdb.ZCard(t.Context(), "asynq:{own}:completed").Val() == 2 })
	server.Shutdown()
}

// holds is all that is kept of a queue, by key.
func holds(t *testing.T, rdb *redis.Client, queue string) map[string]string {
	t.Helper()
	ctx, prefix, all := t.Context(), "asynq:{"+queue+"}:", map[string]string{}
	for _, key := range rdb.Keys(ctx, prefix+"*").Val() {
		var value any
		switch kind := rdb.Type(ctx, key).Val(); kind {
		case "list":
			value = rdb.LRange(ctx, key, 0, -1).Val()
		case "zset":
			value = rdb.ZRangeWithScores(ctx, key, 0, -1).Val()
		case "hash":
			value = rdb.HGetAll(ctx, key).Val()
		case "string":
			value = rdb.Get(ctx, key).Val()
		default:
			t.Fatalf("%s is a %s", key, kind)
		}
		all[strings.TrimPrefix(key, prefix)] = fmt.Sprint(value)
	}
	return all
}

// lives are the times that keys have left, at one moment.
func lives(t *testing.T, rdb *redis.Client, keys ...string) []int64 {
	t.Helper()
	left, err := rdb.Eval(t.Context(), "local all = {} for i, key in ipairs(KEYS) do all[i] = redis.call('TTL', key) end return all", keys).Int64Slice()
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// Whatever meets whatever, each task ends or fails as by asynq's own scripts, and is
// told the same.
func TestTasksThatEndTogetherEndAsOneByOne(t *testing.T) {
	rdb := redistest.Start(t).Client(t)
	asynqsOwn(t, rdb)
	inDays := time.Now().Add(90 * 24 * time.Hour).Unix()
	kinds := []string{"as it should", "as it should", "as it should", "unique", "unique, and another has its lock", "nobody works on it",
		"its lease is gone", "it has ended before", "no task", "it comes twice"}
	for seed := range uint64(20) {
		if err := rdb.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(seed, 1))
		endings := map[string][]ending{}
		for i := range 2 + random.IntN(70) {
			kind := kinds[random.IntN(len(kinds))]
			for _, queue := range []string{"one", "all"} {
				e := ending{queue: queue, id: strconv.Itoa(i) + " " + kind, day: "2026-01-01", dayEnds: inDays}
				e.begin(t, rdb)
				if strings.HasPrefix(kind, "unique") {
					e.unique = strconv.Itoa(i)
					rdb.Set(t.Context(), e.key("unique:"+e.unique), e.id, 0)
				}
				switch kind {
				case "unique, and another has its lock":
					rdb.Set(t.Context(), e.key("unique:"+e.unique), "another", 0)
				case "nobody works on it":
					rdb.LRem(t.Context(), e.key("active"), 0, e.id)
				case "its lease is gone":
					rdb.ZRem(t.Context(), e.key("lease"), e.id)
				case "it has ended before":
					rdb.ZAdd(t.Context(), e.key("completed"), redis.Z{Score: 3, Member: e.id})
				case "no task":
					rdb.Set(t.Context(), e.key("t:"+e.id), "something else", 0)
				}
				endings[queue] = append(endings[queue], e)
				if kind == "it comes twice" {
					endings[queue] = append(endings[queue], e)
				}
			}
		}
		ones, alls := endings["one"], endings["all"]
		told := together(t, rdb, alls)
		for i, e := range ones {
			err := e.end(t.Context(), rdb)
			if err == nil {
				rdb.HSet(t.Context(), e.key("t:"+e.id), "result", e.result())
			}
			// Redis says of an error that ended a script where that was.
			if (err == nil) != (told[i] == nil) || err != nil && !strings.Contains(err.Error(), told[i].Error()) {
				t.Errorf("seed %d: task %s is told %v, by asynq %v", seed, e.id, told[i], err)
			}
		}
		one, all := holds(t, rdb, "one"), holds(t, rdb, "all")
		for key := range all {
			if all[key] != one[key] {
				t.Errorf("seed %d: %s is left as\n%s, by asynq as\n%s", seed, key, all[key], one[key])
			}
		}
		if len(one) != len(all) {
			t.Errorf("seed %d: %d keys are left, asynq leaves %d", seed, len(all), len(one))
		}
		if left := lives(t, rdb, ones[0].key("processed:2026-01-01"), alls[0].key("processed:2026-01-01")); left[0] != left[1] {
			t.Errorf("seed %d: the day's count lives for %d s, asynq's for %d s", seed, left[1], left[0])
		}
	}
}

// two are two tasks of a queue at work.
func two(t *testing.T, rdb redis.Cmdable, queue string) []ending {
	t.Helper()
	var endings []ending
	for _, id := range []string{"x", "y"} {
		e := ending{queue: queue, id: id, day: "2026-01-01", dayEnds: time.Now().Add(time.Hour).Unix()}
		e.begin(t, rdb)
		endings = append(endings, e)
	}
	return endings
}

func TestTheCountsOfTasksThatEndTogether(t *testing.T) {
	rdb := redistest.Start(t).Client(t)
	for name, one := range map[string]struct{ before, after string }{
		"the first ones":     {"", "2"},
		"further ones":       {"7", "9"},
		"up to the greatest": {"9223372036854775805", "9223372036854775807"},
		"beyond it":          {"9223372036854775806", "1"},
		"far beyond it":      {"9223372036854775807", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			rdb.FlushDB(t.Context())
			endings := append([]ending{{queue: "q", id: "gone", day: "2026-01-01", dayEnds: time.Now().Add(3 * time.Hour).Unix()}}, two(t, rdb, "q")...)
			endings[2].dayEnds += 3600 // only the first that ends says when its day is forgotten
			if one.before != "" {
				rdb.Set(t.Context(), "asynq:{q}:processed", one.before, 0)
			}
			if told := together(t, rdb, endings); told[0] == nil || told[1] != nil || told[2] != nil {
				t.Fatal(told)
			}
			if total := rdb.Get(t.Context(), "asynq:{q}:processed").Val(); total != one.after {
				t.Errorf("in all %s, want %s", total, one.after)
			}
			if today := rdb.Get(t.Context(), "asynq:{q}:processed:2026-01-01").Val(); today != "2" {
				t.Errorf("today %s, want 2", today)
			}
			if left := lives(t, rdb, "asynq:{q}:processed:2026-01-01")[0]; left <= 0 || left > 3600 {
				t.Errorf("the day's count lives for %d s, want as the first one says, up to 3600", left)
			}
		})
	}
	t.Run("what ends alone", func(t *testing.T) {
		rdb.FlushDB(t.Context())
		rdb.Set(t.Context(), "asynq:{q}:processed", "9223372036854775807", 0)
		if told := together(t, rdb, two(t, rdb, "q")[:1]); told[0] != nil {
			t.Fatal(told)
		}
		if total := rdb.Get(t.Context(), "asynq:{q}:processed").Val(); total != "1" {
			t.Errorf("in all %s, want 1", total)
		}
	})
}

// A Redis that is new, or another one after a failover, has no scripts.
func TestTasksEndTogetherWhereTheScriptIsNotKnown(t *testing.T) {
	rdb := redistest.Start(t).Client(t)
	for _, queue := range []string{"a", "b"} {
		if err := rdb.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if told := together(t, rdb, two(t, rdb, queue)); errors.Join(told...) != nil {
			t.Error(told)
		}
	}
}

func TestWhatIsWrongForAllIsToldToAll(t *testing.T) {
	for what, breaks := range map[string]func(*redis.Client){
		"WRONGTYPE": func(rdb *redis.Client) {
			rdb.Del(t.Context(), "asynq:{q}:active")
			rdb.Set(t.Context(), "asynq:{q}:active", "no list", 0)
		},
		"READONLY": func(rdb *redis.Client) { rdb.Do(t.Context(), "replicaof", "127.0.0.1", "1") },
		"closed":   func(rdb *redis.Client) { _ = rdb.Close() },
	} {
		t.Run(what, func(t *testing.T) {
			rdb := redistest.Start(t).Client(t)
			scripts := scriptsOf(t, rdb, two(t, rdb, "q"))
			breaks(rdb)
			wake.Exec(t.Context(), rdb, scripts[0], scripts[1])
			for _, s := range scripts {
				if err := s.Err(); err == nil || !strings.Contains(err.Error(), what) {
					t.Errorf("told %v, want %s", err, what)
				}
			}
		})
	}
}

// Only what asynq asks of the same queue and day meets, and never too much of it.
func TestWhichTasksEndTogether(t *testing.T) {
	rdb := redistest.Start(t).Client(t)
	var endings []ending
	add := func(n int, e ending) {
		for range n {
			e.id = strconv.Itoa(len(endings))
			e.dayEnds = time.Now().Add(time.Hour).Unix()
			e.begin(t, rdb)
			endings = append(endings, e)
		}
	}
	add(1, ending{queue: "alone", day: "2026-01-01"})
	add(2, ending{queue: "q", day: "2026-01-01", unique: "u"})
	add(2, ending{queue: "q", day: "2026-01-02"})
	add(70, ending{queue: "q", day: "2026-01-01"})
	add(3, ending{queue: "r", day: "2026-01-01"})
	scripts := scriptsOf(t, rdb, endings)
	var cmds []redis.Cmder
	for _, s := range scripts {
		cmds = append(cmds, s)
	}
	cmds = append(cmds, redis.NewStatusCmd(t.Context(), "ping"))
	seen := &calls{}
	rdb.AddHook(seen)
	wake.Exec(t.Context(), rdb, cmds...)
	var sent []string
	for _, cmd := range seen.take() {
		if cmd.Name() != "evalsha" {
			continue
		}
		keys := keysOf(cmd)
		if cmd.Args()[1] == wake.CompleteScript.Hash() {
			sent = append(sent, keys[0]+" alone")
		} else {
			sent = append(sent, fmt.Sprintf("%s with %d tasks", keys[0], len(keys)-5))
		}
	}
	slices.Sort(sent)
	want := []string{"asynq:{alone}:active alone", "asynq:{q}:active alone", "asynq:{q}:active alone", "asynq:{q}:active with 2 tasks",
		"asynq:{q}:active with 32 tasks", "asynq:{q}:active with 32 tasks", "asynq:{q}:active with 6 tasks", "asynq:{r}:active with 3 tasks"}
	if !slices.Equal(sent, want) {
		t.Errorf("sent\n%q, want\n%q", sent, want)
	}
	if pong, err := cmds[len(cmds)-1].(*redis.StatusCmd).Result(); pong != "PONG" || err != nil {
		t.Errorf("what else came along is told %q, %v", pong, err)
	}
}

// Whoever gives up takes nobody along: before it is sent its task stays as it is, and
// afterwards it hears what became of it.
func TestACallerThatGivesUpLeavesTheOthersTheirAnswers(t *testing.T) {
	for name, sent := range map[string]bool{"before it is sent": false, "afterwards": true} {
		t.Run(name, func(t *testing.T) {
			onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
				client := redis.NewClient(rdb.Options())
				defer client.Close()
				let := make(chan struct{})
				redisconn.Together(client, func(ctx context.Context, node redis.UniversalClient, cmds ...redis.Cmder) {
					<-let
					wake.Exec(ctx, node, cmds...)
				})
				c := wake.New(client, wake.Options{}).Client(nil, "q")
				ctx, giveUp := context.WithCancel(t.Context())
				told := make([]error, 5)
				var all sync.WaitGroup
				for i := range told {
					e := ending{queue: "q", id: strconv.Itoa(i), day: "2026-01-01", dayEnds: time.Now().Add(time.Hour).Unix()}
					if i != 3 {
						e.begin(t, rdb)
					}
					own := t.Context()
					if i == 2 {
						own = ctx
					}
					all.Go(func() {
						c.HSet(own, e.key("t:"+e.id), "result", e.result())
						told[i] = e.end(own, c)
					})
					if i == 0 {
						synctest.Wait() // it is on its way alone; the others come together
					}
				}
				synctest.Wait()
				if sent {
					for range 2 { // the script is unknown at first, and is sent again with its text beside the others
						let <- struct{}{}
						synctest.Wait()
						if c.HLen(t.Context(), "asynq:{q}:t:0").Val() == 3 {
							break
						}
					}
				}
				giveUp()
				synctest.Wait()
				close(let)
				all.Wait()
				for i, err := range told {
					ended := rdb.HGet(t.Context(), "asynq:{q}:t:"+strconv.Itoa(i), "state").Val() == "completed"
					switch {
					case i == 3:
						if !redis.HasErrorPrefix(err, "NOT FOUND") || ended {
							t.Errorf("the unknown task is told %v", err)
						}
					case i == 2 && !sent:
						if !errors.Is(err, context.Canceled) || ended {
							t.Errorf("whoever gave up is told %v, ended %t", err, ended)
						}
					case err != nil || !ended:
						t.Errorf("task %d is told %v, ended %t", i, err, ended)
					}
				}
			})
		})
	}
}

func TestInAClusterTasksEndTogetherOnTheirServers(t *testing.T) {
	cluster := redistest.StartCluster(t, 3)
	addrs := make([]string, len(cluster.Servers))
	for i, s := range cluster.Servers {
		addrs[i] = s.Addr
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	defer rdb.Close()
	redisconn.Together(rdb, wake.Exec)
	c := wake.New(rdb, wake.Options{}).Client(nil, "q")
	var all sync.WaitGroup
	for _, queue := range []string{"a", "b", "c", "d", "e"} { // on several servers
		for i := range 40 {
			e := ending{queue: queue, id: strconv.Itoa(i), day: "2026-01-01", dayEnds: time.Now().Add(time.Hour).Unix()}
			all.Go(func() {
				e.begin(t, rdb)
				c.HSet(t.Context(), e.key("t:"+e.id), "result", e.result())
				if err := e.end(t.Context(), c); err != nil {
					t.Errorf("%s of %s: %v", e.id, e.queue, err)
				}
			})
		}
	}
	all.Wait()
	for _, queue := range []string{"a", "b", "c", "d", "e"} {
		if n := rdb.Get(t.Context(), "asynq:{"+queue+"}:processed").Val(); n != "40" || rdb.ZCard(t.Context(), "asynq:{"+queue+"}:completed").Val() != 40 {
			t.Errorf("%s tasks of %s have ended, want 40", n, queue)
		}
	}
}
