package config_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"refundworker/config"
)

// shop is a provider with one key more, on line 7.
func shop(line string) string { return strings.TrimPrefix(minimal, "\n") + "\n    " + line + "\n" }

func TestAFaultNamesFileLineKeyAndRule(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":                    {"redsi: x" + minimal, "1: redsi: is not a key here"},
		"unknown provider key":           {shop("secret: x"), "7: providers.shop.secret: is not a key here"},
		"unknown nested key":             {shop("poll: {every: 1s}"), "7: providers.shop.poll.every: is not a key here; remove it, or write one of: initial, max"},
		"duplicate key":                  {"listen: :1\nlisten: :2" + minimal, "2: listen: is already on line 1"},
		"duplicate provider":             {minimal + "  shop:\n    driver: unitpay\n", "providers.shop: is already on line 3"},
		"a list for a value":             {"redis: [a]" + minimal, "1: redis: must be a single value, not a list"},
		"a block for a value":            {shop("timeout: {a: 1}"), "7: providers.shop.timeout: must be a single value, not a block"},
		"a value for a block":            {shop("poll: 1s"), "7: providers.shop.poll: must be a block of keys, not a single value"},
		"an amount that no currency has": {shop(`limits: {per_refund: "100.00001"}`), "7: providers.shop.limits.per_refund: must be an amount in major units, such as \"10000.00\""},
		"a negative one of any currency": {shop(`limits: {per_day: "-1"}`), "7: providers.shop.limits.per_day: must be an amount in major units, such as"},
		"an exponent of any currency":    {shop("limits: {per_day: 1e4}"), "7: providers.shop.limits.per_day: must be an amount in major units, such as"},
		"too much for any currency":      {shop("limits: {per_day: 100000000000001}"), "7: providers.shop.limits.per_day: must be an amount in major units, such as"},
		"a day of less, of any currency": {shop(`limits: {per_refund: "100.00", per_day: "99.99"}`), "7: providers.shop.limits.per_day: must be at least per_refund (100); it is 99.99"},
		"a currency without amount":      {shop("limits: {currency: RUB, per_payment_count: 1}"), "7: providers.shop.limits.currency: is that of per_refund and per_day, and neither is there"},
		"a currency that is none":        {shop(`limits: {currency: rub, per_day: "1"}`), "7: providers.shop.limits.currency: must be an ISO 4217 code in capitals, such as RUB; it is \"rub\""},
		"an amount with an exponent":     {shop("limits: {currency: RUB, per_day: 1e4}"), "7: providers.shop.limits.per_day: must be an amount in major units of RUB"},
		"an amount with too many digits": {shop("limits: {currency: RUB, per_refund: 1.005}"), "7: providers.shop.limits.per_refund: must be an amount in major units of RUB"},
		"an amount below zero":           {shop(`limits: {currency: RUB, per_refund: "-1"}`), "7: providers.shop.limits.per_refund: must be an amount"},
		"a day of less than one refund":  {shop("limits: {currency: RUB, per_refund: 100, per_day: 99.99}"), "7: providers.shop.limits.per_day: must be at least per_refund (100); it is 99.99"},
		"a count that is none":           {shop("limits: {per_payment_count: many}"), "7: providers.shop.limits.per_payment_count: must be a whole number from 0 to 1000"},
		"an unknown limit":               {shop("limits: {per_week: 1}"), "7: providers.shop.limits.per_week: is not a key here; remove it, or write one of: currency, per_refund, per_day, per_payment_count"},
		"a statement's unknown field":    {shop("statement: {columns: {total: x}}"), "7: providers.shop.statement.columns.total: is not a key here; remove it, or write one of: id, payment, amount, currency, time"},
		"a statement's delimiter":        {shop("statement: {delimiter: tab}"), "7: providers.shop.statement.delimiter: must be , or ;; it is \"tab\""},
		"a statement's unit":             {shop("statement: {amount_unit: cents}"), "7: providers.shop.statement.amount_unit: must be major (100.00) or minor (10000)"},
		"a statement's layout":           {shop("statement: {time_layout: DD.MM.YYYY}"), "7: providers.shop.statement.time_layout: must be a layout of Go"},
		"a statement's zone":             {shop("statement: {time_zone: Moscow}"), "7: providers.shop.statement.time_zone: must be a time zone"},
		"a block without content":        {shop("poll:"), "7: providers.shop.poll: has no value"},
		"a key without value":            {"listen:" + minimal, "1: listen: has no value"},
		"a list for everything":          {"- a\n- b\n", "1: must be a block of keys, not a list"},
		"a list as key":                  {"[a]: b" + minimal, "1: a key must be a word, not a list"},
		"an alias":                       {"redis: &x redis://h" + minimal, "1: anchors (&), aliases (*) and tags (!)"},
		"a merge key":                    {"retry: {<<: {initial: 1s}}" + minimal, "1: retry.<<: is not a key here"},
		"a tag":                          {"listen: !!binary aGk=" + minimal, "1: anchors (&)"},
		"two documents":                  {minimal + "---\nlisten: :1\n", "a second YAML document"},
		"broken YAML":                    {"redis: 'x\n", "is not readable YAML"},
		"tab indentation":                {"retry:\n\tinitial: 1s\n", "2: is not readable YAML"},
		"empty":                          {"", "refunds.yaml: is empty"},
		"only comments":                  {"# nothing\n", "refunds.yaml: is empty"},
		"null":                           {"null", "refunds.yaml: is empty"},
		"a NUL byte":                     {"redis: a\x00b", "NUL"},
		"too large":                      {strings.Repeat("#", config.MaxFile+1), "larger than 1 MiB"},
		"no providers":                   {"listen: :1\n", "1: providers: no provider is configured"},
		"no provider in the block":       {"providers: {}\n", "1: providers: no provider is configured"},
		"a provider without keys":        {"providers:\n  shop:\n", "2: providers.shop: has no value"},
		"name in capitals":               {strings.Replace(minimal, "shop", "Shop", 1), "providers.Shop: a provider's name must be"},
		"name of a bulk queue":           {strings.Replace(minimal, "shop", "shop-bulk", 1), "must be 1 to 64 of a-z 0-9 _ - and not end in -bulk"},
		"name too long":                  {strings.Replace(minimal, "shop", strings.Repeat("s", 65), 1), "a provider's name must be"},
		"no driver":                      {strings.Replace(minimal, "    driver: unitpay\n", "", 1), "3: providers.shop.driver: is required; write one of: unitpay, sberbank, maib"},
		"unknown driver":                 {strings.Replace(minimal, "driver: unitpay", "driver: paypal", 1), "4: providers.shop.driver: must be one of: unitpay, sberbank, maib; it is \"paypal\""},
		"no base_url":                    {strings.Replace(minimal, "    base_url: https://unitpay.ru/api\n", "", 1), "3: providers.shop.base_url: is required"},
		"no secret":                      {strings.Replace(minimal, "    secret_key: ${UNITPAY_SECRET_KEY}\n", "", 1), "3: providers.shop.secret_key: missing secret (the project's secret key)"},
		"empty secret":                   {strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", `""`, 1), "6: providers.shop.secret_key: missing secret"},
		"secret from an unset variable":  {strings.Replace(minimal, "UNITPAY_SECRET_KEY", "NOT_SET", 1), "6: providers.shop.secret_key: missing secret: the environment variable NOT_SET is not set"},
		"secret from an empty variable":  {strings.Replace(minimal, "UNITPAY_SECRET_KEY", "EMPTY", 1), "6: providers.shop.secret_key: missing secret: what it names is empty"},
		"secret from a missing file":     {strings.Replace(minimal, "UNITPAY_SECRET_KEY", "file:k", 1), `6: providers.shop.secret_key: missing secret: can't read "/etc/refunds/k": file does not exist`},
		"secret of two lines":            {strings.Replace(minimal, "UNITPAY_SECRET_KEY", "BROKEN", 1), "6: providers.shop.secret_key: holds a line break"},
		"unset variable elsewhere":       {"listen: ${NOT_SET}" + minimal, "1: listen: the environment variable NOT_SET is not set"},
		"unclosed":                       {"listen: ${PORT" + minimal, "1: listen: a ${ has no }"},
		"no name":                        {"listen: ${}" + minimal, "1: listen: between ${ and }"},
		"a name of its own kind":         {"listen: ${PORT:-80}" + minimal, "1: listen: between ${ and }"},
		"file without path":              {"listen: \"${file:}\"" + minimal, "1: listen: ${file:} names no file"},
		"durability":                     {"durability: disk" + minimal, "1: durability: must be one of aof, replica, aof+replica, none"},
		"stated_fsync":                   {"stated_fsync: sometimes" + minimal, "1: stated_fsync: must be one of always, everysec, no"},
		"allow_eviction":                 {"allow_eviction: yes" + minimal, "1: allow_eviction: must be true or false"},
		"listen without port":            {"listen: localhost" + minimal, "1: listen: must be host:port"},
		"listen on a port too high":      {"listen: :70000" + minimal, "1: listen: must be host:port"},
		"redis of another kind":          {"redis: http://h" + minimal, "1: redis: is not a Redis URL"},
		"number without unit":            {"dedupe_window: 30" + minimal, "1: dedupe_window: must be a duration with its unit"},
		"plain zero":                     {shop("reconcile: {first: 0}"), "7: providers.shop.reconcile.first: must be a duration with its unit"},
		"days":                           {"journal_retention: 400d" + minimal, "1: journal_retention: must be a duration with its unit"},
		"window too short":               {"dedupe_window: 999ms" + minimal, "1: dedupe_window: must be from 1s to 720h"},
		"retention under two windows":    {"dedupe_window: 1h\njournal_retention: 119m" + minimal, "2: journal_retention: must be at least twice dedupe_window"},
		"timeout too short":              {shop("timeout: 99ms"), "7: providers.shop.timeout: must be from 100ms to 5m"},
		"timeout too long":               {shop("timeout: 301s"), "7: providers.shop.timeout: must be from 100ms to 5m"},
		"negative first":                 {shop("reconcile: {first: -1s}"), "7: providers.shop.reconcile.first: must be from 0s"},
		"too many resends":               {shop("reconcile: {max_resends: 4}"), "7: providers.shop.reconcile.max_resends: must be a whole number from 0 to 3"},
		"no concurrency":                 {shop("concurrency: 0"), "7: providers.shop.concurrency: must be a whole number from 1 to 1000"},
		"half a burst":                   {shop("burst: 1.5"), "7: providers.shop.burst: must be a whole number from 1 to 1000; it is \"1.5\""},
		"rate per day":                   {shop("rate_limit: 5/d"), "7: providers.shop.rate_limit: must be calls per second"},
		"rate of zero":                   {shop("rate_limit: 0/s"), "7: providers.shop.rate_limit: must be calls per second"},
		"poll that shrinks":              {shop("poll: {initial: 5s, max: 4s}"), "7: providers.shop.poll.max: must be at least initial (5s); it is 4s"},
		"poll beyond the default":        {shop("poll: {initial: 2m}"), "7: providers.shop.poll.max: must be at least initial (2m0s); it is 1m0s"},
		"retry that shrinks":             {"retry: {initial: 10s, max: 9s}" + minimal, "1: retry.max: must be at least initial"},
		"enum of a driver":               {shop("param_style: round"), "7: providers.shop.param_style: must be one of: nested, flat"},
		"flag of a driver":               {shop("test: 1"), "7: providers.shop.test: must be true or false"},
		"root_ca that is not there":      {shop("root_ca: ca.pem"), "7: providers.shop.root_ca: can't be read: file does not exist"},
		"root_ca that holds none":        {shop("root_ca: junk.pem"), "7: providers.shop.root_ca: holds no certificate"},
		"another driver's key":           {shop("client_id: x"), "7: providers.shop.client_id: is not a key here"},
		"text too long":                  {strings.Replace(sber, "LANG", "rus", 1), "language: must have at most 2 characters, has 3"},
		"text of a broken kind":          {strings.Replace(sber, "LANG", `"\x1b"`, 1), "language: must be one line"},
		"callback over http":             {strings.Replace(maib, "URL", "http://refunds.example.com", 1), "callback_url: http:// is for loopback only"},
		"callback with a query":          {strings.Replace(maib, "URL", "https://refunds.example.com/?a", 1), "callback_url: must hold no ?"},
		"the same account twice":         {minimal + strings.Replace(strings.Replace(minimal, "providers:\n", "", 1), "shop", "again", 1), "8: providers.again: is the same account as shop"},
		"the same account, another port": {minimal + strings.NewReplacer("providers:\n", "", "shop", "again", "unitpay.ru", "UNITPAY.ru:443").Replace(minimal), "8: providers.again: is the same account as shop"},
	} {
		_, err := load(c.text, true, map[string]string{"/etc/refunds/junk.pem": "junk"})
		var faults config.Faults
		if !errors.As(err, &faults) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
			continue
		}
		if len(faults) != 1 || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "/etc/refunds/refunds.yaml:") {
			t.Errorf("%s:\n got %v\nwant one with %q", name, err, c.want)
		}
	}
}

