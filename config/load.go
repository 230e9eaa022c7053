package config

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"refundworker/providers"
	"refundworker/redisconn"
	"refundworker/retry"
)

// MaxFile is the largest configuration, or file taken with ${file:…}, in bytes.
const MaxFile = 1 << 20

// Options says what a configuration is read with.
type Options struct {
	// Drivers are those that providers may name.
	Drivers []providers.Driver
	// ResolveSecrets fills in the providers' secrets, and makes a missing one an
	// error. Without it Load checks that each secret's key is there and leaves
	// it alone, so that producers run without any.
	ResolveSecrets bool
	// Env looks up an environment variable; nil for os.LookupEnv.
	Env func(string) (string, bool)
	// ReadFile reads a file; nil for the disk. Load refuses more than MaxFile.
	ReadFile func(string) ([]byte, error)
}

// Find says which file to read: the --config flag's, else $REFUND_CONFIG, else
// ./refunds.yaml.
func Find(flag string) string {
	return cmp.Or(flag, os.Getenv("REFUND_CONFIG"), "./refunds.yaml")
}

// Load reads and checks the file at path. The error is of type Faults, with
// everything that is wrong.
//
// Within a value ${NAME} is an environment variable and ${file:PATH} the
// content of a file, without one line break at its end; a relative PATH starts
// at the configuration's folder. $${ stands for ${ itself, and any other $ for
// itself. What was put in is not looked through again. Inside of braces YAML
// wants it in quotes: {first: "${NAME}"}.
func Load(path string, o Options) (*Config, error) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = readBounded
	}
	d := &decoder{file: path, dir: filepath.Dir(path), opts: o}
	c := d.load()
	if len(d.faults) > 0 {
		return nil, d.faults.sorted()
	}
	return c, nil
}

// decoder collects faults while it goes through one file.
type decoder struct {
	file   string
	dir    string
	opts   Options
	faults Faults
}

func (d *decoder) fault(line int, path, rule string, args ...any) {
	d.faults = append(d.faults, Fault{d.file, line, path, fmt.Sprintf(rule, args...)})
}

func (d *decoder) load() *Config {
	raw, err := d.opts.ReadFile(d.file)
	switch {
	case err != nil:
		d.fault(0, "", "can't be read: %s; name the file with --config or $REFUND_CONFIG", reason(err))
		return nil
	case len(raw) > MaxFile:
		d.fault(0, "", "is larger than 1 MiB, which no configuration is; name another file")
		return nil
	}
	root, ok := d.parse(raw)
	if !ok {
		return nil
	}
	return d.config(root)
}

// Defaults and bounds of the top level's durations.
const (
	defaultDedupeWindow     = 30 * time.Minute
	defaultJournalRetention = 9600 * time.Hour
	defaultShutdownTimeout  = 30 * time.Second
	month                   = 30 * 24 * time.Hour
	year                    = 365 * 24 * time.Hour
)

func (d *decoder) config(b *block) *Config {
	c := &Config{
		File:             d.file,
		Redis:            d.redis(b),
		Durability:       Durability(b.choice("durability", string(AOF), string(AOF), string(Replica), string(AOFAndReplica), string(DurabilityNone))),
		AllowEviction:    b.flag("allow_eviction", false),
		StatedFsync:      b.choice("stated_fsync", "", "always", "everysec", "no"),
		DedupeWindow:     b.duration("dedupe_window", defaultDedupeWindow, time.Second, month),
		JournalRetention: b.duration("journal_retention", defaultJournalRetention, time.Second, 10*year),
		Listen:           b.listen("listen", "127.0.0.1:8080"),
		ShutdownTimeout:  b.duration("shutdown_timeout", defaultShutdownTimeout, 100*time.Millisecond, time.Hour),
		Retry:            d.retry(b.sub("retry")),
	}
	if c.JournalRetention < 2*c.DedupeWindow && b.sound("journal_retention", "dedupe_window") {
		d.fault(b.lineOf("journal_retention", "dedupe_window"), b.join("journal_retention"),
			"must be at least twice dedupe_window (%s), so that no window outlives its refund; it is %s", c.DedupeWindow, c.JournalRetention)
	}
	c.Web = d.web(b.sub("web"), c.Listen)
	c.Providers = d.providers(b)
	b.done()
	return c
}

// redis takes the URL and has its form checked, so that a mistake in it is
// reported with its line.
func (d *decoder) redis(b *block) providers.Secret {
	v, ok := b.text("redis")
	if !ok {
		v.text = "redis://127.0.0.1:6379/0"
	}
	url := providers.NewSecret(v.text)
	if v.bad {
		return url
	}
	if err := redisconn.CheckURL(url); err != nil {
		v.fault("%s", err)
	}
	return url
}

func (d *decoder) retry(b *block) retry.Policy {
	p := retry.Policy{
		Initial:     b.duration("initial", time.Second, 10*time.Millisecond, time.Hour),
		Max:         b.duration("max", 5*time.Minute, 10*time.Millisecond, 24*time.Hour),
		GiveUpAfter: b.duration("give_up_after", 24*time.Hour, time.Second, year),
	}
	b.ordered("initial", p.Initial, "max", p.Max)
	b.done()
	return p
}

// listen takes a host:port.
func (b *block) listen(key, absent string) string {
	v, ok := b.text(key)
	if !ok {
		return absent
	}
	_, port, err := net.SplitHostPort(v.text)
	n, convErr := strconv.ParseUint(port, 10, 16)
	if err != nil || convErr != nil || n > 65535 || strings.ContainsAny(v.text, " /@") {
		v.faultQuoted("must be host:port, such as 127.0.0.1:8080, or :8080 for all interfaces")
	}
	return v.text
}

// readBounded reads a file and at most one byte more than MaxFile of it.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}
