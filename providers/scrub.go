package providers

import (
	"fmt"
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
	valid := strings.ToValidUTF8(text, "?")
	scrubbed := s.scrub(valid, more)
	line := oneLine(scrubbed)
	if scrubbed == valid && line == valid {
		return line
	}
	// Twice: taking characters out can put a secret together that had them in
	// between, and a secret may hold such characters itself.
	return s.scrub(line, more)
}

func (s *scrubber) scrub(t string, more []Secret) string {
	// Each form of a secret is at least as long as the secret, and to make them
	// all takes longer than the rest of a call.
	more = slices.DeleteFunc(slices.Clone(more), func(m Secret) bool { return m.Empty() || len(m.Reveal()) > len(t) })
	if len(more) > 0 {
		t = newScrubber(more).replace.Replace(t)
	}
	return s.replace.Replace(t)
}

// oneLine turns white space into single spaces and drops control, format and
// private characters, which can rearrange what a terminal shows.
func oneLine(s string) string {
	if plainLine(s) {
		return s
	}
	s = strings.Join(strings.Fields(s), " ")
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.C) {
			return -1
		}
		return r
	}, s)
}

// plainLine reports whether s is printable ASCII, and characters of the Latin and
// Cyrillic blocks beyond it, with single spaces inside it only: one line already, as
// nearly all text is.
func plainLine(s string) bool {
	space := true // a space may not come first
	for _, r := range s {
		ascii, latin, cyrillic := r >= ' ' && r <= '~', r >= 'À' && r <= 'ɏ', r >= 'Ѐ' && r <= 'ӿ'
		if !ascii && !latin && !cyrillic || r == ' ' && space {
			return false
		}
		space = r == ' '
	}
	return s == "" || !space
}

func clip(s string, runes int) string {
	if len(s) <= runes { // bytes, and so no more runes
		return s
	}
	if r := []rune(s); len(r) > runes {
		return string(r[:runes-1]) + "…"
	}
	return s
}
