package providers

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody       = 1 << 20 // bytes of an answer's body, unpacked
	maxRetryAfter = time.Hour
)

var (
	errMalformed = errors.New("malformed answer")
	errTooLarge  = errors.New("answer too large")
)

// Answer is a complete HTTP answer of any status but a redirect and 429.
type Answer struct {
	Status     int
	Body       []byte
	RetryAfter time.Duration // 0 if the provider gave none
}

// OK reports whether the status is 2xx.
func (a Answer) OK() bool { return a.Status/100 == 2 }

// ServerError reports whether the status is 5xx: whatever the body says, the
// provider may have done the work.
func (a Answer) ServerError() bool { return a.Status/100 == 5 }

// Unread is the failure of an answer that is not what the protocol says.
func (a Answer) Unread() *Failure {
	if a.OK() {
		return &Failure{Code: CodeUnreadable, Message: "the answer is not what the protocol says", RetryAfter: a.RetryAfter}
	}
	return statusFailure(a.Status, a.RetryAfter)
}

func statusFailure(status int, retryAfter time.Duration) *Failure {
	return &Failure{Code: fmt.Sprintf("http_%d", status), RetryAfter: retryAfter,
		Message: strings.TrimSpace(fmt.Sprintf("HTTP %d %s", status, http.StatusText(status)))}
}

// Failure is a call without an answer that settles anything. Kind is Unknown,
// Unavailable (no byte was sent), RateLimited or Misconfigured; its text is safe
// to print.
type Failure struct {
	Kind       Kind
	Code       string
	Message    string
	RetryAfter time.Duration
}

// Outcome is the failure as an attempt's outcome.
func (f *Failure) Outcome() Outcome {
	return Outcome{Kind: f.Kind, Code: f.Code, Message: f.Message, RetryAfter: f.RetryAfter}
}

// Lookup is the failure as a lookup's error.
func (f *Failure) Lookup() *LookupError {
	return &LookupError{Kind: f.Kind, Code: f.Code, Message: f.Message, RetryAfter: f.RetryAfter}
}

// receive reads an answer's body, or says why there is none to go by.
func (c *Client) receive(ctx context.Context, resp *http.Response) (Answer, *Failure) {
	after := retryAfter(resp.Header.Get("Retry-After"), c.now())
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return Answer{}, &Failure{Kind: RateLimited, Code: "http_429", Message: "HTTP 429 Too Many Requests", RetryAfter: after}
	case resp.StatusCode/100 == 3:
		return Answer{}, &Failure{Code: CodeRedirect, Message: fmt.Sprintf("HTTP %d: a redirect, which is not followed", resp.StatusCode)}
	}
	body, err := readBody(resp)
	var timeout net.Error
	switch {
	case err == nil:
		return Answer{Status: resp.StatusCode, Body: body, RetryAfter: after}, nil
	case errors.Is(err, errTooLarge):
		return Answer{}, &Failure{Code: CodeTooLarge, Message: fmt.Sprintf("the answer is larger than %d bytes", maxBody), RetryAfter: after}
	case resp.StatusCode/100 != 2: // the status says more than the broken body
		return Answer{}, statusFailure(resp.StatusCode, after)
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return Answer{}, &Failure{Code: CodeTimeout, Message: "no complete answer in time", RetryAfter: after}
	case malformed(err):
		return Answer{}, &Failure{Code: CodeUnreadable, Message: "the answer's body is not readable", RetryAfter: after}
	}
	return Answer{}, &Failure{Code: CodeReset, Message: "the connection broke before the answer was complete", RetryAfter: after}
}

func readBody(resp *http.Response) ([]byte, error) {
	var r io.Reader = resp.Body
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		// Asked not to, some gateways compress all the same.
		unzipped, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, err
		}
		r = unzipped
	}
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if len(body) > maxBody {
		return nil, errTooLarge
	}
	return body, err
}

// malformed tells bytes that are not HTTP from a connection that broke.
func malformed(err error) bool {
	var op *net.OpError
	return !errors.As(err, &op) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed)
}

// retryAfter reads the header's two forms (RFC 9110, 10.2.3): seconds or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		d = date.Sub(now.Round(0))
	}
	return min(max(d, 0), maxRetryAfter)
}
