package providers_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"math/big"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"refundworker/providers"
	"refundworker/refund"
)

// FuzzRetryAfter holds a provider's wish within bounds, whatever it writes.
func FuzzRetryAfter(f *testing.F) {
	f.Add("7", int64(1_700_000_000))
	f.Fuzz(func(t *testing.T, header string, unix int64) {
		if unix < 0 || unix > 1<<35 {
			return
		}
		now := time.Unix(unix, 0)
		d := providers.RetryAfter(header, now)
		if d < 0 || d > time.Hour {
			t.Errorf("%q at %s means %s", header, now, d)
		}
		if !strings.ContainsAny(header, "0123456789") && d != 0 {
			t.Errorf("%q means %s", header, d)
		}
	})
}

// FuzzDecode looks for answers that are taken and say two things, and for
// amounts that are not what the answer says.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"amount":100.50,"nested":{"amount":"1"}}`), "RUB")
	f.Fuzz(func(t *testing.T, body []byte, currency string) {
		var into struct {
			Amount *providers.Scalar `json:"amount"`
			Nested map[string]json.RawMessage
		}
		if providers.Decode(body, &into) != nil {
			return
		}
		if !json.Valid([]byte(strings.TrimPrefix(string(body), "\xef\xbb\xbf"))) {
			t.Fatalf("%q was taken and is no JSON", body)
		}
		minor := into.Amount.Minor(refund.Currency(currency))
		if minor == nil {
			return
		}
		exponent, ok := refund.Currency(currency).Exponent()
		said, isNumber := new(big.Rat).SetString(string(*into.Amount))
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil))
		if !ok || !isNumber || *minor < 0 || said.Mul(said, scale).Cmp(new(big.Rat).SetInt64(*minor)) != 0 {
			t.Errorf("%q %s in %q became %d", *into.Amount, currency, body, *minor)
		}
	})
}

// FuzzScalar holds the texts of answers against encoding/json.
func FuzzScalar(f *testing.F) {
	for _, text := range []string{"\"\"", "\"12\"", "\"Возврат\u2028\x7f\"", `"Ж\n\\\ud83d\ude00\ud83d"`, "\"\xff\xd0\"", "\"\xe2\x80\"", "null", "{}", "7"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var want string
		if json.Unmarshal(b, &want) != nil {
			return
		}
		var got providers.Scalar
		if err := json.Unmarshal(b, &got); err != nil || string(got) != want {
			t.Errorf("%q was read as %q, want %q; %v", b, got, want, err)
		}
	})
}

// FuzzInspect holds the look for contradictions against one that is made of
// encoding/json's own tokens: of what is JSON they must say the same.
func FuzzInspect(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"A":1.0}`, `{"a":"1","A":1}`, `{"a":"\u0061","A":"a"}`, `{"a":null,"A":null}`, `{"a":true,"b":[{"c":1,"C":[]}],"A":false}`, `{"a":{},"A":1}`,
		`{"\u0061":1,"a":2}`, `{"s":1,"ſ":2}`, `{"K":1,"K":2}`, `{"\ud800":1,"\ufffd":2}`, "{\"\xff\":1,\"\ufffd\":2}", "{\"a\":\"\xff\",\"A\":\"\ufffd\"}",
		`{"a\"}":1,"a":"]\\"}`, ` "a" `, `[]`, `[1,{"":1,"":2}]`, `{"É":1,"é":1}`, strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := providers.Inspect(text) // of what is no JSON it may say anything, but not panic
		if !json.Valid(text) {
			return
		}
		if want := inspectTokens(text); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}

// inspectTokens is inspect, slowly.
func inspectTokens(body []byte) error {
	type level struct {
		names map[string]json.Token // by folded name; nil for an array
		name  string
		value bool // a value comes next
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var stack []*level
	for {
		token, err := dec.Token()
		if err != nil {
			return nil
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			stack = stack[:len(stack)-1]
			continue
		}
		delim, composite := token.(json.Delim)
		if len(stack) > 0 && stack[len(stack)-1].names != nil {
			top := stack[len(stack)-1]
			if top.value = !top.value; top.value {
				top.name = strings.ToLower(strings.ToUpper(token.(string)))
				continue
			}
			if earlier, twice := top.names[top.name]; twice && (composite || earlier != token) {
				return errors.New("an object says two things under one name")
			}
			top.names[top.name] = token
		}
		if composite {
			if len(stack) == 32 {
				return errors.New("nested too deeply")
			}
			next := &level{}
			if delim == '{' {
				next.names = map[string]json.Token{}
			}
			stack = append(stack, next)
		}
	}
}

// FuzzText looks for a secret that comes through.
func FuzzText(f *testing.F) {
	f.Add("refused: ", "key=s3cr3t+key%2Fvalue", "s3cr3t+key/value")
	f.Fuzz(func(t *testing.T, before, after, secret string) {
		// What a configuration takes: one line of UTF-8. Its own replacement must
		// not be part of it.
		if len(secret) < 8 || len(secret) > 100 || !utf8.ValidString(secret) || strings.Contains("redacted", secret) ||
			strings.ContainsFunc(secret, func(r rune) bool {
				return unicode.In(r, unicode.C) || unicode.IsSpace(r) || strings.ContainsRune("[]…�", r)
			}) {
			return
		}
		c := open(t, "https://provider.example", func(s *providers.Settings) {
			s.Secrets = map[string]providers.Secret{"key": providers.NewSecret(secret)}
		})
		for form, text := range forms(secret) {
			got := c.Text(before + text + after)
			if strings.Contains(got, text) {
				t.Errorf("%s: %q came through in %q", form, text, got)
			}
			if strings.ContainsAny(got, "\r\n\x00\x1b") || len([]rune(got)) > 200 {
				t.Errorf("%q is not one short line", got)
			}
		}
	})
}

// forms are ways to write a secret, made without the package's own list.
func forms(secret string) map[string]string {
	b := []byte(secret)
	quoted, _ := json.Marshal(secret)
	ascii := strconv.QuoteToASCII(secret)
	all := map[string]string{
		"plain": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret),
		"query twice": url.QueryEscape(url.QueryEscape(secret)), "path twice": url.PathEscape(url.PathEscape(secret)),
		"query of path": url.QueryEscape(url.PathEscape(secret)), "small escapes": escapes.ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower),
		"base64": base64.StdEncoding.EncodeToString(b), "base64 raw": base64.RawStdEncoding.EncodeToString(b),
		"base64 url": base64.URLEncoding.EncodeToString(b), "base64 raw url": base64.RawURLEncoding.EncodeToString(b),
		"hex": hex.EncodeToString(b), "HEX": strings.ToUpper(hex.EncodeToString(b)), "html": html.EscapeString(secret),
		"htmlspecialchars": strings.NewReplacer("&", "&amp;", `"`, "&quot;", "'", "&#039;", "<", "&lt;", ">", "&gt;").Replace(secret),
		"json":             string(quoted[1 : len(quoted)-1]),
	}
	if !strings.Contains(ascii, `\U`) && !strings.Contains(ascii, `\x`) { // as JSON has it
		all["json in ASCII"] = ascii[1 : len(ascii)-1]
		all["json of PHP"] = strings.ReplaceAll(ascii[1:len(ascii)-1], "/", `\/`)
	}
	return all
}

var escapes = regexp.MustCompile("%[0-9A-F]{2}")
