package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"refundworker/config"
	"refundworker/refund"
)

// monitorPath is where asynqmon lives. The gate knows it too.
const monitorPath = "/asynqmon"

// shared gives asynqmon the worker's own connections, whichever kind of Redis it
// is. They are not asynqmon's to close.
type shared struct{ redis.UniversalClient }

// MakeRedisClient returns the connections.
func (s shared) MakeRedisClient() any { return s.UniversalClient }

// asynqmon is the queues' own page, with personal data masked.
func (s *Site) asynqmon(mode config.Asynqmon) (http.Handler, error) {
	monitor := asynqmon.New(asynqmon.Options{
		RootPath: monitorPath, RedisConnOpt: shared{s.backend.Queues}, ReadOnly: mode != config.AsynqmonReadWrite,
		PayloadFormatter: asynqmon.PayloadFormatterFunc(func(_ string, payload []byte) string { return refund.MaskedRequest(payload) }),
		ResultFormatter:  asynqmon.ResultFormatterFunc(func(_ string, result []byte) string { return knownResult(result) }),
	})
	policy, err := monitorPolicy(monitor)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		monitor.ServeHTTP(w, r)
	}), nil
}

// knownResult shows a task's result if it is one of ours, which hold no personal
// data.
func knownResult(b []byte) string {
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil || fields["refund_id"] == nil || fields["receipt"] != nil {
		return fmt.Sprintf("not a refund's result: %d bytes, not shown because they may hold personal data", len(b))
	}
	return string(b)
}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// monitorPolicy is the least content security policy under which asynqmon works:
// its page holds scripts, which are let through by what they are, and its script
// makes style sheets as it goes. Its fonts come from elsewhere and stay out.
func monitorPolicy(monitor http.Handler) (string, error) {
	page := httptest.NewRecorder()
	monitor.ServeHTTP(page, httptest.NewRequest(http.MethodGet, monitorPath+"/", nil))
	scripts := inlineScript.FindAllStringSubmatch(page.Body.String(), -1)
	if page.Code != http.StatusOK || len(scripts) == 0 {
		return "", errors.New("asynqmon's page is not what it was: set web.asynqmon to off")
	}
	allowed := []string{"'self'"}
	for _, script := range scripts {
		sum := sha256.Sum256([]byte(script[1]))
		allowed = append(allowed, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return "default-src 'none'; script-src " + strings.Join(allowed, " ") + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
		"connect-src 'self'; manifest-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'", nil
}
