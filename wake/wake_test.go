package wake_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"refundworker/wake"
)

// run starts a server over q and q-bulk, as often as there are shares, and
// returns what stops all.
func run(t *testing.T, bell *wake.Bell, queue string, shares int, handler asynq.HandlerFunc) (stop func()) {
	t.Helper()
	return runIn(t, bell, nil, queue, shares, handler)
}

// runIn is run with room for so many tasks.
func runIn(t *testing.T, bell *wake.Bell, room wake.Room, queue string, shares int, handler asynq.HandlerFunc) (stop func()) {
	t.Helper()
	client := bell.Client(room, queue, queue+"-bulk")
	var servers []*asynq.Server
	for range shares {
		s := asynq.NewServerFromRedisClient(client, asynq.Config{Concurrency: 4, Queues: map[string]int{queue: 2, queue + "-bulk": 1}, StrictPriority: true,
			TaskCheckInterval: 2 * time.Millisecond, DelayedTaskCheckInterval: 20 * time.Millisecond, LogLevel: asynq.FatalLevel, JanitorInterval: 30 * time.Second,
			RetryDelayFunc: func(_ int, err error, _ *asynq.Task) time.Duration {
				d, _ := time.ParseDuration(err.Error())
				return d
			},
			IsFailure: func(error) bool { return false }})
		if err := s.Start(handler); err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
	}
	return func() {
		bell.Stop()
		for _, s := range servers {
			s.Shutdown()
		}
	}
}

// listen runs a Bell until the test ends.
func listen(t *testing.T, rdb redis.UniversalClient) *wake.Bell {
	bell := wake.New(rdb, wake.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); bell.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return bell
}

// starts is a handler that says when each task began.
func starts() (asynq.HandlerFunc, chan time.Time) {
	began := make(chan time.Time, 100)
	return func(context.Context, *asynq.Task) error { began <- time.Now(); return nil }, began
}

func enqueue(t *testing.T, client *asynq.Client, queue string, o ...asynq.Option) {
	t.Helper()
	if _, err := client.Enqueue(asynq.NewTask("t", nil), append(o, asynq.Queue(queue), asynq.MaxRetry(1000))...); err != nil {
		t.Fatal(err)
	}
}

// The clock stands still while anything runs, so this is what the design costs
// and not the machine.
func TestATaskStartsAtOnceHoweverItComes(t *testing.T) {
	const soon, look = 5 * time.Millisecond, 105 * time.Millisecond
	for name, one := range map[string]struct {
		put   func(t *testing.T, rdb *redis.Client)
		wait  time.Duration // that it was put for
		after time.Duration // that at the latest
	}{
		"announced": {func(t *testing.T, rdb *redis.Client) {
			enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q")
		}, 0, soon},
		"announced in bulk": {func(t *testing.T, rdb *redis.Client) {
			enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q-bulk")
		}, 0, soon},
		"put by somebody who only knows asynq": {func(t *testing.T, rdb *redis.Client) {
			enqueue(t, asynq.NewClientFromRedisClient(rdb), "q")
		}, 0, look},
		"put for later, and announced": {func(t *testing.T, rdb *redis.Client) {
			enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q", asynq.ProcessIn(3*time.Second))
		}, 3 * time.Second, 30 * time.Millisecond},
		"put for later by somebody who only knows asynq": {func(t *testing.T, rdb *redis.Client) {
			enqueue(t, asynq.NewClientFromRedisClient(rdb), "q", asynq.ProcessIn(20*time.Second))
		}, 20 * time.Second, 30 * time.Millisecond},
		"put for now by somebody who only knows asynq, as if it were for later": {func(t *testing.T, rdb *redis.Client) {
			rdb.HSet(t.Context(), "asynq:{q}:t:x", "msg", message(t, rdb), "state", "scheduled")
			rdb.ZAdd(t.Context(), "asynq:{q}:scheduled", redis.Z{Score: 1, Member: "x"})
		}, 0, 2700 * time.Millisecond},
		"run from asynqmon": {func(t *testing.T, rdb *redis.Client) {
			enqueue(t, asynq.NewClientFromRedisClient(rdb), "q", asynq.ProcessIn(time.Hour), asynq.TaskID("x"))
			if err := asynq.NewInspectorFromRedisClient(rdb).RunTask("q", "x"); err != nil {
				t.Fatal(err)
			}
		}, 0, look},
	} {
		for _, shares := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, %d servers", name, shares), func(t *testing.T) {
				onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
					handler, began := starts()
					defer run(t, listen(t, rdb), "q", shares, handler)()
					for range 5 { // at any moment of the rests and looks
						time.Sleep(3*time.Second + 333*time.Millisecond)
						put := time.Now()
						one.put(t, rdb)
						due := put
						if one.wait > 0 {
							due = put.Add(one.wait).Truncate(time.Second) // asynq's times are whole seconds
						}
						if late := (<-began).Sub(due); late < 0 || late > one.after {
							t.Errorf("the task started %s after its time, want at most %s", late, one.after)
						}
					}
				})
			})
		}
	}
}

