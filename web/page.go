package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"refundworker/config"
	"refundworker/journal"
	"refundworker/refund"
)

//go:embed templates/*.html
var templates embed.FS

// pages are the templates, each with what all share.
var pages = func() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(template.FuncMap{
		"stamp": stamp, "ago": ago, "moment": func(now, at time.Time) moment { return moment{now, at} },
		"word": func(s refund.State) string { return words[s] }, "lasts": lasts, "amount": amount, "chip": func(s refund.State) chip { return chip{s, marks[s], words[s]} },
	}).ParseFS(templates, "templates/shared_*.html"))
	all := map[string]*template.Template{}
	for _, name := range []string{"overview", "list", "refund", "review", "search", "sorry"} {
		all[name] = template.Must(template.Must(shared.Clone()).ParseFS(templates, "templates/"+name+".html"))
	}
	return all
}()

// frame is what every page has around it.
type frame struct {
	Title    string
	Here     string // which part of the site
	Person   string
	MayAct   bool
	NeedName bool // no login: forms ask who it is
	LogOut   bool // it can be done here
	Token    string
	Asynqmon bool
	Review   int64 // how many wait for a person
	Query    string
	Now      time.Time
	Done     *done // what was just done
	Faults   bool  // what was asked for was not done
}

// done says that an action was carried out, on a refund or a provider.
type done struct {
	Text, ID string
	Refund   bool
}

// frame makes the frame of a page. The counts are of use only: without them the
// page is shown all the same.
func (s *Site) frame(r *http.Request, title, here string) frame {
	name, operator := s.gate.Person(r)
	f := frame{Title: title, Here: here, Person: name, MayAct: operator, NeedName: name == "", LogOut: s.gate.MayLogOut(r),
		Token: s.gate.Token(r), Asynqmon: s.cfg.Web.Asynqmon != config.AsynqmonOff, Now: time.Now().UTC(), Done: doneBy(r)}
	if seen, err := s.counts.get(r.Context(), s); err == nil {
		f.Review, f.Now = seen.in("", refund.Review), seen.now
	}
	return f
}

// show writes a page, whole or not at all.
func (s *Site) show(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := pages[name].ExecuteTemplate(&page, "page", data); err != nil {
		s.log.Error("page not made: report it with the text of this error", zap.String("page", name), zap.Error(err))
		http.Error(w, "The page could not be made; the worker's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}

type sorryPage struct {
	frame
	Text     string
	Existing string // the refund that was in the way
}

// sorry shows a page that says one thing.
func (s *Site) sorry(w http.ResponseWriter, r *http.Request, status int, text string) {
	s.show(w, status, "sorry", sorryPage{frame: s.frame(r, http.StatusText(status), ""), Text: text})
}

// fail shows what went wrong with reading.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, id string, err error) {
	var refused *journal.RefusedError
	switch {
	case errors.As(err, &refused):
		page := sorryPage{frame: s.frame(r, "Refused", ""), Existing: refused.Refusal.ExistingID,
			Text: fmt.Sprintf("Refund %s was refused when it was asked for, and was never taken in: %s.", id, refusal(refused.Refusal))}
		s.show(w, http.StatusNotFound, "sorry", page)
	case errors.Is(err, journal.ErrNotFound):
		s.sorry(w, r, http.StatusNotFound, fmt.Sprintf("No refund %s is known. Settled refunds are forgotten after %s.", id, lasts(s.cfg.JournalRetention)))
	default:
		s.log.Warn("page not shown: Redis", zap.String("path", r.URL.Path), zap.Error(err))
		s.sorry(w, r, http.StatusServiceUnavailable, "Redis does not answer as it should; the worker's log says more. Refunds lose nothing by it. Load the page again in a moment.")
	}
}

func refusal(r journal.Refusal) string {
	switch {
	case r.Rule == "duplicate":
		return "another refund of the same payment and amount was under way, or settled a short while before"
	case r.Detail != "":
		return r.Detail
	}
	return "the rule " + r.Rule
}

// moment is a time as people read it: how long ago, and exactly.
type moment struct{ Now, At time.Time }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// ago says how far a time is away, in words.
func ago(m moment) string {
	d := m.Now.Sub(m.At)
	switch {
	case d < 0:
		return "in " + lasts(-d)
	case d < 2*time.Second:
		return "now"
	}
	return lasts(d) + " ago"
}

// lasts says how long something takes, with its two largest units.
func lasts(d time.Duration) string {
	d = d.Round(time.Second)
	units := []struct {
		name string
		is   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.is {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.is, u.name)
		if i+1 < len(units) && d < 10*u.is {
			if rest := d % u.is / units[i+1].is; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "less than 1 s"
}

// amount is what was asked for.
func amount(v journal.View) string {
	if v.Amount == "" {
		return "all of it, in " + v.Currency
	}
	return v.Amount + " " + v.Currency
}

// chip is a state as people see it: a mark, a word and a color.
type chip struct {
	State refund.State
	Mark  string
	Word  string
}

var marks = map[refund.State]string{refund.Queued: "○", refund.Sending: "➤", refund.Unknown: "?", refund.Accepted: "◐",
	refund.Review: "!", refund.Succeeded: "✓", refund.Declined: "✕", refund.Canceled: "−"}

var words = map[refund.State]string{refund.Queued: "queued", refund.Sending: "sending", refund.Unknown: "unknown", refund.Accepted: "accepted",
	refund.Review: "in review", refund.Succeeded: "succeeded", refund.Declined: "declined", refund.Canceled: "canceled"}

// short cuts a text that a person typed for showing it back.
func short(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
