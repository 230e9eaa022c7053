package redisconn

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// recorded keeps the batches that a gatherer sends, each until it is let go.
type recorded struct {
	mu      sync.Mutex
	batches [][]int
	let     chan struct{}
}

func (r *recorded) send(calls []int) {
	r.mu.Lock()
	r.batches = append(r.batches, calls)
	r.mu.Unlock()
	<-r.let
}

func gather(atOnce int) (*gatherer[int], *recorded) {
	r := &recorded{let: make(chan struct{})}
	return &gatherer[int]{atOnce: atOnce, send: r.send}, r
}

func TestACallThatComesAloneGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := gather(1)
		close(r.let)
		for n := range 3 {
			if _, err := g.do(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.batches) != 3 {
			t.Errorf("three calls, one after the other, went in %d sends", len(r.batches))
		}
		synctest.Wait()
		if g.sending != 0 {
			t.Errorf("%d goroutines are left", g.sending)
		}
	})
}

func TestCallsThatComeMeanwhileGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := gather(2)
		var done sync.WaitGroup
		call := func(n int) { done.Go(func() { _, _ = g.do(context.Background(), n) }) }
		for n := range 2 { // as many as may be under way
			call(n)
			synctest.Wait()
		}
		for n := range gatherAtMost + 3 {
			call(100 + n)
		}
		synctest.Wait()
		if len(r.batches) != 2 {
			t.Fatalf("%d sends under way at once, want 2", len(r.batches))
		}
		close(r.let)
		done.Wait()
		var sizes []int
		seen := map[int]int{}
		for _, b := range r.batches {
			sizes = append(sizes, len(b))
			for _, n := range b {
				seen[n]++
			}
		}
		slices.Sort(sizes)
		if !slices.Equal(sizes, []int{1, 1, 3, gatherAtMost}) {
			t.Errorf("sends of %v calls", sizes)
		}
		for n, times := range seen {
			if times != 1 {
				t.Errorf("call %d went %d times", n, times)
			}
		}
	})
}

func TestACallThatIsGivenUpBeforeItIsSentNeverGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := gather(1)
		var done sync.WaitGroup
		done.Go(func() { _, _ = g.do(context.Background(), 1) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		done.Go(func() {
			if over, err := g.do(ctx, 2); !errors.Is(err, context.Canceled) || over != nil {
				t.Errorf("given up: %v, on its way %v", err, over != nil)
			}
		})
		done.Go(func() { _, _ = g.do(context.Background(), 3) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(r.let)
		done.Wait()
		if !slices.EqualFunc(r.batches, [][]int{{1}, {3}}, slices.Equal) {
			t.Errorf("sent %v", r.batches)
		}
	})
}

func TestACallThatIsGivenUpOnItsWayTellsWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := gather(1)
		var done sync.WaitGroup
		done.Go(func() { _, _ = g.do(context.Background(), 1) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		for n := range 2 { // the first one sends for both
			done.Go(func() {
				if n == 0 {
					_, _ = g.do(context.Background(), 2)
					return
				}
				over, err := g.do(ctx, 3)
				if !errors.Is(err, context.Canceled) || over == nil {
					t.Errorf("given up on its way: %v, on its way %v", err, over != nil)
					return
				}
				<-over
			})
			synctest.Wait()
		}
		r.let <- struct{}{}
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(r.let)
		done.Wait()
		if !slices.EqualFunc(r.batches, [][]int{{1}, {2, 3}}, slices.Equal) {
			t.Errorf("sent %v", r.batches)
		}
	})
}

func TestASenderThatEndsInTheMiddleLeavesNobodyWaiting(t *testing.T) {
	for name, end := range map[string]func(){
		"by a panic":     func() { panic("an end") },
		"by its own end": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, r := gather(1)
				sends := 0
				g.send = func(calls []int) {
					if sends++; sends == 2 {
						end()
					}
					r.send(calls)
				}
				var done sync.WaitGroup
				var lost int
				call := func(n int) {
					done.Go(func() {
						defer func() { _ = recover() }()
						if _, err := g.do(context.Background(), n); errors.Is(err, errLost) {
							lost++
						}
					})
					synctest.Wait()
				}
				call(1)
				call(2)
				call(3)
				close(r.let)
				done.Wait()
				if lost != 1 {
					t.Errorf("%d callers were told that their call is lost, want 1", lost)
				}
				if _, err := g.do(t.Context(), 4); err != nil {
					t.Errorf("the next call: %v", err)
				}
			})
		})
	}
}

// Of two whose turn it is, one may send for both before the other comes to look.
// The other's turn is then for whoever comes next, and not lost for ever.
func TestATurnThatIsNotTakenIsHandedOver(t *testing.T) {
	for name, ends := range map[string]bool{"its call was answered meanwhile": false, "its caller gave up meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, r := gather(2)
				close(r.let)
				for range 50 { // select sees any one of what has happened
					first, second := g.join(1), g.join(2)
					if _, err := g.await(t.Context(), first); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					if ends {
						cancel()
					}
					_, _ = g.await(ctx, second)
					cancel()
					if g.sending != 0 {
						t.Fatalf("%d turns are lost", g.sending)
					}
				}
			})
		})
	}
}
