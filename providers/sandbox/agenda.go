package sandbox

import (
	"slices"
	"time"
)

// agenda is what happens later by itself: maib's settling, callbacks, effects
// that come late. It goes by Options.Now. The server's lock guards it.
type agenda struct {
	items  []agendaItem // by time
	keeper bool         // its goroutine runs
}

type agendaItem struct {
	at time.Time
	do func(at time.Time) // under the server's lock
}

// at puts work on the agenda. The caller holds the lock.
func (s *Server) at(due time.Time, do func(at time.Time)) {
	i := len(s.agenda.items)
	for i > 0 && s.agenda.items[i-1].at.After(due) {
		i--
	}
	s.agenda.items = slices.Insert(s.agenda.items, i, agendaItem{due, do})
	if !s.agenda.keeper && !s.closed {
		s.agenda.keeper = true
		s.work.Go(s.keepAgenda)
	}
	select {
	case s.agendaAwake <- struct{}{}:
	default:
	}
}

// catchUp does all that is due. Everyone who looks at the ledger calls it
// first, so that what is seen depends on the clock alone and not on how soon
// the keeper wakes up. The caller holds the lock.
func (s *Server) catchUp() {
	now := s.options.Now()
	for len(s.agenda.items) > 0 && !s.agenda.items[0].at.After(now) {
		item := s.agenda.items[0]
		s.agenda.items = s.agenda.items[1:]
		item.do(item.at)
	}
}

// longestNap bounds the keeper's wait, since an injected clock may jump.
const longestNap = 10 * time.Millisecond

// keepAgenda sees to what is due when nobody looks. It ends when nothing is
// left, or with the server.
func (s *Server) keepAgenda() {
	for {
		s.mu.Lock()
		s.catchUp()
		if len(s.agenda.items) == 0 || s.closed {
			s.agenda.keeper = false
			s.mu.Unlock()
			return
		}
		nap := s.agenda.items[0].at.Sub(s.options.Now())
		s.mu.Unlock()
		timer := time.NewTimer(min(nap, longestNap))
		select {
		case <-s.ctx.Done():
		case <-s.agendaAwake:
		case <-timer.C:
		}
		timer.Stop()
	}
}
