package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/providers"
	"refundworker/redisconn"
)

// What --appendfsync takes; off is no append-only file at all.
const (
	fsyncOff    = "off"
	fsyncAlways = "always"
)

var fsyncs = []string{fsyncOff, "no", "everysec", fsyncAlways}

// store is the Redis that is measured.
type store struct {
	client     *redis.Client // the benchmark's own
	url        providers.Secret
	addr       string
	label      string            // what it keeps, for the table
	durability config.Durability // what the worker is told
	version    string
	process    *process // nil for a Redis of somebody else
	dir        string
	extra      []string // further arguments of redis-server
}

// openStore starts redis-server with that appendfsync, or connects to the URL.
func openStore(ctx context.Context, url, fsync string) (*store, error) {
	s := &store{url: providers.NewSecret(url)}
	if url == "" {
		if err := s.start(ctx, fsync); err != nil {
			return nil, err
		}
	} else if err := s.connect(); err != nil {
		return nil, err
	}
	err := s.inspect(quietly(ctx))
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *store) connect() error {
	client, err := redisconn.Open(s.url)
	if err != nil {
		return err
	}
	single, ok := client.(*redis.Client)
	if !ok {
		_ = client.Close()
		return errors.New("--redis must name a single Redis: INFO of one server of a cluster says nothing about the others")
	}
	s.client, s.addr = single, single.Options().Addr
	return nil
}

func (s *store) start(ctx context.Context, fsync string) error {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("redis-server is needed: install it, or name a Redis with --redis: %w", err)
	}
	if s.dir, err = os.MkdirTemp("", "refund-bench-"); err != nil {
		return err
	}
	// A port that was free a moment ago may be taken, so try another.
	for range 5 {
		if err = s.launch(ctx, bin, fsync); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		s.close()
		return fmt.Errorf("start redis-server: %w", err)
	}
	return nil
}

func (s *store) launch(ctx context.Context, bin, fsync string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(s.addr)
	args := []string{"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--daemonize", "no",
		"--loglevel", "warning", "--maxmemory-policy", "noeviction", "--auto-aof-rewrite-percentage", "0",
		"--hash-max-ziplist-value", "1024"} // as deploy/compose/redis.conf, by the name that all versions know
	if fsync != fsyncOff {
		args = append(args, "--appendonly", "yes", "--appendfsync", fsync)
	}
	args = append(args, s.extra...)
	if s.process, err = startProcess(exec.Command(bin, args...)); err != nil {
		return err
	}
	s.url = providers.NewSecret("redis://" + s.addr + "/0")
	if err := s.connect(); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		_ = s.client.Close()
		s.process.stop(func() { _ = s.process.cmd.Process.Kill() })
		s.client, s.process = nil, nil
		return err
	}
	return nil
}

// ready waits until the very process that was started answers.
func (s *store) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(quietly(ctx), startTime)
	defer cancel()
	for {
		info, err := s.info(ctx, "server")
		if err == nil && info["process_id"] == strconv.Itoa(s.process.cmd.Process.Pid) {
			return nil
		}
		if err == nil {
			return errors.New("another server has its port")
		}
		select {
		case <-s.process.ended:
			return fmt.Errorf("%w: %s", errEnded, s.process.said)
		default:
		}
		if wait(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("it did not answer in time: %w", err)
		}
	}
}

// inspect finds out what the server keeps, and that nothing lies in it.
func (s *store) inspect(ctx context.Context) error {
	keys, err := s.client.DBSize(ctx).Result()
	if err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	if keys > 0 {
		return fmt.Errorf("the database named by --redis holds %d keys, and bench empties it: name an empty one", keys)
	}
	info, err := s.info(ctx, "all")
	if err != nil {
		return err
	}
	s.version = info["redis_version"]
	s.label, s.durability = "no AOF", config.DurabilityNone
	if info["aof_enabled"] != "1" {
		return nil
	}
	fsync, err := s.client.ConfigGet(ctx, "appendfsync").Result()
	if err != nil {
		return fmt.Errorf("CONFIG GET appendfsync: %w", err)
	}
	s.label = "AOF, fsync " + fsync["appendfsync"]
	if fsync["appendfsync"] == fsyncAlways {
		s.durability = config.AOF
	}
	return nil
}

// watchable says that MONITOR may be used: it is our own, and not secret.
func (s *store) watchable() bool { return s.process != nil }

// close empties a Redis that was lent, and ends one that was started.
func (s *store) close() {
	if s.client != nil {
		if s.process == nil && s.label != "" {
			ctx, cancel := context.WithTimeout(quietly(context.Background()), endTime)
			_ = s.client.FlushDB(ctx).Err()
			cancel()
		}
		_ = s.client.Close()
	}
	if s.process != nil {
		s.process.stop(func() { _ = s.process.cmd.Process.Kill() })
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// info reads a section of INFO, or "all" of it: before Redis 7 it takes one word.
func (s *store) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := s.client.Info(ctx, section).Result()
	if err != nil {
		return nil, fmt.Errorf("INFO: %w", err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}
