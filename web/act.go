package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"refundworker/journal"
	"refundworker/refund"
	"refundworker/tasks"
)

// Bounds of a form.
const (
	maxForm = 64 << 10 // bytes
	maxNote = 1000     // characters
	maxName = 100
)

// failed is an action that was not carried out: what was wrong, and what was
// typed, so that it need not be typed again.
type failed struct {
	Action string
	Text   string
	Faults map[string]string // by field
	Typed  map[string]string
}

// person is who acts; by the login, else by the form.
func (s *Site) person(r *http.Request) (name string, may bool) {
	name, may = s.gate.Person(r)
	if name == "" {
		name = strings.TrimSpace(r.PostForm.Get("by"))
	}
	return name, may
}

// form reads a person's form. It answers by itself where that fails.
func (s *Site) form(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.sorry(w, r, http.StatusBadRequest, "The form can't be read.")
		return false
	}
	if _, may := s.person(r); !may {
		s.sorry(w, r, http.StatusForbidden, "You may look on, but not act.")
		return false
	}
	return true
}

// checkText says what is wrong with a text that stays in the history.
func checkText(v *refund.Invalid, field, text string, most int, missing string) {
	control := func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t' }
	switch {
	case text == "":
		v.Add(field, missing)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, control):
		v.Add(field, "must be text without control characters")
	case utf8.RuneCountInString(text) > most:
		v.Add(field, fmt.Sprintf("must have at most %d characters", most))
	}
}

// decide carries out what a person decided about a refund.
func (s *Site) decide(w http.ResponseWriter, r *http.Request) {
	id, action := r.PathValue("id"), r.PathValue("action")
	if !s.form(w, r) {
		return
	}
	by, _ := s.person(r)
	note := strings.TrimSpace(r.PostForm.Get("note"))
	var wrong refund.Invalid
	checkText(&wrong, "by", by, maxName, "is required: say who you are")
	checkText(&wrong, "note", note, maxNote, "is required: say how you know, or why")
	seq, err := strconv.ParseInt(r.PostForm.Get("seq"), 10, 64)
	if err != nil {
		wrong.Add("seq", "is missing: send the form from the refund's page")
	}
	act := s.action(action, r)
	switch {
	case act == nil || !refund.ValidID(id):
		s.sorry(w, r, http.StatusNotFound, "There is no such action.")
		return
	case len(wrong) > 0:
		s.refuseAction(w, r, action, wrong)
		return
	}
	// What was begun is ended, also where the person has gone away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), pageTime)
	defer cancel()
	rec, err := act(ctx, s.operator.Seen(seq), id, by, note)
	s.counts.forget(ctx)
	if err != nil {
		s.log.Warn("action on a page not carried out", zap.String("refund_id", id), zap.String("action", action), zap.String("by", by), zap.Error(err))
		s.refuseAction(w, r, action, err)
		return
	}
	s.log.Info("action on a page", zap.String("refund_id", id), zap.String("action", action), zap.String("by", by), zap.String("state", string(rec.State)))
	to := "/refunds/" + id
	if r.PostForm.Get("back") == "review" {
		to = "/review"
	}
	http.Redirect(w, r, address(to, "done", action, "id", id), http.StatusSeeOther)
}

type act func(ctx context.Context, o *tasks.Operator, id, by, note string) (*journal.Record, error)

// action is what a form asks for; nil if there is no such action.
func (s *Site) action(name string, r *http.Request) act {
	switch name {
	case "resolve":
		outcome, moved := refund.State(r.PostForm.Get("outcome")), strings.TrimSpace(r.PostForm.Get("moved"))
		return func(ctx context.Context, o *tasks.Operator, id, by, note string) (*journal.Record, error) {
			return o.Resolve(ctx, id, tasks.Resolution{Outcome: outcome, Moved: moved, Note: note, By: by})
		}
	case "retry":
		risk := r.PostForm.Get("accept_risk") == "yes"
		return func(ctx context.Context, o *tasks.Operator, id, by, note string) (*journal.Record, error) {
			return o.Retry(ctx, id, journal.RetryRequest{By: by, Note: note, AcceptRisk: risk})
		}
	case "approve":
		return func(ctx context.Context, o *tasks.Operator, id, by, note string) (*journal.Record, error) {
			return o.Approve(ctx, id, by, note)
		}
	case "cancel":
		return func(ctx context.Context, o *tasks.Operator, id, by, note string) (*journal.Record, error) {
			return o.Cancel(ctx, id, by, note)
		}
	}
	return nil
}

