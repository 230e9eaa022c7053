package providers_test

import (
	"strings"
	"testing"
	"time"

	"refundworker/providers"
	"refundworker/refund"
)

func TestRetryAfterIsReadWithCare(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		"3600":                          time.Hour,
		"86400":                         time.Hour,
		"2147483647":                    time.Hour,
		"99999999999999999999":          0,
		"-5":                            0,
		"soon":                          0,
		"1.5":                           0,
		"Wed, 01 Jul 2026 12:00:30 GMT": 30 * time.Second,
		"Wed, 01 Jul 2026 11:00:00 GMT": 0,
		"Thu, 02 Jul 2026 12:00:00 GMT": time.Hour,
	} {
		if got := providers.RetryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestDecodeRefusesWhatCannotBeTrusted(t *testing.T) {
	for name, body := range map[string]string{
		"empty":                     "",
		"truncated":                 `{"a":"1"`,
		"two values":                `{"a":"1"} {}`,
		"garbage after it":          `{"a":"1"}x`,
		"two things under one name": `{"a":"1","a":"2"}`,
		"two spellings of one name": `{"a":"1","A":"2"}`,
		"an odd letter for s":       `{"s":"1","ſ":"2"}`,
		"one name, value and array": `{"a":"1","A":[]}`,
		"contradiction inside":      `{"b":[{"c":1,"c":2}]}`,
		"nested too deeply":         strings.Repeat("[", 33) + strings.Repeat("]", 33),
		"nested without end":        strings.Repeat(`{"a":`, 100000),
	} {
		var into any
		if err := providers.Decode([]byte(body), &into); err == nil {
			t.Errorf("%s: read as %v, want an error", name, into)
		}
	}
	for name, body := range map[string]string{
		"plain":             `{"a":"1"}`,
		"byte order mark":   "\xef\xbb\xbf{\"a\":\"1\"}",
		"said twice":        `{"a":"1","A":"1"}`,
		"deep as allowed":   `{"a":"1","b":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		"same name in two":  `{"a":"1","b":[{"c":1},{"c":2}]}`,
		"white space after": "{\"a\":\"1\"}\r\n",
	} {
		var into struct {
			A string `json:"a"`
		}
		if err := providers.Decode([]byte(body), &into); err != nil || into.A != "1" {
			t.Errorf("%s: %q, %v; want 1", name, into.A, err)
		}
	}
}

func TestScalarKeepsDigits(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":"0"}`: "0", `{"a":0}`: "0", `{"a":true}`: "true", `{"a":"true"}`: "true",
		`{"a":12345678901234567890.10}`: "12345678901234567890.10", `{"a":""}`: "",
	} {
		var into struct {
			A *providers.Scalar `json:"a"`
		}
		if err := providers.Decode([]byte(body), &into); err != nil || into.A == nil || string(*into.A) != want {
			t.Errorf("%s: %v, %v; want %q", body, into.A, err, want)
		}
	}
	var into struct {
		A *providers.Scalar `json:"a"`
	}
	if err := providers.Decode([]byte(`{"a":null}`), &into); err != nil || into.A != nil {
		t.Errorf("null: %v, %v; want absent", into.A, err)
	}
	for _, body := range []string{`{"a":[]}`, `{"a":{}}`} {
		if err := providers.Decode([]byte(body), &into); err == nil {
			t.Errorf("%s: no error", body)
		}
	}
}

func TestAmountsThatAreNoneAreNil(t *testing.T) {
	amount := func(s string) *providers.Scalar { return (*providers.Scalar)(&s) }
	for s, want := range map[string]int64{"10.00": 1000, "10": 1000, "0": 0, "50.61": 5061} {
		if got := amount(s).Minor("RUB"); got == nil || *got != want {
			t.Errorf("%q: %v, want %d", s, got, want)
		}
	}
	for _, s := range []string{"", "-1", "1e3", "1.005", "abc", "999999999999999999"} {
		if got := amount(s).Minor("RUB"); got != nil {
			t.Errorf("%q: %d, want nil", s, *got)
		}
	}
	if (*providers.Scalar)(nil).Minor("RUB") != nil || amount("1").Minor(refund.Currency("???")) != nil {
		t.Error("an absent amount, or one of no currency, is not nil")
	}
}
