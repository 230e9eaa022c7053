package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// value is one scalar after ${…} was put in.
type value struct {
	b    *block
	key  string
	line int
	text string
	raw  string // as the file has it
	bad  bool   // a fault was reported already
}

// fault reports the first thing that is wrong with the value.
func (v *value) fault(rule string, args ...any) {
	if !v.bad {
		v.another(rule, args...)
	}
}

// another reports one thing more.
func (v *value) another(rule string, args ...any) {
	v.b.d.fault(v.line, v.b.join(v.key), rule, args...)
	v.b.faulty = append(v.b.faulty, v.key)
	v.bad = true
}

// faultQuoted adds what the file says, as it says it: what ${…} stands for is
// never shown.
func (v *value) faultQuoted(rule string, args ...any) {
	v.fault("%s; it is %s", fmt.Sprintf(rule, args...), clip(v.raw))
}

// scalar takes a key's single value without looking for ${…} in it.
func (b *block) scalar(key string) (*value, bool) {
	v := &value{b: b, key: key}
	e, ok := b.take(key)
	if !ok {
		return v, false
	}
	v.line, v.raw, v.text = e.line, e.value.Value, e.value.Value
	switch {
	case e.value.Kind != yaml.ScalarNode:
		v.fault("must be a single value, not %s", kindName(e.value))
	case isNull(e.value) && e.value.Value == "":
		v.fault("has no value; fill it in or remove the key")
	}
	return v, true
}

// text takes a key's value with ${…} put in. It reports false when the key is
// absent; when something is wrong with the value, v.bad is set.
func (b *block) text(key string) (*value, bool) {
	v, ok := b.scalar(key)
	if ok && !v.bad {
		b.d.expand(v)
	}
	return v, ok
}

// choice takes one of a few words.
func (b *block) choice(key, absent string, words ...string) string {
	v, ok := b.text(key)
	if !ok {
		return absent
	}
	if !v.bad && !slices.Contains(words, v.text) {
		v.faultQuoted("must be one of %s", strings.Join(words, ", "))
	}
	return v.text
}

// flag takes true or false.
func (b *block) flag(key string, absent bool) bool {
	v, ok := b.text(key)
	if !ok || v.bad {
		return absent
	}
	return v.flag()
}

func (v *value) flag() bool {
	if v.text != "true" && v.text != "false" {
		v.faultQuoted("must be true or false")
	}
	return v.text == "true"
}

// integer takes a whole number.
func (b *block) integer(key string, absent, least, most int) int {
	v, ok := b.text(key)
	if !ok || v.bad {
		return absent
	}
	n, err := strconv.Atoi(v.text)
	if err != nil || n < least || n > most {
		v.faultQuoted("must be a whole number from %d to %d", least, most)
		return absent
	}
	return n
}

// duration takes a Go duration. A bare 0 is refused like any other number
// without a unit.
func (b *block) duration(key string, absent, least, most time.Duration) time.Duration {
	v, ok := b.text(key)
	if !ok || v.bad {
		return absent
	}
	d, err := time.ParseDuration(v.text)
	if err != nil || !strings.ContainsAny(v.text, "hmsµμn") {
		v.faultQuoted("must be a duration with its unit, such as 500ms, 15s, 30m or 9600h")
		return absent
	}
	if d < least || d > most {
		v.faultQuoted("must be from %s to %s", short(least), short(most))
		return absent
	}
	return d
}

// short writes 30m instead of 30m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
