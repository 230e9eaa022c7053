package redisconn

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"refundworker/providers"
)

// kind is how the servers at an address belong together.
type kind int

const (
	plain kind = iota
	sentinel
	cluster
)

// target is a Redis URL, taken apart.
type target struct {
	kind       kind
	tls        bool
	user, pass string
	addrs      []string
	master     string // with sentinel
	db         int
	options    map[string]string
}

var schemes = map[string]target{
	"redis":           {kind: plain},
	"rediss":          {kind: plain, tls: true},
	"redis-sentinel":  {kind: sentinel},
	"rediss-sentinel": {kind: sentinel, tls: true},
	"redis-cluster":   {kind: cluster},
	"rediss-cluster":  {kind: cluster, tls: true},
}

// CheckURL reports what is wrong with a Redis URL, without connecting and
// without reading the file that ca names. The error shows no part of the URL:
// in a misspelt one any part may be the password's.
func CheckURL(u providers.Secret) error {
	_, err := parse(u)
	return err
}

const forms = "write redis://[user:password@]host:port/DB, redis-sentinel://host:port,host:port/MASTER/DB " +
	"or redis-cluster://host:port,host:port (rediss… for TLS)"

// parse takes the URL apart by hand, because net/url knows only one host.
func parse(u providers.Secret) (target, error) {
	scheme, rest, ok := strings.Cut(u.Reveal(), "://")
	t, known := schemes[strings.ToLower(scheme)]
	if !ok || !known {
		return t, errors.New("is not a Redis URL; " + forms)
	}
	if strings.IndexFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0 {
		return t, errors.New("holds a space or a control character; write it as %20 and the like")
	}
	if strings.Contains(rest, "#") {
		return t, errors.New("holds a #; write it as %23 in a password")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if err := t.setUser(&authority); err != nil {
		return t, err
	}
	if err := t.setAddrs(authority); err != nil {
		return t, err
	}
	if err := t.setPath(path); err != nil {
		return t, err
	}
	return t, t.setOptions(query)
}

func (t *target) setUser(authority *string) error {
	at := strings.LastIndexByte(*authority, '@')
	if at < 0 {
		return nil
	}
	user, pass, _ := strings.Cut((*authority)[:at], ":")
	*authority = (*authority)[at+1:]
	var err1, err2 error
	t.user, err1 = url.PathUnescape(user)
	t.pass, err2 = url.PathUnescape(pass)
	if err1 != nil || err2 != nil {
		return errors.New("holds a % in the user or password that starts no escape; write it as %25")
	}
	return nil
}

func (t *target) setAddrs(authority string) error {
	port := "6379"
	if t.kind == sentinel {
		port = "26379"
	}
	for _, hostport := range strings.Split(authority, ",") {
		addr, ok := address(hostport, port)
		if !ok {
			return errors.New("has an address that is not host:port (in a password write @ / ? # as %40 %2F %3F %23); " + forms)
		}
		t.addrs = append(t.addrs, addr)
	}
	if t.kind == plain && len(t.addrs) > 1 {
		return errors.New("names several hosts; write redis-sentinel:// or redis-cluster:// for that")
	}
	return nil
}

// address reads host, host:port, [v6] or [v6]:port.
func address(s, defaultPort string) (string, bool) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = s, defaultPort
		if v6, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(v6, "]") {
			host = v6[:len(v6)-1]
		} else if strings.Contains(s, ":") {
			return "", false
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" || strings.ContainsAny(host, "[]@,%") {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

func (t *target) setPath(path string) error {
	if t.kind == sentinel {
		var err error
		t.master, path, _ = strings.Cut(path, "/")
		if t.master, err = url.PathUnescape(t.master); err != nil || t.master == "" {
			return errors.New("names no master; write redis-sentinel://host:port,host:port/MASTER/DB")
		}
	}
	if path == "" {
		return nil
	}
	db, err := strconv.ParseUint(path, 10, 31)
	switch {
	case err != nil:
		return errors.New("must end in the number of a database, such as /0")
	case db != 0 && t.kind == cluster:
		return errors.New("names a database, but a cluster has only number 0; leave it out")
	}
	t.db = int(db)
	return nil
}

// The options of a URL's query. Durations are written with their unit.
var (
	durationOptions = []string{"dial_timeout", "read_timeout", "write_timeout", "pool_timeout"}
	numberOptions   = []string{"pool_size", "min_idle_conns"}
	textOptions     = []string{"ca", "client_name"}
	sentinelOptions = []string{"sentinel_username", "sentinel_password"}
)

func (t *target) setOptions(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("has options after the ? that can't be read; write ?name=value&name=value")
	}
	t.options = map[string]string{}
	for name, all := range values {
		value := all[0]
		switch {
		case len(all) > 1:
			return errors.New("has an option twice after the ?; remove one")
		case slices.Contains(durationOptions, name):
			d, err := time.ParseDuration(value)
			if err != nil || d < time.Second || d > time.Minute {
				return fmt.Errorf("option %s must be a duration from 1s to 1m, such as 5s", name)
			}
		case slices.Contains(numberOptions, name):
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 10000 {
				return fmt.Errorf("option %s must be a whole number from 1 to 10000", name)
			}
		case slices.Contains(textOptions, name), t.kind == sentinel && slices.Contains(sentinelOptions, name):
			if value == "" {
				return fmt.Errorf("option %s is empty; fill it in or remove it", name)
			}
		default:
			known := slices.Concat(durationOptions, numberOptions, textOptions)
			if t.kind == sentinel {
				known = append(known, sentinelOptions...)
			}
			return fmt.Errorf("has an unknown option after the ? (in a password write ? as %%3F); known are %s", strings.Join(known, ", "))
		}
		t.options[name] = value
	}
	if t.options["ca"] != "" && !t.tls {
		return errors.New("names a ca without TLS; write rediss… instead of redis…")
	}
	return nil
}

// duration returns an option that setOptions has checked.
func (t target) duration(name string, absent time.Duration) time.Duration {
	if d, err := time.ParseDuration(t.options[name]); err == nil {
		return d
	}
	return absent
}

// number returns an option that setOptions has checked.
func (t target) number(name string, absent int) int {
	if n, err := strconv.Atoi(t.options[name]); err == nil {
		return n
	}
	return absent
}