// message is a task's message as asynq writes it.
func message(t *testing.T, rdb *redis.Client) string {
	t.Helper()
	enqueue(t, asynq.NewClientFromRedisClient(rdb), "model", asynq.TaskID("x"))
	defer rdb.Del(t.Context(), "asynq:{model}:t:x", "asynq:{model}:pending")
	return rdb.HGet(t.Context(), "asynq:{model}:t:x", "msg").Val()
}

func TestARetryOfOurOwnStartsWhenItIsDue(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		began := make(chan time.Time, 100)
		var tries atomic.Int64
		defer run(t, listen(t, rdb), "q", 4, func(context.Context, *asynq.Task) error {
			began <- time.Now()
			if n := tries.Add(1); n < 6 {
				return errors.New(strconv.Itoa(int(n)) + "700ms") // 1.7 s, 2.7 s, …
			}
			return nil
		})()
		time.Sleep(time.Second)
		enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q")
		last := <-began
		for try := range 5 {
			next := <-began
			wait := time.Duration(try+1)*time.Second + 700*time.Millisecond
			// asynq's times are whole seconds, and it counts from when it heard of
			// the failure, which may be in the next one.
			due := last.Add(wait).Truncate(time.Second)
			heard := last.Add(10 * time.Millisecond).Add(wait).Truncate(time.Second)
			if next.Before(due) || next.Sub(heard) > 30*time.Millisecond {
				t.Errorf("the retry started %s after its time", next.Sub(due))
			}
			last = next
		}
	})
}

// A task that is put on the queue after Redis has found it empty, and before the
// server hears of that, is not left to the next poll.
func TestNoAnnouncementIsMissedBetweenALookAndItsAnswer(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		producer := asynq.NewClientFromRedisClient(wake.Announcing(rdb))
		put := make(chan time.Time, 1)
		between := &behindEmptyLooks{do: func() {
			put <- time.Now()
			enqueue(t, producer, "q")
			time.Sleep(time.Millisecond) // it is heard of before the answer
		}}
		queues := redis.NewClient(rdb.Options())
		t.Cleanup(func() { _ = queues.Close() })
		queues.AddHook(between)
		handler, began := starts()
		defer run(t, listen(t, queues), "q", 1, handler)()
		time.Sleep(time.Second)
		for range 20 {
			between.armed.Store(true)
			enqueue(t, producer, "q") // the look after this one finds nothing
			<-began
			if late := (<-began).Sub(<-put); late > 5*time.Millisecond {
				t.Errorf("the task started after %s", late)
			}
		}
	})
}

// behindEmptyLooks does something, when armed, after Redis has found a queue
// empty and before anybody hears of that.
type behindEmptyLooks struct {
	calls
	armed atomic.Bool
	do    func()
}

func (b *behindEmptyLooks) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if errors.Is(err, redis.Nil) && slices.Contains(keysOf(cmd), "asynq:{q}:lease") && b.armed.CompareAndSwap(true, false) {
			b.do()
		}
		return err
	}
}

// The other kinds of trouble, each of which may cost time and nothing else.
func TestTroubleCostsOnlyTime(t *testing.T) {
	const minute = time.Minute
	t.Run("a queue that is paused in asynqmon is looked at ten times a second, and goes on when it is not", func(t *testing.T) {
		onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
			seen := &calls{}
			rdb.AddHook(seen)
			handler, began := starts()
			defer run(t, listen(t, rdb), "q", 4, handler)()
			inspector := asynq.NewInspectorFromRedisClient(rdb)
			enqueue(t, asynq.NewClientFromRedisClient(rdb), "q")
			<-began
			if err := inspector.PauseQueue("q"); err != nil {
				t.Fatal(err)
			}
			enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q")
			time.Sleep(time.Second)
			seen.take()
			time.Sleep(minute)
			if n := dequeues(seen.take()); n < 300 || n > 700 {
				t.Errorf("%d looks a minute, want about 600", n)
			}
			if len(began) > 0 {
				t.Error("a task of a paused queue started")
			}
			if err := inspector.UnpauseQueue("q"); err != nil {
				t.Fatal(err)
			}
			on := time.Now()
			if late := (<-began).Sub(on); late > 105*time.Millisecond {
				t.Errorf("the task started %s after the queue went on", late)
			}
		})
	})
	t.Run("without a subscription tasks are found by looking", func(t *testing.T) {
		onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
			handler, began := starts()
			defer run(t, listen(t, deaf{rdb}), "q", 1, handler)()
			for range 5 {
				time.Sleep(777 * time.Millisecond)
				put := time.Now()
				enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q")
				if late := (<-began).Sub(put); late > 105*time.Millisecond {
					t.Errorf("the task started after %s", late)
				}
			}
		})
	})
	t.Run("a Redis that refuses is not hammered, and work goes on when it answers", func(t *testing.T) {
		onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
			seen := &calls{}
			rdb.AddHook(seen)
			handler, began := starts()
			defer run(t, listen(t, rdb), "q", 1, handler)()
			time.Sleep(time.Second)
			m.SetError("ERR out of order")
			time.Sleep(10 * time.Second)
			seen.take()
			time.Sleep(minute)
			if n := len(seen.take()); n > 3000 {
				t.Errorf("%d commands a minute while Redis refuses all", n)
			}
			m.SetError("")
			put := time.Now()
			enqueue(t, asynq.NewClientFromRedisClient(rdb), "q")
			if late := (<-began).Sub(put); late > 250*time.Millisecond {
				t.Errorf("the task started %s after Redis was back", late)
			}
		})
	})
}

