package maib

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"refundworker/providers"
)

// callbackKey derives the key of the callback addresses, so that the client
// secret itself signs nothing that others see.
func callbackKey(secret providers.Secret) providers.Secret {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte("refundworker maib callback 1"))
	return providers.NewSecret(string(mac.Sum(nil)))
}

// CallbackURL returns the address for one refund:
// callback_url/callbacks/provider/refund_id/token.
func (a *account) CallbackURL(refundID string) string {
	if a.callback == "" {
		return ""
	}
	return a.callback + "/callbacks/" + a.name + "/" + refundID + "/" + a.callbackToken(refundID).Reveal()
}

// KnowsCallback reports whether token is the last part of CallbackURL(refundID).
func (a *account) KnowsCallback(refundID, token string) bool {
	return a.callback != "" && hmac.Equal([]byte(token), []byte(a.callbackToken(refundID).Reveal()))
}

func (a *account) callbackToken(refundID string) providers.Secret {
	mac := hmac.New(sha256.New, []byte(a.key.Reveal()))
	mac.Write([]byte(a.name + "|" + refundID))
	return providers.NewSecret(base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}
