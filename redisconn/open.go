package redisconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"refundworker/providers"
)

// How long a client waits, and for how many connections per server, unless the
// URL says otherwise. A script that waits for a disk or a replica holds its
// connection meanwhile, so there are more of them than CPUs would ask for.
const (
	dialTimeout     = 5 * time.Second
	readTimeout     = 5 * time.Second
	writeTimeout    = 5 * time.Second
	poolTimeout     = 6 * time.Second // a little more than a connection may be held for
	poolSize        = 64
	connMaxIdleTime = 5 * time.Minute
	maxCAFile       = 1 << 20 // bytes
)

// Open returns a client for the URL, one of
//
//	redis://[user:password@]host:port[/DB]
//	redis-sentinel://[user:password@]host:port,host:port/MASTER[/DB]
//	redis-cluster://[user:password@]host:port,host:port
//
// and rediss://, rediss-sentinel://, rediss-cluster:// over TLS 1.2 or newer.
// User and password are the servers'; Sentinels take sentinel_username and
// sentinel_password. Further options after the ? are dial_timeout,
// read_timeout, write_timeout, pool_timeout (with units), pool_size,
// min_idle_conns, client_name and ca (a PEM file of the authorities to trust
// instead of the system's). In a user, password or option what is special in a
// URL is written as %XX.
//
// It does not connect: see Check. The caller closes the client.
func Open(u providers.Secret) (redis.UniversalClient, error) { return connect(u, nil) }

// onConnect is called for every new connection before it is used.
type onConnect func(ctx context.Context, conn *redis.Conn) error

func connect(u providers.Secret, greet onConnect) (redis.UniversalClient, error) {
	t, err := parse(u)
	if err != nil {
		return nil, fmt.Errorf("the redis URL %w", err)
	}
	trust, err := t.tlsConfig()
	if err != nil {
		return nil, err
	}
	switch t.kind {
	case sentinel:
		return redis.NewFailoverClient(t.failover(trust, greet)), nil
	case cluster:
		return redis.NewClusterClient(t.cluster(trust, greet)), nil
	}
	return redis.NewClient(t.single(trust, greet)), nil
}

// noMaintenance turns off go-redis's handshake with Redis Enterprise, which
// open source servers answer with an error on every new connection.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// protocol is RESP2. Nothing of RESP3 is used, and over it go-redis looks for messages
// that nobody asked for before it reads each answer.
const protocol = 2

func (t target) single(trust *tls.Config, greet onConnect) *redis.Options {
	return &redis.Options{
		Addr:                     t.addrs[0],
		Protocol:                 protocol,
		Username:                 t.user,
		Password:                 t.pass,
		DB:                       t.db,
		ClientName:               t.options["client_name"],
		DialTimeout:              t.duration("dial_timeout", dialTimeout),
		ReadTimeout:              t.duration("read_timeout", readTimeout),
		WriteTimeout:             t.duration("write_timeout", writeTimeout),
		ContextTimeoutEnabled:    true,
		PoolSize:                 t.number("pool_size", poolSize),
		PoolTimeout:              t.duration("pool_timeout", poolTimeout),
		MinIdleConns:             t.number("min_idle_conns", 0),
		ConnMaxIdleTime:          connMaxIdleTime,
		TLSConfig:                trust,
		OnConnect:                greet,
		MaintNotificationsConfig: noMaintenance(),
	}
}

func (t target) failover(trust *tls.Config, greet onConnect) *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName:            t.master,
		Protocol:              protocol,
		SentinelAddrs:         t.addrs,
		SentinelUsername:      t.options["sentinel_username"],
		SentinelPassword:      t.options["sentinel_password"],
		Username:              t.user,
		Password:              t.pass,
		DB:                    t.db,
		ClientName:            t.options["client_name"],
		DialTimeout:           t.duration("dial_timeout", dialTimeout),
		ReadTimeout:           t.duration("read_timeout", readTimeout),
		WriteTimeout:          t.duration("write_timeout", writeTimeout),
		ContextTimeoutEnabled: true,
		PoolSize:              t.number("pool_size", poolSize),
		PoolTimeout:           t.duration("pool_timeout", poolTimeout),
		MinIdleConns:          t.number("min_idle_conns", 0),
		ConnMaxIdleTime:       connMaxIdleTime,
		TLSConfig:             trust,
		OnConnect:             greet,
	}
}

func (t target) cluster(trust *tls.Config, greet onConnect) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs:                    t.addrs,
		Protocol:                 protocol,
		Username:                 t.user,
		Password:                 t.pass,
		ClientName:               t.options["client_name"],
		MaxRedirects:             5,
		DialTimeout:              t.duration("dial_timeout", dialTimeout),
		ReadTimeout:              t.duration("read_timeout", readTimeout),
		WriteTimeout:             t.duration("write_timeout", writeTimeout),
		ContextTimeoutEnabled:    true,
		PoolSize:                 t.number("pool_size", poolSize),
		PoolTimeout:              t.duration("pool_timeout", poolTimeout),
		MinIdleConns:             t.number("min_idle_conns", 0),
		ConnMaxIdleTime:          connMaxIdleTime,
		TLSConfig:                trust,
		OnConnect:                greet,
		MaintNotificationsConfig: noMaintenance(),
	}
}

// tlsConfig returns nil without TLS. The server's name is filled in per
// address by the dialer.
func (t target) tlsConfig() (*tls.Config, error) {
	if !t.tls {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	path := t.options["ca"]
	if path == "" {
		return c, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the redis URL's ca: %w", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAFile))
	if err != nil {
		return nil, fmt.Errorf("the redis URL's ca: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("the redis URL's ca: the file holds no certificate in PEM form")
	}
	return c, nil
}