// deaf is a client whose subscriptions are closed at once.
type deaf struct{ redis.UniversalClient }

func (d deaf) Subscribe(ctx context.Context, _ ...string) *redis.PubSub {
	sub := d.UniversalClient.Subscribe(ctx)
	_ = sub.Close()
	return sub
}

func dequeues(cmds []redis.Cmder) int {
	n := 0
	for _, cmd := range cmds {
		if cmd.Name() == "evalsha" && cmd.Args()[1] == wake.DequeueSHA {
			n++
		}
	}
	return n
}

func TestStoppingTakesNoTimeAndTakesNoTask(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		handler, began := starts()
		bell := listen(t, rdb)
		stop := run(t, bell, "q", 4, handler)
		time.Sleep(5 * time.Second)
		bell.Stop()
		enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q")
		time.Sleep(time.Second)
		stopping := time.Now()
		stop()
		if took := time.Since(stopping); took > 50*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if len(began) > 0 {
			t.Error("a task was started after the stop")
		}
	})
}

// places are room for tasks of which each stays until it is let go.
type places struct {
	mu             sync.Mutex
	free, expected int
	found, gone    []string
	freed          chan struct{}
}

func (p *places) Free() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.free > 0
}

func (p *places) Expect() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == 0 {
		return false
	}
	p.free--
	p.expected++
	return true
}

func (p *places) Miss() { p.letGo(); p.came("") }

func (p *places) Found(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = append(p.found, id)
}

func (p *places) Gone(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = append(p.gone, id)
}

// came is the end of a look, or the beginning of the handler of the task that it found.
func (p *places) came(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected--
	p.found = slices.DeleteFunc(p.found, func(found string) bool { return found == id })
}

func (p *places) letGo() {
	p.mu.Lock()
	p.free++
	p.mu.Unlock()
	select {
	case p.freed <- struct{}{}:
	default:
	}
}

func (p *places) Freed() <-chan struct{} { return p.freed }

func TestNoTaskIsTakenWithoutRoomForItAndEachAtOnceWithIt(t *testing.T) {
	for _, shares := range []int{1, 4} {
		onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
			seen := &calls{}
			rdb.AddHook(seen)
			room := &places{free: 3, freed: make(chan struct{}, 1)}
			handler, began := starts()
			defer runIn(t, listen(t, rdb), room, "q", shares, func(ctx context.Context, task *asynq.Task) error {
				id, _ := asynq.GetTaskID(ctx)
				room.came(id)
				return handler(ctx, task)
			})()
			time.Sleep(time.Second)
			for range 10 {
				enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), "q")
			}
			time.Sleep(time.Second)
			if len(began) != 3 {
				t.Fatalf("%d tasks began, want 3", len(began))
			}
			seen.take()
			time.Sleep(time.Minute)
			if n := dequeues(seen.take()); n > 0 {
				t.Errorf("%d looks a minute without room for a task", n)
			}
			for n := 4; n <= 10; n++ {
				room.letGo()
				time.Sleep(10 * time.Millisecond)
				if len(began) != n {
					t.Fatalf("%d tasks began, want %d", len(began), n)
				}
			}
			room.letGo() // then there is none left
			room.letGo()
			time.Sleep(time.Second)
			if room.mu.Lock(); room.free != 2 || room.expected != 0 || len(room.found) != 0 {
				t.Errorf("room for %d, %d expected and %q never came, want 2 and none", room.free, room.expected, room.found)
			}
			room.mu.Unlock()
		})
	}
}

