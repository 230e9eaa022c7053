package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// gauge is what the server says of itself at one moment.
type gauge struct {
	commands int64 // ever carried out, those inside of scripts too
	in, out  int64 // bytes ever received and sent
	memory   int64 // bytes used, without the buffers of clients and of the AOF
	cpu      cpu   // ever used
	clients  int64 // connected
}

// gauge reads them by one command.
func (s *store) gauge(ctx context.Context) (gauge, error) {
	info, err := s.info(quietly(ctx), "all")
	if err != nil {
		return gauge{}, err
	}
	var g gauge
	var clients, aof int64
	for name, to := range map[string]*int64{"total_net_input_bytes": &g.in, "total_net_output_bytes": &g.out,
		"used_memory": &g.memory, "connected_clients": &g.clients, "mem_clients_normal": &clients, "mem_aof_buffer": &aof} {
		if *to, err = strconv.ParseInt(info[name], 10, 64); err != nil {
			return g, fmt.Errorf("INFO gives no %s: %w", name, err)
		}
	}
	for name, to := range map[string]*time.Duration{"used_cpu_user": &g.cpu.User, "used_cpu_sys": &g.cpu.System} {
		if *to, err = seconds(info[name]); err != nil {
			return g, fmt.Errorf("INFO gives no %s: %w", name, err)
		}
	}
	g.memory -= clients + aof
	for name, value := range info {
		if !strings.HasPrefix(name, "cmdstat_") {
			continue
		}
		calls, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
		n, err := strconv.ParseInt(calls, 10, 64)
		if err != nil {
			return g, fmt.Errorf("INFO commandstats is unreadable: %w", err)
		}
		g.commands += n
	}
	return g, nil
}

// waiting is how many tasks a queue holds in asynq's states; look counts the
// commands that finding out took. asynq's Inspector tells it too, but samples
// the queue's memory each time.
type waiting struct{ pending, active, scheduled, retry int64 }

const commandsPerLook = 4

func (w waiting) none() bool { return w == waiting{} }

func (s *store) waiting(ctx context.Context, queue string) (waiting, error) {
	ctx = quietly(ctx)
	prefix := "asynq:{" + queue + "}:"
	pipe := s.client.Pipeline()
	pending, active := pipe.LLen(ctx, prefix+"pending"), pipe.LLen(ctx, prefix+"active")
	scheduled, retry := pipe.ZCard(ctx, prefix+"scheduled"), pipe.ZCard(ctx, prefix+"retry")
	if _, err := pipe.Exec(ctx); err != nil {
		return waiting{}, fmt.Errorf("look at the queue: %w", err)
	}
	return waiting{pending.Val(), active.Val(), scheduled.Val(), retry.Val()}, nil
}

// empty removes everything, so that each round begins alike.
func (s *store) empty(ctx context.Context) error {
	err := s.client.FlushDB(quietly(ctx)).Err()
	if err != nil {
		return errors.Join(errors.New("empty Redis"), err)
	}
	return nil
}