const sber = `
providers:
  bank: {driver: sberbank, base_url: "https://h/x", username: u, password: p, language: LANG}
`

const maib = `
providers:
  bank: {driver: maib, base_url: "https://h/x", client_id: u, client_secret: p, callback_url: "URL"}
`

func TestAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"https://h":                    "",
		"https://h:8443/a/b":           "",
		"http://localhost:8080":        "",
		"http://127.9.9.9":             "",
		"http://[::1]:80/x":            "",
		"http://[::ffff:127.0.0.1]":    "",
		"http://h":                     "http:// is for loopback only",
		"http://10.0.0.1":              "http:// is for loopback only",
		"http://localhost.example.com": "http:// is for loopback only",
		"http://127.0.0.1.example.com": "http:// is for loopback only",
		"http://0.0.0.0":               "an address that is no provider's",
		"http://169.254.169.254":       "an address that is no provider's",
		"https://169.254.169.254:8443": "an address that is no provider's",
		"https://[fe80::1]/api":        "an address that is no provider's",
		"https://[::]":                 "an address that is no provider's",
		"https://10.0.0.1":             "",
		"ftp://h":                      "must begin with https://",
		"h/api":                        "must begin with https://",
		"https:h":                      "must begin with https://",
		"https://":                     "names no host",
		"https://h:0":                  "no valid port",
		"https://h:99999":              "no valid port",
		"https://me:hunter2@h":         "no user or password",
		"https://h?hunter2":            "must hold no ?",
		"https://h#hunter2":            "must hold no ?",
		"https://hun ter2":             "is not a URL",
	} {
		text := strings.Replace(minimal, "https://unitpay.ru/api", `"`+url+`"`, 1)
		_, err := load(text, true, nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", url, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), "5: providers.shop.base_url: ") || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", url, err, want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the error shows what may be a password: %v", url, err)
		}
		insecure := text + "    allow_insecure: true\n"
		switch _, err := load(insecure, true, nil); {
		case strings.Contains(want, "loopback") && err != nil:
			t.Errorf("%s with allow_insecure: %v", url, err)
		case strings.Contains(want, "no provider's") && err == nil:
			t.Errorf("%s passes with allow_insecure", url)
		}
	}
}

