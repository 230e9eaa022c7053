package providers

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
)

// encodings are the forms in which a secret can come back: as it is, escaped
// once or twice for URLs, escaped for HTML and JSON in the ways of Go, PHP, .NET
// and JavaScript, in hexadecimal, and in base64, also as a part of something
// longer.
func encodings(v string) []string {
	if v == "" {
		return nil
	}
	forms := []string{v, hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v)))}
	for _, escaped := range []string{url.QueryEscape(v), url.PathEscape(v), url.PathEscape(url.PathEscape(v))} {
		forms = append(forms, escaped, lowerEscapes(escaped))
	}
	forms = append(forms, inHTML(v)...)
	forms = append(forms, inJSON(v)...)
	forms = append(forms, inBase64(v)...)
	for _, form := range slices.Clone(forms) {
		forms = append(forms, url.QueryEscape(form))
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// inHTML escapes as Go's html package, PHP's htmlspecialchars, XML writers, and
// OWASP's rules for JavaScript libraries do.
func inHTML(v string) []string {
	forms := []string{html.EscapeString(v)}
	for _, quotes := range [][]string{
		{`"`, "&quot;"}, // PHP before 8.1 leaves ' as it is
		{`"`, "&quot;", "'", "&#039;"},
		{`"`, "&quot;", "'", "&#39;"},
		{`"`, "&quot;", "'", "&apos;"},
		{`"`, "&quot;", "'", "&#x27;"},
		{`"`, "&quot;", "'", "&#x27;", "/", "&#x2F;"},
	} {
		forms = append(forms, strings.NewReplacer(append(quotes, "&", "&amp;", "<", "&lt;", ">", "&gt;")...).Replace(v))
	}
	return forms
}

// inJSON escapes as encoding/json, PHP (which writes / as \/ and all beyond
// ASCII as \u0441) and .NET (which also writes quotes, &, +, ' and ` so, in
// capitals) do.
func inJSON(v string) []string {
	plain, careful := jsonText(v, false), jsonText(v, true)
	net := asciiJSON(plain, "%04X")
	for _, r := range "&'+<>`" {
		net = strings.ReplaceAll(net, string(r), fmt.Sprintf(`\u%04X`, r))
	}
	forms := []string{plain, careful, net, strings.ReplaceAll(net, `\"`, `\u0022`)}
	for _, form := range []string{plain, careful} {
		forms = append(forms, asciiJSON(form, "%04x"), asciiJSON(form, "%04X"))
	}
	for _, form := range slices.Clone(forms) {
		forms = append(forms, strings.ReplaceAll(form, "/", `\/`), jsonText(form, false)) // the second: JSON within JSON
	}
	return forms
}

func inBase64(v string) []string {
	var forms []string
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
	return forms
}

// jsonText is v as it stands between the quotes of a JSON string; careful also
// escapes <, > and &, as encoding/json does unless told otherwise.
func jsonText(v string, careful bool) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(careful)
	if enc.Encode(v) != nil {
		return v
	}
	s := strings.TrimSuffix(out.String(), "\n")
	return s[1 : len(s)-1]
}

// asciiJSON escapes what is beyond ASCII; digits is the format of its numbers.
func asciiJSON(escaped, digits string) string {
	var out strings.Builder
	for _, r := range escaped {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u`+digits+`\u`+digits, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&out, `\u`+digits, r)
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
