package redisconn_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/providers"
	"refundworker/redisconn"
)

func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	c, err := redisconn.Open(providers.NewSecret(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func secret(url string) providers.Secret { return providers.NewSecret(url) }

func TestOpenReadsEveryPartOfASingleServersURL(t *testing.T) {
	c := open(t, "redis://me:p%40ss%3A%2F@redis.example.com:6380/3?dial_timeout=2s&read_timeout=7s&pool_size=9&client_name=refunds")
	o := c.(*redis.Client).Options()
	got := fmt.Sprint(o.Addr, " ", o.Username, " ", o.Password, " ", o.DB, " ", o.DialTimeout, " ", o.ReadTimeout, " ", o.PoolSize, " ", o.ClientName, " ", o.TLSConfig == nil)
	if want := "redis.example.com:6380 me p@ss:/ 3 2s 7s 9 refunds true"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOpenSpeaksTheProtocolThatNothingIsPushedOver(t *testing.T) {
	for _, url := range []string{"redis://localhost", "redis-sentinel://a,b/mymaster", "redis-cluster://a,b"} {
		var protocol int
		switch client := open(t, url).(type) {
		case *redis.Client:
			protocol = client.Options().Protocol
		case *redis.ClusterClient:
			protocol = client.Options().Protocol
		}
		if protocol != 2 {
			t.Errorf("%s: RESP%d", url, protocol)
		}
	}
}

func TestOpenFillsInWhatAURLLeavesOut(t *testing.T) {
	o := open(t, "redis://localhost").(*redis.Client).Options()
	if o.Addr != "localhost:6379" || o.DB != 0 || o.Username != "" || o.Password != "" {
		t.Errorf("got %s database %d", o.Addr, o.DB)
	}
	if o.ReadTimeout <= 0 || o.WriteTimeout <= 0 || o.DialTimeout <= 0 || o.PoolTimeout <= 0 || o.ReadTimeout > time.Minute || !o.ContextTimeoutEnabled {
		t.Errorf("a wait is not bounded: %v %v %v %v", o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout)
	}
}

func TestOpenTakesIPv6(t *testing.T) {
	if o := open(t, "redis://:pw@[::1]:7000/1").(*redis.Client).Options(); o.Addr != "[::1]:7000" || o.Password != "pw" {
		t.Errorf("got %s", o.Addr)
	}
	if o := open(t, "redis://[::1]").(*redis.Client).Options(); o.Addr != "[::1]:6379" {
		t.Errorf("got %s", o.Addr)
	}
}

func TestOpenWithTLSDemandsVersion12AndChecksTheServer(t *testing.T) {
	for _, url := range []string{"rediss://localhost:6380", "rediss-cluster://a:1,b:2"} {
		var c *tls.Config
		switch client := open(t, url).(type) {
		case *redis.Client:
			c = client.Options().TLSConfig
		case *redis.ClusterClient:
			c = client.Options().TLSConfig
		}
		if c == nil || c.MinVersion < tls.VersionTLS12 || c.InsecureSkipVerify {
			t.Errorf("%s: TLS config %+v", url, c)
		}
	}
}

func TestOpenNamesTheCAThatCannotBeUsed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"missing":        {"/nonexistent/ca.pem", "no such file"},
		"no certificate": {empty, "no certificate"},
	} {
		_, err := redisconn.Open(providers.NewSecret("rediss://:hunter2@localhost?ca=" + c.path))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenMakesAClusterClientOfAllAddresses(t *testing.T) {
	o := open(t, "redis-cluster://u:p@a:7000,b:7001,c").(*redis.ClusterClient).Options()
	if got := strings.Join(o.Addrs, " "); got != "a:7000 b:7001 c:6379" || o.Username != "u" || o.Password != "p" {
		t.Errorf("got %s", got)
	}
}

func TestOpenMakesASentinelClient(t *testing.T) {
	o := open(t, "redis-sentinel://u:p@a,b:26380/mymaster/2?sentinel_username=su&sentinel_password=sp").(*redis.Client).Options()
	if o.Addr != "FailoverClient" || o.Username != "u" || o.Password != "p" || o.DB != 2 {
		t.Errorf("got %s user %s database %d", o.Addr, o.Username, o.DB)
	}
}

func TestCheckURLRefusesWithTheRuleAndNoPartOfTheURL(t *testing.T) {
	const secret = "hunter2"
	for name, c := range map[string]struct{ url, want string }{
		"other scheme":             {"http://:hunter2@h", "is not a Redis URL"},
		"no scheme":                {"hunter2", "is not a Redis URL"},
		"empty":                    {"", "is not a Redis URL"},
		"no host":                  {"redis://:hunter2@", "host:port"},
		"port zero":                {"redis://:hunter2@h:0", "host:port"},
		"port too large":           {"redis://:hunter2@h:65536", "host:port"},
		"port not a number":        {"redis://h:hunter2", "host:port"},
		"slash in password":        {"redis://:hunter2/3@h:1", "host:port"},
		"question mark in it":      {"redis://:1234?hunter2@h:1", "host:port"},
		"hash in password":         {"redis://:a#hunter2@h:1", "%23"},
		"bad escape":               {"redis://:%zzhunter2@h:1", "%25"},
		"space":                    {"redis://:hunter2 @h:1", "%20"},
		"two hosts":                {"redis://:hunter2@a,b", "several hosts"},
		"database not a number":    {"redis://h/hunter2", "number of a database"},
		"database negative":        {"redis://h/-1", "number of a database"},
		"cluster with database":    {"redis-cluster://h/1", "leave it out"},
		"sentinel without master":  {"redis-sentinel://:hunter2@h:1", "names no master"},
		"unknown option":           {"redis://h?hunter2=1", "unknown option"},
		"option twice":             {"redis://h?pool_size=1&pool_size=2", "twice"},
		"timeout without unit":     {"redis://h?read_timeout=5", "read_timeout must be"},
		"timeout too long":         {"redis://h?read_timeout=5h", "read_timeout must be"},
		"pool of none":             {"redis://h?pool_size=0", "pool_size must be"},
		"ca without TLS":           {"redis://h?ca=/x.pem", "rediss"},
		"sentinel option on plain": {"redis://h?sentinel_password=hunter2", "unknown option"},
		"unclosed IPv6":            {"redis://[::1:6379", "host:port"},
	} {
		err := redisconn.CheckURL(providers.NewSecret(c.url))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows a part of the URL: %v", name, err)
		}
		if _, openErr := redisconn.Open(providers.NewSecret(c.url)); openErr == nil || strings.Contains(openErr.Error(), secret) {
			t.Errorf("%s: Open: %v", name, openErr)
		}
	}
}

func FuzzCheckURLNeverPanicsAndOpenAgrees(f *testing.F) {
	for _, s := range []string{"redis://h", "redis-sentinel://u:p@a,b/m/1?sentinel_password=x", "redis-cluster://[::1]:1,b", "rediss://:%zz@h?ca=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u := providers.NewSecret(s)
		if redisconn.CheckURL(u) == nil || strings.Contains(s, "ca=") || strings.Contains(s, "min_idle") {
			return
		}
		if _, err := redisconn.Open(u); err == nil {
			t.Errorf("Open takes what CheckURL refuses: %q", s)
		}
	})
}