// asynq ends some tasks and asks nobody.
func TestATaskThatEndsWithoutItsHandlerIsGone(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		room := &places{free: 9, freed: make(chan struct{}, 1)}
		handler, began := starts()
		defer runIn(t, listen(t, rdb), room, "q", 1, handler)()
		if _, err := asynq.NewClientFromRedisClient(rdb).Enqueue(asynq.NewTask("t", nil), asynq.Queue("q"), asynq.TaskID("late"), asynq.MaxRetry(0),
			asynq.Deadline(time.Now().Add(-time.Hour))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		room.mu.Lock()
		defer room.mu.Unlock()
		if len(began) > 0 || !slices.Equal(room.found, []string{"late"}) || !slices.Contains(room.gone, "late") {
			t.Errorf("%d began, found %q, gone %q", len(began), room.found, room.gone)
		}
	})
}

// picky has no room every third time that it is asked whether one may be looked for,
// the first time among them.
type picky struct {
	places
	asked int
}

func (p *picky) Free() bool { return true }

func (p *picky) Expect() bool {
	p.asked++
	return p.asked%3 != 1
}

func TestBulkDoesNotGoBeforeARefundForWhichThereWasNoRoomAMomentAgo(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		began := make(chan string, 100)
		for i := range 5 {
			enqueue(t, asynq.NewClientFromRedisClient(rdb), "q-bulk", asynq.TaskID("bulk-"+strconv.Itoa(i)))
			enqueue(t, asynq.NewClientFromRedisClient(rdb), "q", asynq.TaskID("one-"+strconv.Itoa(i)))
		}
		room := &picky{places: places{free: 1000, freed: make(chan struct{}, 1)}}
		defer runIn(t, listen(t, rdb), room, "q", 1, func(ctx context.Context, task *asynq.Task) error {
			id, _ := asynq.GetTaskID(ctx)
			began <- id
			return nil
		})()
		for i := range 10 {
			select {
			case id := <-began:
				if strings.HasPrefix(id, "bulk") != (i >= 5) {
					t.Errorf("%s was number %d", id, i)
				}
			case <-time.After(time.Minute):
				t.Fatalf("only %d tasks began", i)
			}
		}
	})
}

func TestATaskIsCancelledWhereverItRuns(t *testing.T) {
	onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
		cancelled := make(chan string, 1)
		bell := wake.New(rdb, wake.Options{Cancel: func(id string) { cancelled <- id }})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); bell.Run(ctx) }()
		time.Sleep(time.Second)
		if err := asynq.NewInspectorFromRedisClient(rdb).CancelProcessing("x"); err != nil {
			t.Fatal(err)
		}
		if id := <-cancelled; id != "x" {
			t.Errorf("%q was cancelled", id)
		}
		cancel()
		<-ended
	})
}

// What an idle worker costs, by the minute. The heartbeats are asynq's own: three
// commands for each server every five seconds.
func TestIdleServersAskLittleHoweverManyThereAre(t *testing.T) {
	for _, one := range []struct {
		accounts, shares int
		ours, asynqs     int // commands, at most
	}{
		{accounts: 1, shares: 1, ours: 660, asynqs: 60},
		{accounts: 1, shares: 4, ours: 660, asynqs: 200},
		{accounts: 200, shares: 1, ours: 660, asynqs: 9500},
	} {
		t.Run(fmt.Sprintf("%d accounts, %d servers each", one.accounts, one.shares), func(t *testing.T) {
			onPipes(t, func(t *testing.T, m *miniredis.Miniredis, rdb *redis.Client) {
				before := runtime.NumGoroutine()
				seen := &calls{}
				rdb.AddHook(seen)
				bell := listen(t, rdb)
				handler, _ := starts()
				for i := range one.accounts {
					defer run(t, bell, "q"+strconv.Itoa(i), one.shares, handler)()
				}
				time.Sleep(12 * time.Second) // between two heartbeats
				seen.take()
				time.Sleep(time.Minute)
				ours, asynqs := 0, 0
				for _, cmd := range seen.take() {
					switch {
					case cmd.Name() == "exists" || cmd.Name() == "zrange" || cmd.Name() == "evalsha" && slices.Contains(waiting, cmd.Args()[1].(string)):
						ours++
					default:
						asynqs++
					}
				}
				// Seven for each server; the others are the Bell's, and those of the
				// connections, whose other ends are here too.
				goroutines, most := runtime.NumGoroutine()-before, 7*one.accounts*one.shares+60
				t.Logf("%d commands of waiting, %d of asynq's own, %d goroutines", ours, asynqs, goroutines)
				if ours > one.ours || asynqs > one.asynqs {
					t.Errorf("%d commands a minute of waiting and %d of asynq's own, want at most %d and %d", ours, asynqs, one.ours, one.asynqs)
				}
				if goroutines > most {
					t.Errorf("%d goroutines, want at most %d", goroutines, most)
				}
			})
		})
	}
}

// waiting are the scripts that asynq asks with whether there is something to do.
var waiting = []string{wake.DequeueSHA, wake.ForwardSHA}
