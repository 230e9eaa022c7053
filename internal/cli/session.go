package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/redisconn"
	"refundworker/tasks"
)

// Bounds of reaching Redis.
const (
	connectTimeout = 5 * time.Second
	pingTimeout    = time.Second
)

// Setup finds a command line's configuration.
type Setup struct {
	path string
	env  func(string) (string, bool)
}

// NewSetup adds --config to all commands under root.
func NewSetup(root *cobra.Command, p Program) *Setup {
	s := &Setup{env: p.Env}
	root.PersistentFlags().StringVar(&s.path, "config", "", "configuration `FILE` (default $REFUND_CONFIG, else ./refunds.yaml)")
	return s
}

// Config reads the configuration, without the providers' secrets.
func (s *Setup) Config() (*config.Config, error) {
	return s.ConfigWith(config.Options{Drivers: all.Drivers})
}

// ConfigWith reads the configuration as the options say, but for the environment.
func (s *Setup) ConfigWith(o config.Options) (*config.Config, error) {
	inEnv, _ := s.env("REFUND_CONFIG")
	o.Env = s.env
	return config.Load(config.Find(cmp.Or(s.path, inEnv)), o)
}

// Open reads the configuration and connects to Redis.
func (s *Setup) Open(ctx context.Context) (*Session, error) {
	cfg, err := s.Config()
	if err != nil {
		return nil, err
	}
	return Connect(ctx, cfg)
}

// Session is an open connection with its configuration.
type Session struct {
	Config  *config.Config
	Backend *tasks.Backend
}

var silence sync.Once

// Connect connects to Redis and verifies it, within five seconds.
func Connect(ctx context.Context, cfg *config.Config) (*Session, error) {
	// go-redis logs each failed dial; the error says it once.
	silence.Do(func() { redis.SetLogger(nowhere{}) })
	bounded, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	backend, err := tasks.Open(bounded, cfg)
	if err == nil {
		return &Session{cfg, backend}, nil
	}
	if ctx.Err() == nil && !notReached(err) {
		err = probed(ctx, cfg, err)
	}
	return nil, explain(err)
}

// probed finds out whether an error whose kind says nothing is one of the
// network. The client of the failed connection is closed, so it opens another.
func probed(ctx context.Context, cfg *config.Config, err error) error {
	client, openErr := redisconn.Open(cfg.Redis)
	if openErr != nil {
		return err
	}
	defer client.Close()
	return reach(ctx, client, err)
}

// reach marks an error as one of the network where Redis does not answer now:
// asynq keeps only the text of what went wrong.
func reach(ctx context.Context, client redis.UniversalClient, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	pingErr := client.Ping(ctx).Err()
	var answer redis.Error
	if pingErr == nil || errors.As(pingErr, &answer) && !notReached(pingErr) {
		return err
	}
	return &Exit{Status: NoRedis, Err: err}
}

func explain(err error) error {
	if StatusOf(err) == NoRedis {
		return &Exit{Status: NoRedis, Err: fmt.Errorf("redis was not reached: %w", err)}
	}
	return err
}

// Explain completes an error of an operation on Redis, so that StatusOf tells
// whether Redis was reached.
func (s *Session) Explain(ctx context.Context, err error) error {
	if err == nil || StatusOf(err) != Failed || errors.Is(err, tasks.ErrNotPossible) || errors.Is(err, redisconn.ErrNotDurable) || ctx.Err() != nil {
		return explain(err)
	}
	var answer redis.Error
	if errors.As(err, &answer) {
		return err
	}
	return explain(reach(ctx, s.Backend.Redis, err))
}

// Close ends the connections.
func (s *Session) Close() { _ = s.Backend.Close() }

type nowhere struct{}

func (nowhere) Printf(context.Context, string, ...any) {}
