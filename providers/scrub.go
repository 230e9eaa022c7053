package providers

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const (
	maxMessage = 200 // runes
	maxCode    = 64  // runes
)

// Text makes a provider's words safe to print: without the account's secrets,
// or the further ones, in any encoding; on one line; at most 200 runes.
func (c *Client) Text(s string, more ...Secret) string {
	return clip(c.scrub.clean(s, more), maxMessage)
}

// Code is Text for a code or an id, at most 64 runes.
func (c *Client) Code(s string, more ...Secret) string { return clip(c.scrub.clean(s, more), maxCode) }

func secretsOf(s Settings) []Secret {
	var all []Secret
	for _, secret := range s.Secrets {
		all = append(all, secret)
	}
	return all
}

// scrubber replaces secrets in text. It prints as nothing, since it knows them.
type scrubber struct{ replace *strings.Replacer }

func newScrubber(secrets []Secret) *scrubber {
	var forms []string
	for _, s := range secrets {
		forms = append(forms, encodings(s.Reveal())...)
	}
	// Longest first: the replacer takes the first that fits, and a part of a
	// form must not be taken for the whole.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, redacted)
	}
	return &scrubber{strings.NewReplacer(pairs...)}
}

// Format keeps the secrets out of a printed Client.
func (s *scrubber) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

func (s *scrubber) clean(text string, more []Secret) string {
	more = slices.DeleteFunc(slices.Clone(more), Secret.Empty)
	scrub := func(t string) string {
		if len(more) > 0 {
			t = newScrubber(more).replace.Replace(t)
		}
		return s.replace.Replace(t)
	}
	// Twice: taking characters out can put a secret together that had them in
	// between, and a secret may hold such characters itself.
	return scrub(oneLine(scrub(strings.ToValidUTF8(text, "?"))))
}

// oneLine turns white space into single spaces and drops control, format and
// private characters, which can rearrange what a terminal shows.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.C) {
			return -1
		}
		return r
	}, s)
}

func clip(s string, runes int) string {
	if r := []rune(s); len(r) > runes {
		return string(r[:runes-1]) + "…"
	}
	return s
}

// encodings are the forms in which a secret can come back: as it is, escaped
// for URLs, HTML and JSON (Go's, and PHP's with its \/ and \u0441), in
// hexadecimal, and in base64, also as a part of something longer.
func encodings(v string) []string {
	if v == "" {
		return nil
	}
	forms := []string{v, url.QueryEscape(v), url.PathEscape(v), url.QueryEscape(url.QueryEscape(v)), html.EscapeString(v),
		jsonText(v), asciiJSON(v), strings.ReplaceAll(jsonText(v), "/", `\/`), strings.ReplaceAll(asciiJSON(v), "/", `\/`),
		hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v)))}
	for _, escaped := range []string{forms[1], forms[2]} {
		forms = append(forms, lowerEscapes(escaped))
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, e.EncodeToString([]byte(v)), e.WithPadding(base64.NoPadding).EncodeToString([]byte(v)))
		for before := range 3 {
			inner := e.EncodeToString(append(make([]byte, before), v...))
			inner = inner[(before*8+5)/6 : (before+len(v))*8/6]
			if len(inner) >= 8 { // shorter ones are part of ordinary words
				forms = append(forms, inner)
			}
		}
	}
	for _, form := range slices.Clone(forms) {
		forms = append(forms, url.QueryEscape(form))
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

func jsonText(v string) string {
	b, err := json.Marshal(v)
	if err != nil {
		return v
	}
	return string(b[1 : len(b)-1])
}

func asciiJSON(v string) string {
	var out strings.Builder
	for _, r := range jsonText(v) {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

// lowerEscapes writes %2B as %2b and leaves the rest.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}
