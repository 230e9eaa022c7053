package config_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"refundworker/config"
)

const annHash = "$2a$10$1oRGdIwJ6d9Sr3vYWom.rOyulg3eY0fKFB/0CRJUCUb1R.IOWyRO6"

func TestWithoutAWebBlockThePagesAreThereWithoutALogin(t *testing.T) {
	w := mustLoad(t, minimal, true, nil).Web
	if !w.Enabled || w.Asynqmon != config.AsynqmonReadOnly || w.Login.Configured() || w.Login.SecureCookies ||
		w.Login.Session != 12*time.Hour || w.Login.Idle != time.Hour || len(w.Operators) != 0 || !slices.Equal(w.Viewers, []string{"*"}) {
		t.Errorf("got %+v", w)
	}
}

func TestEveryKeyOfTheWebBlockIsRead(t *testing.T) {
	text := `listen: :8080
web:
  enabled: false
  asynqmon: read_write
  login:
    htpasswd: people
    proxy: {header: X-Auth-Request-User, from: [10.0.0.0/8, "::1", 10.1.2.3/16]}
    session: 30m
    secure_cookies: false
  operators: [ann, "bob@example.com"]
  viewers: []
` + minimal
	w := mustLoad(t, text, true, map[string]string{"/etc/refunds/people": "ann:" + annHash}).Web
	from := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.1.0.0/16")}
	if w.Enabled || w.Asynqmon != config.AsynqmonReadWrite || w.Login.Htpasswd != "/etc/refunds/people" || w.Login.Proxy.Header != "X-Auth-Request-User" ||
		!slices.Equal(w.Login.Proxy.From, from) || w.Login.Session != 30*time.Minute || w.Login.Idle != 30*time.Minute || w.Login.SecureCookies {
		t.Errorf("got %+v", w)
	}
	if !slices.Equal(w.Operators, []string{"ann", "bob@example.com"}) || w.Viewers == nil || len(w.Viewers) != 0 {
		t.Errorf("operators %q, viewers %q", w.Operators, w.Viewers)
	}
	if _, err := load(text, false, nil); err != nil {
		t.Errorf("producers do not read the password file: %v", err)
	}
}

func TestCookiesAreForHTTPSUnlessOnLoopback(t *testing.T) {
	for listen, secure := range map[string]bool{"127.0.0.1:80": false, "localhost:80": false, "'[::1]:80'": false, ":80": true, "10.0.0.7:80": true, "0.0.0.0:80": true} {
		if got := mustLoad(t, "listen: "+listen+minimal, true, nil).Web.Login.SecureCookies; got != secure {
			t.Errorf("%s: got %t", listen, got)
		}
	}
}

func TestPeople(t *testing.T) {
	for _, c := range []struct {
		people config.People
		name   string
		want   bool
	}{
		{config.People{"ann"}, "ann", true}, {config.People{"ann"}, "Ann", false}, {config.People{"ann"}, "bob", false},
		{config.People{"*"}, "bob", true}, {config.People{"*"}, "", false}, {nil, "ann", false}, {config.People{""}, "", false},
	} {
		if c.people.Has(c.name) != c.want {
			t.Errorf("%q has %q: want %t", c.people, c.name, c.want)
		}
	}
}

