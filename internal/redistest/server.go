package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/providers"
)

// patience is how long anything here may take on a busy machine.
const patience = 20 * time.Second

// Server is a running redis-server.
type Server struct {
	Addr string // host:port
	URL  providers.Secret
	Dir  string

	args  []string
	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
	log   *logWatch
}

// Start runs redis-server with further arguments, such as "--appendonly",
// "yes", and returns when it answers. REDIS_SERVER=/path/to/redis-server makes
// all tests run another version than the one that is installed. Without the
// program the test is skipped, or fails where CI=true.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, func(port, dir string) []string {
		return append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no",
			"--repl-diskless-sync-delay", "0"}, args...)
	})
}

// StartSentinel runs a Sentinel with a configuration file, which it rewrites.
func StartSentinel(t testing.TB, file string) *Server {
	t.Helper()
	return start(t, func(port, dir string) []string {
		return []string{file, "--sentinel", "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--daemonize", "no"}
	})
}

func start(t testing.TB, args func(port, dir string) []string) *Server {
	t.Helper()
	bin := find(t)
	// A port that was free a moment ago may be taken, so try another.
	var failed string
	for range 5 {
		port := freePort(t)
		s := &Server{Addr: "127.0.0.1:" + port, URL: providers.NewSecret("redis://127.0.0.1:" + port + "/0"), Dir: t.TempDir()}
		s.args = args(port, s.Dir)
		if failed = s.launch(bin); failed == "" {
			t.Cleanup(s.Stop)
			return s
		}
	}
	t.Fatalf("redis-server did not start: %s", failed)
	return nil
}

// StartReplica runs a replica of s and returns when it has caught up.
func StartReplica(t testing.TB, s *Server, args ...string) *Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(s.Addr)
	r := Start(t, append([]string{"--replicaof", host, port}, args...)...)
	primary, replica := s.Client(t), r.Client(t)
	Eventually(t, "the replica has caught up", func() bool {
		ctx := context.Background()
		return strings.Contains(primary.Info(ctx, "replication").Val(), "port="+r.port()+",state=online") &&
			strings.Contains(replica.Info(ctx, "replication").Val(), "master_link_status:up")
	})
	return r
}

// Client returns a client that is closed with the test. It speaks RESP2, as the worker's.
func (s *Server) Client(t testing.TB) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Stop kills the server; a second call does nothing.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Freeze stops the process without closing its connections, as a suspended
// machine does, until Thaw.
func (s *Server) Freeze(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw(t testing.TB) { s.signal(t, syscall.SIGCONT) }

// Restart kills the server and runs it again at the same address, on what its
// folder holds.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	if failed := s.launch(find(t)); failed != "" {
		t.Fatalf("redis-server did not start again: %s", failed)
	}
}

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal %v to redis-server: %v", sig, err)
	}
}

func (s *Server) port() string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return port
}

// launch starts the process, and returns why it is not ready.
func (s *Server) launch(bin string) (failed string) {
	s.log, s.ended = &logWatch{ready: make(chan struct{})}, make(chan struct{})
	s.cmd = exec.Command(bin, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err.Error()
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(s.cmd, s.ended)
	select {
	case <-s.log.ready:
		return ""
	case <-s.ended:
		return s.log.String()
	case <-time.After(patience):
		s.Stop()
		return "not ready in time: " + s.log.String()
	}
}

func find(t testing.TB) string {
	t.Helper()
	if named := os.Getenv("REDIS_SERVER"); named != "" {
		bin, err := exec.LookPath(named)
		if err != nil {
			t.Fatalf("REDIS_SERVER: %v", err)
		}
		return bin
	}
	bin, err := exec.LookPath("redis-server")
	if err == nil {
		return bin
	}
	if _, err := os.Stat("/usr/bin/redis-server"); err == nil {
		return "/usr/bin/redis-server"
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("redis-server is not installed, and CI=true asks for every test; install it")
	}
	t.Skip("redis-server is not installed; install it to run this test")
	return ""
}

func freePort(t testing.TB) string {
	t.Helper()
	// A cluster's servers also listen on their port + 10000.
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port < 55000 {
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no free port below 55000")
	return ""
}

// Eventually waits until a condition holds, and fails the test when it does not
// in good time.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-ticker.C:
		}
	}
}

// Version returns the server's version, such as 7.0.15.
func (s *Server) Version(t testing.TB) string {
	t.Helper()
	info, err := s.Client(t).Info(context.Background(), "server").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(info, "redis_version:")
	version, _, _ := strings.Cut(rest, "\r")
	return version
}

// HasWaitAOF reports whether the server's version can confirm that a write is on
// its disk (WAITAOF is from 7.2 on, https://redis.io/commands/waitaof/).
func (s *Server) HasWaitAOF(t testing.TB) bool {
	t.Helper()
	var major, minor int
	if _, err := fmt.Sscanf(s.Version(t), "%d.%d", &major, &minor); err != nil {
		t.Fatalf("version %q: %v", s.Version(t), err)
	}
	return major > 7 || major == 7 && minor >= 2
}