// refuseAction shows the refund as it is now, why the action was not carried
// out, and what was typed.
func (s *Site) refuseAction(w http.ResponseWriter, r *http.Request, action string, err error) {
	bad := &failed{Action: action, Faults: map[string]string{}, Typed: map[string]string{}}
	for _, field := range []string{"by", "note", "outcome", "moved", "accept_risk"} {
		bad.Typed[field] = short(r.PostForm.Get(field), 4*maxNote)
	}
	status := http.StatusServiceUnavailable
	var invalid refund.Invalid
	switch {
	case errors.As(err, &invalid):
		status, bad.Text = http.StatusUnprocessableEntity, "Nothing was done: mend what is marked below, and send it again."
		for _, f := range invalid {
			bad.Faults[f.Field] = f.Rule
		}
	case errors.Is(err, tasks.ErrNotPossible):
		_, why, _ := strings.Cut(err.Error(), ": ")
		status, bad.Text = http.StatusConflict, "Nothing was done: "+why+"."
	case errors.Is(err, journal.ErrNotFound):
		s.fail(w, r, r.PathValue("id"), err)
		return
	default:
		bad.Text = "Redis did not answer as it should, so it is not known whether this was done. Look at the refund below before you try again."
	}
	s.showRefund(w, r, status, bad)
}

// stop pauses a provider, or resumes it.
func (s *Site) stop(w http.ResponseWriter, r *http.Request) {
	provider, action := r.PathValue("provider"), r.PathValue("action")
	if !s.form(w, r) {
		return
	}
	by, _ := s.person(r)
	note := strings.TrimSpace(r.PostForm.Get("note"))
	var wrong refund.Invalid
	checkText(&wrong, "by", by, maxName, "is required: say who you are")
	if action == "pause" {
		checkText(&wrong, "note", note, maxNote, "is required: say why")
	}
	err := wrong.Err()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), pageTime)
	defer cancel()
	switch {
	case action != "pause" && action != "resume":
		s.sorry(w, r, http.StatusNotFound, "There is no such action.")
		return
	case err != nil:
	case action == "pause":
		err = s.operator.Pause(ctx, provider, by, note)
	default:
		err = s.operator.Resume(ctx, provider, by)
	}
	s.counts.forget(ctx)
	var invalid refund.Invalid
	switch {
	case errors.As(err, &invalid):
		s.sorry(w, r, http.StatusUnprocessableEntity, "Nothing was done. "+invalid.Error()+". Go back, and send it again.")
	case err != nil:
		s.fail(w, r, "", err)
	default:
		s.log.Info("action on a page", zap.String("provider", provider), zap.String("action", action), zap.String("by", by))
		http.Redirect(w, r, address("/", "done", action, "id", provider), http.StatusSeeOther)
	}
}

// doings are what a page says after an action; what they are about follows.
var doings = map[string]string{
	"resolve": "The review is decided:",
	"retry":   "A worker looks into it, and says in the history what came of it:",
	"approve": "Approved, a worker takes it up:",
	"cancel":  "Canceled:",
	"pause":   "Nothing goes out any more to",
	"resume":  "Calls go out again, step by step, to",
}

// doneBy reads what was done from the address that an action leads to. The
// texts are ours; somebody else's link can say nothing of its own.
func doneBy(r *http.Request) *done {
	action, id := r.URL.Query().Get("done"), r.URL.Query().Get("id")
	text := doings[action]
	if text == "" || !refund.ValidID(id) {
		return nil
	}
	return &done{text, id, action != "pause" && action != "resume"}
}
