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
