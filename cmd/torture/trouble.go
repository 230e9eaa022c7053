package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// calmBetween bounds the time from one trouble to the next.
const (
	calmLeast = 200 * time.Millisecond
	calmMost  = 1800 * time.Millisecond
)

// trouble is one thing that goes wrong, with how often it is chosen.
type trouble struct {
	weight int
	make   func(ctx context.Context, rng *rand.Rand) error
}

// troubles are those that the flags leave.
func (st *stage) troubles() []trouble {
	var list []trouble
	if !st.noKill {
		list = append(list, trouble{5, st.killOne})
	}
	if !st.noFreeze && canFreeze {
		list = append(list, trouble{2, st.freezeOne})
	}
	if !st.noRestart {
		list = append(list, trouble{1, st.crashRedis})
	}
	if !st.noCut {
		list = append(list, trouble{1, st.cutAll}, trouble{4, st.loseAnswers}, trouble{2, st.loseRequests}, trouble{2, st.slowDown})
	}
	return list
}

// trouble makes things go wrong until the time is over, and leaves a stage on
// which nothing does.
func (st *stage) trouble(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(st.seed, 2))
	kinds := st.troubles()
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	over := time.Now().Add(st.length)
	for time.Now().Before(over) {
		if err := wait(ctx, between(rng, calmLeast, calmMost)); err != nil {
			return err
		}
		for _, w := range st.workers {
			if err := w.revive(); err != nil {
				return err
			}
		}
		if sum == 0 {
			continue
		}
		choice := rng.IntN(sum)
		for _, k := range kinds {
			if choice -= k.weight; choice < 0 {
				if err := k.make(ctx, rng); err != nil {
					return err
				}
				break
			}
		}
	}
	st.freezes.Wait()
	st.proxy.calm()
	st.say("nothing breaks any more: %d kills, %d freezes, %d restarts of Redis, %d cut connections",
		st.tally.Kills, st.tally.Freezes, st.redis.Restarts, st.proxy.Cut)
	return ctx.Err()
}

func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1))
}

func (st *stage) killOne(_ context.Context, rng *rand.Rand) error {
	w := st.workers[rng.IntN(len(st.workers))]
	if w.frozen.Load() {
		return nil
	}
	st.tell("kill -9 worker %d", w.process.pid())
	st.tally.Kills++
	return w.kill()
}

// freezeOne makes a worker stand still: mostly shortly, sometimes for longer
// than the lease of the right to sweep. Other troubles go on meanwhile.
func (st *stage) freezeOne(ctx context.Context, rng *rand.Rand) error {
	w := st.workers[rng.IntN(len(st.workers))]
	d := between(rng, st.longest/20, st.longest/3)
	if rng.IntN(3) == 0 {
		d = between(rng, st.longest/3, st.longest)
	}
	if w.frozen.Swap(true) {
		return nil
	}
	st.tell("freeze worker %d for %s", w.process.pid(), d.Round(time.Millisecond))
	st.tally.Freezes++
	if err := w.process.freeze(); err != nil {
		return err
	}
	process := w.process
	st.freezes.Go(func() {
		_ = wait(ctx, d)
		_ = process.thaw() // an error means that it is gone
		w.frozen.Store(false)
	})
	return nil
}

func (st *stage) crashRedis(ctx context.Context, rng *rand.Rand) error {
	dead := between(rng, 0, 1500*time.Millisecond)
	st.tell("kill -9 redis-server, back after %s", dead.Round(time.Millisecond))
	return st.redis.crash(ctx, dead)
}

func (st *stage) cutAll(context.Context, *rand.Rand) error {
	st.tell("cut all connections to Redis")
	st.proxy.cut()
	return nil
}

func (st *stage) loseAnswers(_ context.Context, rng *rand.Rand) error {
	n := 1 + rng.IntN(12)
	st.tell("swallow the answers to %d scripts", n)
	st.proxy.swallowAnswers(n)
	return nil
}

func (st *stage) loseRequests(_ context.Context, rng *rand.Rand) error {
	n := 1 + rng.IntN(6)
	st.tell("withhold %d scripts from Redis", n)
	st.proxy.withholdRequests(n)
	return nil
}

// slowDown makes Redis slow to hear, at times slower than its clients wait.
func (st *stage) slowDown(_ context.Context, rng *rand.Rand) error {
	d, lasting := between(rng, 20*time.Millisecond, 400*time.Millisecond), between(rng, 200*time.Millisecond, 1500*time.Millisecond)
	if rng.IntN(5) == 0 {
		d = 4 * time.Second
	}
	st.tell("delay what Redis hears by %s, for %s", d.Round(time.Millisecond), lasting.Round(time.Millisecond))
	st.proxy.slow(d, lasting)
	return nil
}
