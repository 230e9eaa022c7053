package refund_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"refundworker/refund"
)

// FuzzInspect holds the look for names that come twice against one that is made
// of encoding/json's own tokens: of what is JSON they must say the same.
func FuzzInspect(f *testing.F) {
	for _, text := range []string{
		`{"provider":"u","amount":"1","metadata":{"a":"1","A":"2"}}`, `{"amount":null}`, `{"AMOUNT":null}`, `[null]`, `{"a":{"amount":null}}`,
		`{"amount":"1","\u0061mount":"100"}`, `{"reason":"a","reaſon":"b"}`, `{"metadata":{"b":{"a":1,"A":2},"b":1}}`, `{"metadata":"x","a":{"B":1,"b":2}}`,
		`{"receipt":{"items":[{"name":"x","price":1e5},{"name":"\"}{","Name":true}]}}`, `[[[[[[[[[]]]]]]]]]`, `{"a":"\\","A":[]}`, `{"\ud800":1,"\ufffd":2}`, "{\"\xff\":1,\"\ufffd\":2}", ` "a" `,
		`{"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1,"a9":1,"b1":1,"b2":1,"b3":1,"b4":1,"b5":1,"b6":1,"b7":1,"b8":1,"b9":1,"B8":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := refund.Inspect(text) // of what is no JSON it may say anything, but not panic
		if !json.Valid(text) {
			return
		}
		if want := inspectTokens(text); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}

// inspectTokens is inspect, slowly.
func inspectTokens(b []byte) error {
	type level struct {
		names        map[string]bool // nil in an array
		exact, value bool
		name         string
	}
	dec := json.NewDecoder(bytes.NewReader(b))
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
		next := &level{}
		if len(stack) > 0 {
			top := stack[len(stack)-1]
			if top.names != nil && !top.value {
				name := token.(string)
				top.name, top.value = name, true
				if !top.exact {
					top.name = strings.ToLower(strings.ToUpper(name))
				}
				if top.names[top.name] {
					if len(name) > 64 {
						name = strings.ToValidUTF8(name[:64], "") + "…"
					}
					return refund.Invalid{{Field: name, Rule: "comes twice"}}
				}
				top.names[top.name] = true
				continue
			}
			top.value = false
			if token == nil && len(stack) == 1 && (top.name == "amount" || top.name == "payment_total") {
				return refund.Invalid{{Field: top.name, Rule: "must not be null; leave it out instead"}}
			}
			next.exact = top.exact || len(stack) == 1 && top.name == "metadata"
		}
		if delim, ok := token.(json.Delim); ok {
			if len(stack) == 8 {
				return refund.Invalid{{Field: "request", Rule: "must nest at most 8 levels deep"}}
			}
			if delim == '{' {
				next.names = map[string]bool{}
			}
			stack = append(stack, next)
		}
	}
}
