package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"refundworker/refund"
)

// maib speaks the v2 merchant API.
type maib struct {
	s       *Server
	turn    int                    // what wavers goes by it
	tokens  map[string]time.Time   // when each ends
	refunds map[string]*maibRefund // by id
}

// maibErrors are the documented codes with their HTTP statuses.
var maibErrors = map[string]struct {
	status  int
	message string
}{
	"10000": {http.StatusInternalServerError, "Internal error"},
	"11000": {http.StatusUnauthorized, "Invalid credentials"},
	"12000": {http.StatusBadRequest, "Invalid parameter"},
	"12001": {http.StatusBadRequest, "Invalid request"},
	"14003": {http.StatusConflict, "Payment not found"},
	"14013": {http.StatusConflict, "Payment is not refundable"},
	"14015": {http.StatusConflict, "Payment is already refunded"},
	"14016": {http.StatusNotFound, "Refund amount is too high"},
}

type maibError struct {
	Code    string            `json:"errorCode"`
	Message string            `json:"errorMessage"`
	Args    map[string]string `json:"errorArgs"`
}

func (m *maib) name() string { return Maib }

func (m *maib) refusal(why refusal) reply {
	switch why {
	case refusedCredentials:
		return m.error("11000", nil)
	case refusedForGood:
		return m.error("14013", nil)
	case refusedInternal:
		return m.error("10000", nil)
	}
	return m.error("12001", nil)
}

// error refuses, with the code in each of its spellings in turn.
func (m *maib) error(code string, args map[string]string) reply {
	known := maibErrors[code]
	if args == nil {
		args = map[string]string{}
	}
	for name, value := range args {
		known.message += ", " + name + " " + value
	}
	m.turn++
	if m.turn%2 == 0 {
		code = "maib.merchant.payments-" + code
	}
	return jsonReply(known.status, struct {
		Errors []maibError `json:"errors"`
		OK     bool        `json:"ok"`
	}{[]maibError{{code, known.message, args}}, false})
}

// bareError is a refusal as it has been seen: HTTP 200, and no "ok".
func bareError(delivery) reply {
	return jsonReply(http.StatusOK, map[string]any{"errors": []maibError{{"14013", "Payment is not refundable", map[string]string{}}}})
}

func (m *maib) result(v any) reply {
	return jsonReply(http.StatusOK, struct {
		Result any  `json:"result"`
		OK     bool `json:"ok"`
		Errors *int `json:"errors"` // always null
	}{Result: v, OK: true})
}

var (
	maibPath = regexp.MustCompile(`^/v2/(?:(auth/token)|payments/refunds/([^/]+)|payments/([^/]+)(/refund)?)$`)
	maibID   = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

func (m *maib) read(r *http.Request, body []byte) call {
	c := call{operation: OpOther}
	refuse := func(answer reply) call {
		c.refused = &answer
		return c
	}
	path := maibPath.FindStringSubmatch(r.URL.Path)
	if path == nil {
		return refuse(newReply(http.StatusNotFound, "text/plain", nil))
	}
	token, refundID, paymentID, isRefund := path[1] != "", strings.ToLower(path[2]), path[3], path[4] != ""
	method := http.MethodGet
	switch {
	case token:
		c.operation, method = OpToken, http.MethodPost
		c.work = func(int64, Fault) reply { return m.token(body) }
	case isRefund:
		c.operation, c.payment, method = OpRefund, paymentID, http.MethodPost
		c.work = func(number int64, f Fault) reply { return m.refund(paymentID, body, number, f) }
	case refundID != "":
		c.operation = OpStatus
		if known := m.refunds[refundID]; known != nil {
			c.payment = known.payment.ID
		}
		c.work = func(int64, Fault) reply { return m.refundStatus(refundID) }
	default:
		c.operation, c.payment = OpStatus, paymentID
		c.work = func(int64, Fault) reply { return m.paymentStatus(paymentID) }
	}
	switch contentType := r.Header.Get("Content-Type"); {
	case len(body) == 0 && contentType != "": // the gateway in front
		return refuse(jsonReply(http.StatusForbidden, map[string]string{"supportId": "1234567890123456789"}))
	case r.Method != method:
		return refuse(newReply(http.StatusMethodNotAllowed, "text/plain", nil))
	case len(body) > 0 && !strings.HasPrefix(contentType, "application/json"):
		return refuse(newReply(http.StatusUnsupportedMediaType, "text/plain", nil))
	case !token && !m.authorized(r):
		return refuse(m.error("11000", nil))
	case paymentID != "" && !maibID.MatchString(paymentID):
		return refuse(m.error("12000", nil))
	}
	return c
}

// maibRequest is the body of a refund.
type maibRequest struct {
	Amount      *json.RawMessage `json:"amount"`
	Reason      string           `json:"reason"`
	CallbackURL string           `json:"callbackUrl"`
}

func (m *maib) refund(paymentID string, body []byte, number int64, f Fault) reply {
	var ask maibRequest
	if json.Unmarshal(body, &ask) != nil {
		return m.error("12001", nil)
	}
	if n := utf8.RuneCountInString(ask.Reason); n == 0 || n > 500 || !callbackable(ask.CallbackURL) {
		return m.error("12000", nil)
	}
	r := m.s.ledger.find(Maib, paymentID)
	switch {
	case r == nil:
		return m.error("14003", nil)
	case r.Status != "" && !strings.EqualFold(r.Status, "Executed"):
		return m.error("14013", nil)
	case r.left() == 0:
		return m.error("14015", nil)
	}
	minor := r.left()
	if ask.Amount != nil {
		asked, err := refund.ParseMoney(string(*ask.Amount), refund.Currency(r.Currency)) // a quoted one is no number
		if err != nil || asked.Minor == 0 {
			return m.error("12000", nil)
		}
		if minor = asked.Minor; minor > r.left() {
			return m.error("14016", map[string]string{"refundableAmount": r.amount(r.left())})
		}
	}
	booked := m.record(r, minor, number, ask, f)
	id := booked.id
	if f.Kind == ZeroRefundID {
		id = "00000000-0000-0000-0000-000000000000"
	}
	return m.result(struct {
		RefundID string `json:"refundId"`
		Status   string `json:"status"`
	}{id, booked.status})
}

// callbackable accepts what may be called back. The real maib wants https; http
// is for a worker on the same machine.
func callbackable(address string) bool {
	if address == "" {
		return true
	}
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}
