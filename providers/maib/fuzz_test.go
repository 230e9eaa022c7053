package maib_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"refundworker/providers"
	"refundworker/providers/maib"
	"refundworker/providers/providertest"
)

// tokenFirst answers the token request, and everything else with rest.
type tokenFirst struct{ rest http.RoundTripper }

func (f tokenFirst) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/auth/token") {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(tokenOK)), Request: r}, nil
	}
	return f.rest.RoundTrip(r)
}

// answer is what maib documents, read in another way than the driver does.
type answer struct {
	Result struct{ Status any }
	Ok     bool
	Errors []struct{ ErrorCode any }
}

func decoded(body []byte) (a answer) {
	if json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &a) != nil {
		return answer{}
	}
	return a
}

func (a answer) word() string { return strings.ToLower(strings.TrimSpace(fmt.Sprint(a.Result.Status))) }

// refused: errors, all of them refusals for good, 14003 to 14016 as a number or at
// the end of a name.
func (a answer) refused() bool {
	for _, e := range a.Errors {
		if code := fmt.Sprint(e.ErrorCode); !refusal.MatchString(code) {
			return false
		}
	}
	return !a.Ok && len(a.Errors) > 0
}

var refusal = regexp.MustCompile(`(^|[^0-9])0*140(0[3-9]|1[0-6])\s*$`)

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{created, `{"result":{"refundId":"` + zeroID + `","status":"Accepted"},"ok":true}`,
		`{"errors":[{"errorCode":"14005","errorMessage":"m"}],"ok":false}`, `{"errors":[{}]}`, `{"supportId":"1"}`,
		`{"result":{"refundedAmount":1.5,"requestedRefundAmount":"2","refundableAmount":0},"ok":true}`, `{"result":`} {
		for _, status := range []int{200, 401, 409, 500} {
			f.Add(status, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 599 {
			return
		}
		s := providertest.SettingsFor(t, maib.Driver{}, "https://maib.example", secrets)
		s.Transport = tokenFirst{providertest.Body(status, body)}
		a := providertest.Open(t, maib.Driver{}, s)
		out := a.Refund(context.Background(), attempt())
		said := decoded(body)
		if out.Kind == providers.Succeeded && (status/100 != 2 || !said.Ok || len(said.Errors) > 0 || said.word() != "accepted") {
			t.Errorf("succeeded on HTTP %d %q", status, body)
		}
		if out.Kind == providers.Declined && (status/100 == 5 || !said.refused() && !(said.Ok && said.word() == "rejected")) {
			t.Errorf("declined without maib's word on HTTP %d %q", status, body)
		}
		if out.Kind == providers.Partial {
			t.Error("maib has no partial outcome")
		}
		if _, err := a.(providers.RefundStatuser).RefundStatus(context.Background(), refundID); err == nil && status/100 != 2 {
			t.Errorf("a status out of HTTP %d %q", status, body)
		}
		got, err := a.(providers.PaymentStatuser).PaymentStatus(context.Background(), providers.PaymentQuery{PaymentID: payID, Currency: "MDL"})
		if total, ok := got.Total(); err == nil && ok && total < 0 {
			t.Errorf("negative figures %+v from %q", got, body)
		}
	})
}
