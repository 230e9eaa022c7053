package providers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Fingerprint tells one merchant account from another: 16 hexadecimal digits
// over the driver, the base URL, and the options that have Identity set. Two
// names for one account have the same one. The credentials cannot be read back
// from it: they go through HMAC-SHA256, and 8 of its 32 bytes are kept.
func Fingerprint(d Driver, s Settings) string {
	mac := hmac.New(sha256.New, []byte("refundworker account fingerprint 1"))
	add := func(part string) { // with its length, so that parts cannot run into each other
		_, _ = io.WriteString(mac, strconv.Itoa(len(part))+":"+part)
	}
	add(d.Name())
	add(normalised(s.BaseURL))
	for _, o := range d.Options() {
		if !o.Identity {
			continue
		}
		add(o.Key)
		switch o.Kind {
		case SecretText:
			add(s.Secrets[o.Key].Reveal())
		case Flag:
			add(strconv.FormatBool(s.Flags[o.Key]))
		default:
			add(s.Texts[o.Key])
		}
	}
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// normalised writes a base URL in one way: lower-case scheme and host, no
// default port, no slash at the end, nothing but scheme, host and path.
func normalised(u *url.URL) string {
	if u == nil {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	host = strings.TrimSuffix(host, ".")
	if port == "443" && scheme == "https" || port == "80" && scheme == "http" {
		port = ""
	}
	if port != "" {
		port = ":" + port
	}
	return scheme + "://" + host + port + strings.TrimRight(u.EscapedPath(), "/")
}
