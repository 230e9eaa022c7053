package main

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func TestTripsCountWhatWaitsForAnAnswerOnce(t *testing.T) {
	server := miniredis.RunT(t)
	counted := countTrips()
	defer counted.stop()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	script := redis.NewScript(`return 1`)
	if err := script.Load(quietly(t.Context()), client).Err(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		do   func() error
		want int64
	}{
		{"a command is one", func() error { return client.Set(t.Context(), "refunds:x", 1, 0).Err() }, 1},
		{"a pipeline of three is one", func() error {
			_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				p.Get(t.Context(), "refunds:x")
				p.Get(t.Context(), "refunds:x")
				return p.Get(t.Context(), "refunds:x").Err()
			})
			return err
		}, 1},
		{"a script is one", func() error { return script.Run(t.Context(), client, []string{"asynq:{p}:pending"}).Err() }, 1},
		{"the benchmark's own are not counted", func() error { return client.Ping(quietly(t.Context())).Err() }, 0},
		{"a new connection costs none of its own", func() error {
			fresh := redis.NewClient(&redis.Options{Addr: server.Addr()})
			defer fresh.Close()
			return fresh.Set(t.Context(), "refunds:x", 1, 0).Err()
		}, 1},
	} {
		before := counted.now()
		if err := tc.do(); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if got := counted.now() - before; got != tc.want {
			t.Errorf("%s: counted %d, want %d", tc.name, got, tc.want)
		}
	}
}