func TestFaultsOfTheWebBlock(t *testing.T) {
	login := func(keys string) string { return "web: {login: {" + keys + "}}" + minimal }
	proxy := func(keys string) string { return login("proxy: {" + keys + "}") }
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":                    {"web: {user: x}" + minimal, "1: web.user: is not a key here; remove it, or write one of: enabled, asynqmon, login, operators, viewers"},
		"unknown key of the login":       {login("htpasswd: people, oidc: x"), "1: web.login.oidc: is not a key here"},
		"unknown key of the proxy":       {proxy("header: X-User, from: [10.0.0.1], secret: x"), "1: web.login.proxy.secret: is not a key here"},
		"asynqmon":                       {"web: {asynqmon: yes}" + minimal, "1: web.asynqmon: must be one of read_only, read_write, off"},
		"a login without a way":          {login("session: 1h"), "1: web.login: names no way to log in; add htpasswd or proxy"},
		"an empty login":                 {login(""), "1: web.login: names no way to log in"},
		"operators without a login":      {"web: {operators: [ann]}" + minimal, "1: web.operators: needs a login"},
		"viewers without a login":        {"web: {viewers: [ann]}" + minimal, "1: web.viewers: needs a login"},
		"a name for a list":              {"web: {operators: ann, login: {htpasswd: people}}" + minimal, "1: web.operators: must be a list such as [a, b], not a single value"},
		"a block in a list":              {"web: {operators: [{a: b}], login: {htpasswd: people}}" + minimal, "1: web.operators: must be a list of single values, and one is a block of keys"},
		"somebody twice":                 {"web: {operators: [ann, ann], login: {htpasswd: people}}" + minimal, "1: web.operators: names somebody twice"},
		"a name that can't be one":       {"web: {viewers: ['ann b'], login: {htpasswd: people}}" + minimal, "1: web.viewers: must be names of 1 to 64 printable characters"},
		"an empty name":                  {"web: {viewers: [''], login: {htpasswd: people}}" + minimal, "1: web.viewers: must be names"},
		"session too short":              {login("htpasswd: people, session: 1s"), "1: web.login.session: must be from 1m to 720h"},
		"idle beyond the session":        {login("htpasswd: people, session: 1h, idle: 2h"), "1: web.login.idle: must be at most session (1h0m0s); it is 2h0m0s"},
		"password file not there":        {login("htpasswd: gone"), "1: web.login.htpasswd: can't be read: file does not exist"},
		"password file of nobody":        {login("htpasswd: nobody"), "1: web.login.htpasswd: names nobody"},
		"an entry that is not bcrypt":    {login("htpasswd: weak"), "1: web.login.htpasswd: line 2 (bob): is not a bcrypt hash; make it with htpasswd -B -C 12"},
		"no name of a file":              {login("htpasswd: ''"), "1: web.login.htpasswd: is empty"},
		"proxy without header":           {proxy("from: [10.0.0.1]"), "1: web.login.proxy.header: is required"},
		"proxy without addresses":        {proxy("header: X-User"), "1: web.login.proxy.from: is required"},
		"proxy with an empty list":       {proxy("header: X-User, from: []"), "1: web.login.proxy.from: is required"},
		"proxy believed by everybody":    {proxy("header: X-User, from: [0.0.0.0/0]"), "1: web.login.proxy.from: would believe everybody"},
		"proxy believed by all of IPv6":  {proxy("header: X-User, from: ['::/0']"), "1: web.login.proxy.from: would believe everybody"},
		"proxy by name":                  {proxy("header: X-User, from: [proxy.internal]"), "1: web.login.proxy.from: must be addresses such as"},
		"IPv4 written as IPv6":           {proxy("header: X-User, from: ['::ffff:10.0.0.0/104']"), "1: web.login.proxy.from: must be addresses such as"},
		"header that can't be one":       {proxy("header: 'X User', from: [10.0.0.1]"), "1: web.login.proxy.header: must be a header's name"},
		"header that headers can't have": {proxy("header: X_User, from: [10.0.0.1]"), "1: web.login.proxy.header: must be a header's name"},
	} {
		_, err := load(c.text, true, map[string]string{"/etc/refunds/people": "ann:" + annHash, "/etc/refunds/nobody": "# none\n",
			"/etc/refunds/weak": "ann:" + annHash + "\nbob:$apr1$ZjTqBB3f$IF9gdYAGlMrs2fuINjHsz.\n"})
		var faults config.Faults
		if !errors.As(err, &faults) || len(faults) != 1 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant one with %q", name, err, c.want)
		}
	}
}