func TestAllFaultsAreReportedAtOnceInTheFilesOrder(t *testing.T) {
	_, err := load(`
durability: disk
typo: 1
retry: {initial: 1h, max: 1}
providers:
  a:
    driver: unitpay
    base_url: nowhere
    secret_key: ${NOT_SET}${NOT_SET_EITHER}
  b:
    driver: maib
    timeout: never
`, true, nil)
	want := regexp.MustCompile(`^/etc/refunds/refunds.yaml:2: durability: .*
.*:3: typo: .*
.*:4: retry.max: must be a duration.*
.*:8: providers.a.base_url: .*
.*:9: providers.a.secret_key: missing secret: .* NOT_SET .*
.*:9: providers.a.secret_key: missing secret: .* NOT_SET_EITHER .*
.*:10: providers.b.base_url: .*
.*:10: providers.b.client_id: .*
.*:10: providers.b.client_secret: .*
.*:12: providers.b.timeout: .*$`)
	if err == nil || !want.MatchString(err.Error()) {
		t.Errorf("got\n%v", err)
	}
}

func TestNoFaultShowsASecret(t *testing.T) {
	files := map[string]string{"/etc/refunds/key": "hunter2 file\x01"}
	for name, text := range map[string]string{
		"redis password":          "redis: redis://:hunter2/x@h" + minimal,
		"redis password as value": "redis: redis://:${file:key}@h" + minimal,
		"unquoted star":           strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", "*hunter2", 1),
		"unquoted ampersand":      strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", "&hunter2", 1),
		"unquoted exclamation":    strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", "!hunter2", 1),
		"unquoted percent":        strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", "%hunter2", 1),
		"unquoted at":             strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", "@hunter2", 1),
		"literal with a control":  strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", `"hunter2\u0001"`, 1),
		"file with a control":     strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", "${file:key}", 1),
		"literal with unclosed":   strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", `"hunter2${"`, 1),
		"literal with odd name":   strings.Replace(minimal, "${UNITPAY_SECRET_KEY}", `"${hunter2 }"`, 1),
		"put in elsewhere":        shop("timeout: ${file:key}"),
		"put in a rate":           shop("rate_limit: ${file:key}"),
	} {
		_, err := load(text, true, files)
		if err == nil {
			if name != "unquoted percent" {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}
