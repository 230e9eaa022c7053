package config

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"refundworker/htpasswd"
)

// Web says what the worker's pages show, and to whom.
type Web struct {
	Enabled  bool
	Asynqmon Asynqmon
	Login    Login
	// Operators may act, and Viewers may look on; an operator may look on too.
	// They count only with a login.
	Operators, Viewers People
}

// Asynqmon says how asynqmon is embedded.
type Asynqmon string

// The ways of embedding asynqmon.
const (
	AsynqmonReadOnly  Asynqmon = "read_only"
	AsynqmonReadWrite Asynqmon = "read_write" // its buttons work, for operators
	AsynqmonOff       Asynqmon = "off"
)

// Login says how people prove who they are; without a way there is no login.
type Login struct {
	Htpasswd      string        // the path of a password file; empty: no form to log in by
	Proxy         Proxy         // a proxy that logs people in
	Session       time.Duration // the longest that a login lasts
	Idle          time.Duration // how long it lasts without use; at most Session
	SecureCookies bool          // cookies for https only
}

// Proxy is one in front of the worker that says who somebody is.
type Proxy struct {
	Header string         // that holds the name; empty: no such proxy
	From   []netip.Prefix // the addresses that it is believed from
}

// Configured reports whether there is a way to log in.
func (l Login) Configured() bool { return l.Htpasswd != "" || l.Proxy.Header != "" }

// People are names, or "*" for everybody who has logged in.
type People []string

// Has reports whether the name is one of them.
func (p People) Has(name string) bool {
	return name != "" && (slices.Contains(p, name) || slices.Contains(p, everybody))
}

const everybody = "*"

func (d *decoder) web(b *block, listen string) Web {
	w := Web{
		Enabled:   b.flag("enabled", true),
		Asynqmon:  Asynqmon(b.choice("asynqmon", string(AsynqmonReadOnly), string(AsynqmonReadOnly), string(AsynqmonReadWrite), string(AsynqmonOff))),
		Login:     d.login(b.sub("login"), listen),
		Operators: b.people("operators", nil),
		Viewers:   b.people("viewers", People{everybody}),
	}
	for _, key := range []string{"operators", "viewers"} {
		if _, there := b.nodes[key]; there && b.sound(key) && b.nodes["login"].value == nil {
			d.fault(b.lineOf(key), b.join(key), "needs a login, without which nobody's name is known; add web.login or remove this key")
		}
	}
	b.done()
	return w
}

func (d *decoder) login(b *block, listen string) Login {
	l := Login{
		Htpasswd:      d.htpasswd(b),
		Proxy:         d.proxy(b.sub("proxy")),
		Session:       b.duration("session", 12*time.Hour, time.Minute, month),
		SecureCookies: b.flag("secure_cookies", !OnLoopback(listen)),
	}
	l.Idle = b.duration("idle", min(time.Hour, l.Session), time.Minute, month)
	if l.Idle > l.Session && b.sound("idle", "session") {
		d.fault(b.lineOf("idle", "session"), b.join("idle"), "must be at most session (%s); it is %s", l.Session, l.Idle)
	}
	_, file := b.nodes["htpasswd"]
	_, proxy := b.nodes["proxy"]
	if b.nodes != nil && !file && !proxy {
		d.fault(b.line, b.path, "names no way to log in; add htpasswd or proxy")
	}
	b.done()
	return l
}

// htpasswd takes the path of a password file; like other files of the worker's
// own it is opened only where it will be used.
func (d *decoder) htpasswd(b *block) string {
	v, path := d.path(b, "htpasswd", "a file that htpasswd -B made, or")
	if path == "" || !d.opts.ResolveSecrets {
		return path
	}
	raw, err := d.opts.ReadFile(path)
	if err != nil {
		v.faultQuoted("can't be read: %s; make it with htpasswd -B -C 12", reason(err))
		return path
	}
	if len(raw) > MaxFile {
		v.faultQuoted("is larger than 1 MiB; name a password file")
		return path
	}
	people, faults := htpasswd.Parse(raw)
	for _, f := range faults {
		v.another("%s", f.Error())
	}
	if people.Len() == 0 && len(faults) == 0 {
		v.faultQuoted("names nobody; add people with htpasswd -B -C 12")
	}
	return path
}

var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

func (d *decoder) proxy(b *block) Proxy {
	if b.nodes == nil {
		return Proxy{}
	}
	var p Proxy
	if v, ok := b.text("header"); !ok {
		d.fault(b.line, b.join("header"), "is required; write the header in which the proxy names the person, such as X-Auth-Request-User")
	} else if p.Header = v.text; !headerName.MatchString(v.text) {
		v.faultQuoted("must be a header's name, such as X-Auth-Request-User")
	}
	addresses, ok := b.list("from")
	if !ok || len(addresses) == 0 && b.sound("from") {
		d.fault(b.lineOf("from"), b.join("from"), "is required; write the addresses of the proxy, such as [10.0.0.0/8]")
	}
	for _, v := range addresses {
		prefix, err := prefixOf(v.text)
		switch {
		case err != nil:
			v.faultQuoted("must be addresses such as 10.0.0.7 or 10.0.0.0/8")
		case prefix.Bits() == 0:
			v.faultQuoted("would believe everybody; write the addresses of the proxy")
		default:
			p.From = append(p.From, prefix)
		}
	}
	b.done()
	return p
}

// prefixOf reads an address or a network, with an IPv4 one written as such.
func prefixOf(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err == nil && p.Addr().Is4In6() {
		err = errors.New("an IPv4 network written as an IPv6 one")
	}
	return p.Masked(), err
}

// people takes a list of names.
func (b *block) people(key string, absent People) People {
	list, ok := b.list(key)
	if !ok {
		return absent
	}
	people := People{}
	for _, v := range list {
		switch {
		case v.text != everybody && !htpasswd.ValidName(v.text):
			v.faultQuoted(`must be names of 1 to 64 printable characters without spaces, commas and colons, or "*" for everybody who has logged in`)
		case slices.Contains(people, v.text):
			v.faultQuoted("names somebody twice; remove one of them")
		default:
			people = append(people, v.text)
		}
	}
	return people
}

// list takes a list of single values with ${…} put in. Those with a fault are
// left out.
func (b *block) list(key string) ([]*value, bool) {
	e, ok := b.take(key)
	if !ok {
		return nil, false
	}
	whole := &value{b: b, key: key, line: e.line}
	if e.value.Kind != yaml.SequenceNode {
		whole.fault("must be a list such as [a, b], not %s", kindName(e.value))
		return nil, true
	}
	var list []*value
	for _, n := range e.value.Content {
		v := &value{b: b, key: key, line: n.Line, raw: n.Value}
		if n.Kind != yaml.ScalarNode {
			v.fault("must be a list of single values, and one is %s", kindName(n))
			continue
		}
		b.d.expand(v)
		if !v.bad {
			list = append(list, v)
		}
	}
	return list, true
}
