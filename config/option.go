package config

import (
	"crypto/x509"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"refundworker/providers"
)

// Limits of a driver's own values, in characters.
const (
	maxText   = 500
	maxSecret = 4096
)

// option takes one of a driver's keys into p.Settings.
func (b *block) option(o providers.Option, p Provider) {
	if o.Kind == providers.SecretText {
		b.secret(o, p)
		return
	}
	v, ok := b.text(o.Key)
	if !ok {
		if o.Required {
			b.d.fault(b.line, b.join(o.Key), "is required by the driver %s%s; add it", p.Driver.Name(), help(o))
			return
		}
		v.text = o.Default
		v.line = b.line
	}
	if v.bad {
		return
	}
	s := p.Settings
	switch o.Kind {
	case providers.Flag:
		if ok || v.text != "" {
			s.Flags[o.Key] = v.flag()
		} else {
			s.Flags[o.Key] = false
		}
	case providers.Origin:
		if ok || v.text != "" {
			if u := v.origin(p.AllowInsecure); u != nil {
				s.Texts[o.Key] = u.String()
			}
		}
	default:
		if ok {
			v.checkText(o)
		}
		if ok || v.text != "" {
			s.Texts[o.Key] = v.text
		}
	}
}

func (v *value) checkText(o providers.Option) {
	limit := o.MaxLen
	if limit == 0 {
		limit = maxText
	}
	switch {
	case len(o.Enum) > 0 && !slices.Contains(o.Enum, v.text):
		v.faultQuoted("must be one of: %s", strings.Join(o.Enum, ", "))
	case o.Required && v.text == "":
		v.fault("is empty%s; fill it in", help(o))
	case utf8.RuneCountInString(v.text) > limit:
		v.fault("must have at most %d characters, has %d", limit, utf8.RuneCountInString(v.text))
	case hasControl(v.text):
		v.fault("must be one line of UTF-8 text without control characters")
	}
}

// secret takes a credential. Its value is in no message.
func (b *block) secret(o providers.Option, p Provider) {
	v, ok := b.scalar(o.Key)
	switch {
	case !ok && o.Required:
		b.d.fault(b.line, b.join(o.Key), "missing secret%s; add it as ${NAME} or ${file:PATH}", help(o))
		return
	case !ok || v.bad:
		return
	case v.raw == "":
		v.fault("missing secret%s: it is empty; write ${NAME} or ${file:PATH}", help(o))
		return
	case !b.d.opts.ResolveSecrets:
		return
	}
	before := len(b.d.faults)
	b.d.expand(v)
	for i := before; i < len(b.d.faults); i++ {
		b.d.faults[i].Rule = "missing secret: " + b.d.faults[i].Rule
	}
	if v.bad {
		return
	}
	limit := o.MaxLen
	if limit == 0 {
		limit = maxSecret
	}
	switch {
	case v.text == "":
		v.fault("missing secret: what it names is empty; fill it in")
	case utf8.RuneCountInString(v.text) > limit:
		v.fault("must have at most %d characters; check that the right file or variable is named", limit)
	case hasControl(v.text):
		v.fault("holds a line break or a control character; keep the secret on one line of UTF-8 text")
	default:
		p.Settings.Secrets[o.Key] = providers.NewSecret(v.text)
	}
}

// path takes the path of a file, from the configuration's folder on; empty where
// there is none to use. what is what an empty one should name.
func (d *decoder) path(b *block, key, what string) (*value, string) {
	v, ok := b.text(key)
	if !ok || v.bad {
		return v, ""
	}
	if v.text == "" {
		v.fault("is empty; name %s remove the key", what)
		return v, ""
	}
	if filepath.IsAbs(v.text) {
		return v, v.text
	}
	return v, filepath.Join(d.dir, v.text)
}

// rootCA takes the path of a PEM file; it is opened only where the provider
// will be called, since producers may not have it.
func (d *decoder) rootCA(b *block) string {
	v, path := d.path(b, "root_ca", "a PEM file or")
	if path == "" || !d.opts.ResolveSecrets {
		return path
	}
	pem, err := d.opts.ReadFile(path)
	switch {
	case err != nil:
		v.faultQuoted("can't be read: %s; name a PEM file of certificate authorities", reason(err))
	case len(pem) > MaxFile || !x509.NewCertPool().AppendCertsFromPEM(pem):
		v.faultQuoted("holds no certificate in PEM form; name a PEM file of certificate authorities")
	}
	return path
}

func help(o providers.Option) string {
	if o.Help == "" {
		return ""
	}
	return " (" + o.Help + ")"
}

func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0
}
