package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a redis-server that is killed and comes back on what it wrote.
// With appendfsync always nothing is lost that was acknowledged.
type redisServer struct {
	bin, dir, addr string
	client         *redis.Client // torture's own, past the proxy
	process        *child
	Restarts       int
	outages        []outage
}

// outage is when there was no Redis.
type outage struct{ from, to time.Time }

// away is how much of a time there was no Redis in.
func (r *redisServer) away(from, to time.Time) time.Duration {
	var sum time.Duration
	for _, o := range r.outages {
		began, ended := o.from, o.to
		if began.Before(from) {
			began = from
		}
		if ended.After(to) {
			ended = to
		}
		sum += max(ended.Sub(began), 0)
	}
	return sum
}

func startRedis(ctx context.Context, bin, dir string) (*redisServer, error) {
	path, err := exec.LookPath(cmp.Or(bin, os.Getenv("REDIS_SERVER"), "redis-server"))
	if err != nil {
		return nil, fmt.Errorf("redis-server is needed: %w", err)
	}
	r := &redisServer{bin: path, dir: filepath.Join(dir, "redis")}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return nil, err
	}
	// A port that was free a moment ago may be taken, so try another.
	for range 5 {
		if r.addr, err = freeAddress(); err != nil {
			return nil, err
		}
		if r.client != nil {
			_ = r.client.Close()
		}
		r.client = redis.NewClient(&redis.Options{Addr: r.addr, PoolSize: 32})
		if err = r.launch(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	return r, nil
}

func (r *redisServer) launch(ctx context.Context) error {
	_, port, _ := net.SplitHostPort(r.addr)
	var err error
	r.process, err = startChild(exec.Command(r.bin, "--port", port, "--bind", "127.0.0.1", "--dir", r.dir, "--save", "",
		"--daemonize", "no", "--maxmemory-policy", "noeviction", "--appendonly", "yes", "--appendfsync", "always"), nil)
	if err != nil {
		return err
	}
	for end := time.Now().Add(startTime); time.Now().Before(end); {
		info, err := r.client.Info(ctx, "server").Result()
		if err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r", r.process.pid())) {
			return nil
		}
		if r.process.gone() {
			return fmt.Errorf("it ended by itself: %s", r.process.said)
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("it did not answer in time")
}

// crash kills the server, leaves it dead for a while, and starts it again.
func (r *redisServer) crash(ctx context.Context, dead time.Duration) error {
	began := time.Now()
	r.process.kill()
	r.Restarts++
	if err := wait(ctx, dead); err != nil {
		return err
	}
	if err := r.launch(ctx); err != nil {
		return fmt.Errorf("restart redis-server: %w", err)
	}
	r.outages = append(r.outages, outage{began, time.Now()})
	return nil
}

func (r *redisServer) close() {
	r.process.kill()
	if r.client != nil {
		_ = r.client.Close()
	}
}

// Ports from below those that the system gives to outgoing connections (from
// 32768 on Linux): a worker or a Redis that comes back must find its own free.
const (
	firstPort = 20000
	lastPort  = 30000
)

func freeAddress() (addr string, err error) {
	for range 100 {
		addr = fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort))
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("no free port from %d to %d: %w", firstPort, lastPort, err)
}
