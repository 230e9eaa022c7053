package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"refundworker/config"
	"refundworker/providers"
	"refundworker/providers/all"
	"refundworker/ratelimit"
	"refundworker/retry"
	"refundworker/statement"
)

var env = map[string]string{
	"UNITPAY_SECRET_KEY": "unitpay-s3cret", "SBERBANK_USERNAME": "shop-api", "SBERBANK_PASSWORD": "sber-s3cret",
	"MAIB_CLIENT_ID": "maib-id", "MAIB_CLIENT_SECRET": "maib-s3cret", "EMPTY": "", "BROKEN": "two\nlines",
	"PORT": "7000", "TIMEOUT": "20s", "REDIS_PASSWORD": "p%40ss", "NESTED": "${PORT}",
}

// load reads text as /etc/refunds/refunds.yaml, beside the named files.
func load(text string, resolve bool, files map[string]string) (*config.Config, error) {
	return loadWith(drivers, text, resolve, files)
}

func loadWith(drivers []providers.Driver, text string, resolve bool, files map[string]string) (*config.Config, error) {
	return config.Load("/etc/refunds/refunds.yaml", config.Options{
		Drivers: drivers, ResolveSecrets: resolve,
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if path == "/etc/refunds/refunds.yaml" {
				return []byte(text), nil
			}
			if content, ok := files[path]; ok {
				return []byte(content), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	})
}

func mustLoad(t *testing.T, text string, resolve bool, files map[string]string) *config.Config {
	t.Helper()
	c, err := load(text, resolve, files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const minimal = `
providers:
  shop:
    driver: unitpay
    base_url: https://unitpay.ru/api
    secret_key: ${UNITPAY_SECRET_KEY}
`

func TestTheExampleLoadsAndSaysTheDefaults(t *testing.T) {
	text, err := os.ReadFile("../examples/refunds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	example, err := loadWith(all.Drivers, string(text), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	least, err := loadWith(all.Drivers, minimal, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(example.Providers) != 3 || example.Providers[0].Name != "unitpay" || example.Providers[2].Name != "maib" {
		t.Fatalf("providers %+v", example.Providers)
	}
	if got := example.Providers[1].Settings.Secrets["password"].Reveal(); got != "sber-s3cret" {
		t.Errorf("sberbank's password is %q", got)
	}
	if got := example.Providers[2].Settings.Texts["callback_url"]; got != "https://refunds.example.com" {
		t.Errorf("maib's callback_url is %q", got)
	}
	a, b := nameless(*example), nameless(*least)
	if a != b {
		t.Errorf("the example says\n%s\nand the defaults are\n%s", a, b)
	}
	if _, err := loadWith(all.Drivers, string(text), false, nil); err != nil {
		t.Errorf("for producers: %v", err)
	}
}

// nameless prints what does not depend on the provider's name.
func nameless(c config.Config) string {
	redis := c.Redis.Reveal()
	p := c.Providers[0]
	c.Providers, c.Redis = nil, providers.Secret{}
	p.Settings.Name, p.Name, p.Settings.Secrets = "", "", nil
	url := p.BaseURL.String()
	p.BaseURL, p.Settings.BaseURL = nil, nil
	return fmt.Sprintf("%s\n%+v\n%s\n%+v", redis, c, url, p)
}

func TestDefaults(t *testing.T) {
	c := mustLoad(t, minimal, true, nil)
	if c.Redis.Reveal() != "redis://127.0.0.1:6379/0" || c.Durability != config.AOF || c.AllowEviction || c.StatedFsync != "" ||
		c.DedupeWindow != 30*time.Minute || c.JournalRetention != 9600*time.Hour || c.Listen != "127.0.0.1:8080" ||
		c.ShutdownTimeout != 30*time.Second || c.Retry != (retry.Policy{Initial: time.Second, Max: 5 * time.Minute, GiveUpAfter: 24 * time.Hour}) {
		t.Errorf("got %+v", c)
	}
	p, ok := c.Provider("shop")
	if !ok || p.RateLimit != ratelimit.Default || p.Burst != 1 || p.Concurrency != 4 || p.Timeout != 15*time.Second || !p.Preflight ||
		p.Reconcile != (config.Reconcile{First: 5 * time.Second, Settle: 10 * time.Minute, MaxResends: 1}) ||
		p.Poll != (config.Poll{Initial: time.Second, Max: time.Minute}) || p.AllowInsecure || !p.OneRefundPerPayment {
		t.Errorf("got %+v", p)
	}
	s := p.Settings
	if s.Name != "shop" || s.BaseURL.String() != "https://unitpay.ru/api" || s.Timeout != p.Timeout || s.Texts["param_style"] != "nested" ||
		s.Flags["test"] || !s.Flags["one_refund_per_payment"] || s.Secrets["secret_key"].Reveal() != "unitpay-s3cret" || s.RootCAs != "" {
		t.Errorf("got %+v", s)
	}
	if p.Fingerprint == "" || p.Fingerprint != providers.Fingerprint(p.Driver, s) {
		t.Errorf("fingerprint %q", p.Fingerprint)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	c := mustLoad(t, `
redis: rediss://u:${REDIS_PASSWORD}@redis.internal:${PORT}/2
durability: aof+replica
allow_eviction: true
stated_fsync: no
dedupe_window: 1s
journal_retention: 2s
listen: ":9090"
shutdown_timeout: 1m
retry: {initial: 2s, max: 2s, give_up_after: 1h}
providers:
  shop_2-x:
    driver: unitpay
    base_url: HTTPS://UnitPay.RU:443/api/
    secret_key: literal
    rate_limit: 300/m
    burst: 7
    concurrency: 8
    timeout: "${TIMEOUT}"
    preflight: false
    param_style: flat
    one_refund_per_payment: false
    test: true
    reconcile: {first: 0s, settle: 1s, max_resends: 3}
    poll: {initial: 2s, max: 3s}
    root_ca: ca.pem
`, false, nil)
	if c.Redis.Reveal() != "rediss://u:p%40ss@redis.internal:7000/2" || c.Durability != config.AOFAndReplica || !c.AllowEviction ||
		c.StatedFsync != "no" || c.DedupeWindow != time.Second || c.JournalRetention != 2*time.Second || c.Listen != ":9090" ||
		c.ShutdownTimeout != time.Minute || c.Retry != (retry.Policy{Initial: 2 * time.Second, Max: 2 * time.Second, GiveUpAfter: time.Hour}) {
		t.Errorf("got %+v", c)
	}
	p := c.Providers[0]
	if p.BaseURL.String() != "https://unitpay.ru/api" || p.RateLimit != (ratelimit.Limit{Calls: 300, Per: time.Minute}) || p.Burst != 7 ||
		p.Concurrency != 8 || p.Timeout != 20*time.Second || p.Preflight || p.OneRefundPerPayment || !p.Settings.Flags["test"] ||
		p.Poll != (config.Poll{Initial: 2 * time.Second, Max: 3 * time.Second}) || p.Settings.Texts["param_style"] != "flat" {
		t.Errorf("got %+v", p)
	}
	if want := (config.Reconcile{First: 0, Settle: 20 * time.Second, MaxResends: 3}); p.Reconcile != want {
		t.Errorf("settle should be raised to the timeout: got %+v", p.Reconcile)
	}
	if p.Settings.RootCAs != "/etc/refunds/ca.pem" {
		t.Errorf("root_ca starts at the file's folder: got %s", p.Settings.RootCAs)
	}
}

func TestProducersNeedNoSecrets(t *testing.T) {
	c := mustLoad(t, strings.ReplaceAll(minimal, "UNITPAY_SECRET_KEY", "NOT_SET"), false, nil)
	if p := c.Providers[0]; len(p.Settings.Secrets) != 0 || p.Fingerprint != "" {
		t.Errorf("got %+v", p)
	}
}

func TestWhatStandsForWhat(t *testing.T) {
	files := map[string]string{"/etc/refunds/key": "from file\n", "/run/secrets/key": "absolute\r\n", "/etc/refunds/two": "line\n\n"}
	for name, c := range map[string]struct{ text, want string }{
		"a variable":                      {"${UNITPAY_SECRET_KEY}", "unitpay-s3cret"},
		"in the middle, twice":            {"a${PORT}b${PORT}c", "a7000b7000c"},
		"a file beside the configuration": {"${file:key}", "from file"},
		"a file anywhere":                 {"${file:/run/secrets/key}", "absolute"},
		"an escaped one":                  {"$${PORT}", "${PORT}"},
		"a dollar alone":                  {"pa$$w$rd$", "pa$$w$rd$"},
		"not looked through again":        {"${NESTED}", "${PORT}"},
		"digits stay as written":          {"0123", "0123"},
		"no YAML 1.1 booleans":            {"no", "no"},
	} {
		conf := mustLoad(t, strings.ReplaceAll(minimal, "${UNITPAY_SECRET_KEY}", c.text), true, files)
		if got := conf.Providers[0].Settings.Secrets["secret_key"].Reveal(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestFindPrefersTheFlagThenTheEnvironment(t *testing.T) {
	t.Setenv("REFUND_CONFIG", "")
	if got := config.Find(""); got != "./refunds.yaml" {
		t.Errorf("got %s", got)
	}
	t.Setenv("REFUND_CONFIG", "/env.yaml")
	if a, b := config.Find(""), config.Find("/flag.yaml"); a != "/env.yaml" || b != "/flag.yaml" {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestLoadFromDisk(t *testing.T) {
	path := t.TempDir() + "/r.yaml"
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("UNITPAY_SECRET_KEY", "x")
	c, err := config.Load(path, config.Options{Drivers: drivers, ResolveSecrets: true})
	if err != nil || c.File != path {
		t.Errorf("got %v", err)
	}
	_, err = config.Load(path+".absent", config.Options{Drivers: drivers})
	var faults config.Faults
	if !errors.As(err, &faults) || !strings.Contains(err.Error(), path+".absent: can't be read: no such file") {
		t.Errorf("got %v", err)
	}
	_, err = config.Load("/dev/zero", config.Options{Drivers: drivers})
	if err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("an endless file: %v", err)
	}
}

func TestAStatementsFormIsRead(t *testing.T) {
	cfg, err := load(shop(`statement: {columns: {id: Refund No, amount: Сумма}, only: {Kind: refund|возврат}, delimiter: ";", skip_lines: 2, amount_unit: minor, decimal: ",", currency: rub, time_layout: 02/01/2006, time_zone: Europe/Moscow, only_negative: true}`), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := cfg.Providers[0].Statement
	if f.Columns[statement.ID] != "Refund No" || f.Columns[statement.Amount] != "Сумма" || len(f.Only["Kind"]) != 2 || f.Delimiter != ';' || f.SkipLines != 2 ||
		f.Unit != statement.Minor || f.Decimal != ',' || f.Currency != "RUB" || f.Layout != "02/01/2006" || f.Zone.String() != "Europe/Moscow" || !f.OnlyNegative {
		t.Errorf("got %+v", f)
	}
}
