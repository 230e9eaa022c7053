package wake_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"refundworker/internal/redistest"
	"refundworker/wake"
)

// patience is how long anything may take on a busy machine. Nothing waits for
// it unless the test fails.
const patience = time.Minute

// probe begins a message that is about no queue.
const probe = "probe of "

func await(t *testing.T, began chan time.Time, what string) {
	t.Helper()
	select {
	case <-began:
	case <-time.After(patience):
		t.Fatalf("%s did not start", what)
	}
}

func TestInAClusterTasksAreAnnouncedAndFound(t *testing.T) {
	cluster := redistest.StartCluster(t, 3)
	addrs := make([]string, len(cluster.Servers))
	for i, s := range cluster.Servers {
		addrs[i] = s.Addr
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = rdb.Close() })
	sub := rdb.Subscribe(t.Context(), wake.Channel)
	defer sub.Close()
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The servers of a new cluster take a moment to tell each other everything.
	for _, s := range cluster.Servers {
		redistest.Eventually(t, s.Addr+" is heard", func() bool {
			if err := s.Client(t).Publish(t.Context(), wake.Channel, probe+s.Addr).Err(); err != nil {
				t.Fatal(err)
			}
			m, err := sub.ReceiveTimeout(t.Context(), 100*time.Millisecond)
			heard, ok := m.(*redis.Message)
			return err == nil && ok && heard.Payload == probe+s.Addr
		})
	}
	queues := []string{"a", "b", "c", "d", "e"} // on several servers
	for _, q := range queues {
		enqueue(t, asynq.NewClientFromRedisClient(wake.Announcing(rdb)), q)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		m, err := sub.ReceiveMessage(ctx)
		for err == nil && strings.HasPrefix(m.Payload, probe) { // one of those before
			m, err = sub.ReceiveMessage(ctx)
		}
		cancel()
		if err != nil || m.Payload != q {
			t.Fatalf("heard %v, %v, want %s", m, err, q)
		}
	}
	handler, began := starts()
	bell := listen(t, rdb)
	for _, q := range queues {
		defer run(t, bell, q, 1, handler)()
		await(t, began, "the announced task of "+q)
	}
	for _, q := range queues {
		enqueue(t, asynq.NewClientFromRedisClient(rdb), q+"-bulk")
		await(t, began, "the other task of "+q)
	}
}

// A user of whom nobody knew that he needs a channel loses time and no task.
func TestAUserWithoutTheChannelEnqueuesAndWorks(t *testing.T) {
	server := redistest.Start(t)
	if err := server.Client(t).ACLSetUser(t.Context(), "mute", "on", ">p", "~*", "+@all", "resetchannels").Err(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "mute", Password: "p"})
	t.Cleanup(func() { _ = rdb.Close() })
	core, logs := observer.New(zap.WarnLevel)
	bell := wake.New(rdb, wake.Options{Log: zap.New(core)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); bell.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	handler, began := starts()
	defer run(t, bell, "q", 1, handler)()
	client := asynq.NewClientFromRedisClient(wake.Announcing(rdb))
	for range 2 {
		enqueue(t, client, "q")
		await(t, began, "a task that nobody could be told of")
	}
	enqueue(t, client, "q", asynq.ProcessIn(time.Second))
	await(t, began, "a task for later that nobody could be told of")
	redistest.Eventually(t, "the log says what to allow", func() bool {
		return logs.FilterMessageSnippet(wake.Channel).Len() > 0 && strings.Contains(logs.All()[0].Message, "Allow")
	})
}

// Whoever is refused a connection knows nothing of what waits: what is due is not
// taken for nothing at all. See redisconn.Exec.
func TestALookWithoutAConnectionTellsOfNoEmptySet(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "changed")
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr, Password: "before"})
	t.Cleanup(func() { _ = rdb.Close() })
	bell := wake.New(rdb, wake.Options{})
	defer bell.Stop()
	client := bell.Client(nil, "q")
	for range 2 { // the second time it would be answered from memory
		moved, err := client.EvalSha(t.Context(), wake.ForwardSHA, []string{"asynq:{q}:retry", "asynq:{q}:pending"}, 0, "", "").Result()
		if !redis.HasErrorPrefix(err, "WRONGPASS") {
			t.Errorf("moved %v, %v", moved, err)
		}
	}
}
