package ratelimit_test

import (
	"testing"
	"time"

	"refundworker/ratelimit"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want ratelimit.Limit
	}{
		{"5/s", ratelimit.Limit{Calls: 5, Per: time.Second}},
		{"300/m", ratelimit.Limit{Calls: 300, Per: time.Minute}},
		{"1000/h", ratelimit.Limit{Calls: 1000, Per: time.Hour}},
		{"1000000/s", ratelimit.Limit{Calls: 1e6, Per: time.Second}},
		{"none", ratelimit.Limit{Unlimited: true}},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := ratelimit.Parse(c.text)
			if err != nil || got != c.want {
				t.Fatalf("Parse(%q) = %+v, %v; want %+v", c.text, got, err, c.want)
			}
			if got.String() != c.text {
				t.Errorf("String() = %q, want %q", got, c.text)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "5", "/s", "5/", "5/d", "5/sec", "0/s", "-1/s", "+5/s", "5.5/s", " 5/s", "5/s ", "5 / s",
		"None", "unlimited", "1000001/s", "99999999999999999999/s", "5/s/s", "1_000/h",
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := ratelimit.Parse(text); err == nil {
				t.Errorf("Parse(%q) = %+v, want an error", text, got)
			}
		})
	}
}

func TestStringOfLimitsThatParseCannotWrite(t *testing.T) {
	if got := (ratelimit.Limit{}).String(); got != "5/s" {
		t.Errorf("zero limit = %q, want the default 5/s", got)
	}
	if got := (ratelimit.Limit{Calls: 3, Per: 10 * time.Second}).String(); got != "3/10s" {
		t.Errorf("got %q, want 3/10s", got)
	}
}
