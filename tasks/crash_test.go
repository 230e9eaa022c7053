package tasks_test

import (
	"flag"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"refundworker/internal/world"
)

// tell tells the scenario with a fault at one step.
func (sc scenario) tell(t *testing.T, f fault, at int) {
	world.Run(t, sc.options, func(w *world.World) {
		w.FaultAt(at, f.mode)
		s := &story{t: t, w: w, fault: f}
		s.start()
		sc.tale(s)
		s.finish()
	})
}

// follow tells the scenario without a fault and watches its steps.
func (sc scenario) follow(t *testing.T, watch func(*world.World, world.Step)) (steps []world.Step) {
	world.Run(t, sc.options, func(w *world.World) {
		s := &story{t: t, w: w}
		s.start()
		w.Plan = func(step world.Step) world.Mode {
			watch(w, step)
			return world.None
		}
		sc.tale(s)
		s.settle()
		steps = w.Steps()
		w.Plan = nil
		s.finish()
		for id, want := range sc.ends {
			if rec := w.Records()[id]; rec == nil || rec.State != want {
				t.Errorf("%s did not become %s", id, want)
				s.tell()
			}
		}
	})
	return steps
}

var everything = flag.Bool("crashes.all", false, "run the crash matrix in full, also where a fault is like one that was tried")

// Every step of the safe path, from asking for a refund until it has settled,
// fails in every way. The steps are counted by a hook where the processes leave
// themselves, so a new one is in the matrix by itself.
func TestCrashes(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))         // thousands of small worlds
	thin := (raceDetector || testing.Short()) && !*everything // some of each kind
	var steps, runs atomic.Int64
	first, _ := scenarios[0].path(t)
	t.Run("all", func(t *testing.T) {
		for i, sc := range scenarios {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				path, fresh := sc.path(t)
				if t.Failed() || len(path) < 10 {
					t.Fatalf("the scenario does not work without any fault (%d steps)", len(path))
				}
				steps.Add(int64(len(path)))
				asked := asking(path)
				if i > 0 && slices.Equal(asked, asking(first)) {
					clear(fresh[:len(asked)]) // asking for one refund is the same in all
				}
				tried := 0
				for k, step := range path {
					if i > 0 && !fresh[k] && !*everything {
						continue
					}
					for _, f := range faults {
						if !f.fits(step, i == 0) {
							continue
						}
						if tried++; thin && tried%20 != i%20 {
							continue
						}
						name := fmt.Sprintf("step-%d-of-%d %s/%s", step.Number, len(path), step.Label, f.name)
						t.Run(name, func(t *testing.T) {
							t.Parallel()
							sc.tell(t, f, step.Number)
						})
						runs.Add(1)
					}
				}
			})
		}
	})
	t.Logf("%d scenarios of %d steps, %d runs with a fault", len(scenarios), steps.Load(), runs.Load())
}

// asking is the labels of the steps before the first task is taken.
func asking(path []world.Step) (labels []string) {
	for _, step := range path {
		if step.Label == "asynq take" {
			break
		}
		labels = append(labels, step.Label)
	}
	return labels
}

// fits reports whether the fault says anything at a step that no other says.
// The limit and the pauses are shared by all refunds, so one scenario is enough
// for what only they feel.
func (f fault) fits(step world.Step, first bool) bool {
	shared := strings.Contains(step.Label, "ratelimit/") || strings.Contains(step.Label, "pause/")
	switch {
	case step.Provider:
		return !f.mode.RedisOnly() // its lookups cost money if they are believed wrongly, so they get all the rest
	case f.mode == world.Unconfirmed && !strings.Contains(step.Label, ".lua"):
		return false // nobody waits for asynq's writes
	case f.mode == world.Half && step.Commands < 2:
		return false // that is to lose it
	case *everything:
		return step.Write || f.reads || !f.mode.RedisOnly() && f.mode != world.LoseReply
	}
	return step.Write && (first || !shared) && f.writes || f.reads
}

// path is the scenario's steps without any fault. fresh are those that were not
// made before in the same situation: the same step after the same one, with the
// refunds in the same states. Scripts that the server did not know yet and the
// sweeps of a world that has settled are for the first scenario alone.
func (sc scenario) path(t *testing.T) (path []world.Step, fresh []bool) {
	seen := map[string]bool{}
	before := ""
	path = sc.follow(t, func(w *world.World, s world.Step) {
		situation := before + ">" + s.Label + " " + w.Situation()
		before = s.Label
		idle := len(w.Open()) == 0 && sweeping.MatchString(s.Label)
		fresh = append(fresh, !seen[situation] && !idle)
		seen[situation] = true
	})
	for k, step := range path {
		if k+1 < len(path) && strings.HasPrefix(step.Label, "EVALSHA ") && path[k+1].Label == strings.Replace(step.Label, "EVALSHA", "EVAL", 1) {
			fresh[k] = false
		}
	}
	return path, fresh
}

var sweeping = regexp.MustCompile(`sweeper|^TIME|x256|x512|^ZRANGE refunds s`)
