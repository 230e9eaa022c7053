package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// worker is one place in the crew: when its process is gone, another takes it.
type worker struct {
	stage   *stage
	config  string
	log     *os.File
	process *child
	frozen  atomic.Bool
}

// death is the end of one worker's process.
type death struct {
	pid int
	at  time.Time
}

func (st *stage) hire(n int) (*worker, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	w := &worker{stage: st}
	if w.config, err = st.writeConfig(fmt.Sprintf("worker-%d.yaml", n), st.proxy.addr(), listen); err != nil {
		return nil, err
	}
	if w.log, err = os.Create(filepath.Join(st.dir, fmt.Sprintf("worker-%d.log", n))); err != nil {
		return nil, err
	}
	if err := w.start(); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *worker) start() (err error) {
	w.process, err = startChild(exec.Command(w.stage.program, "--config", w.config), w.log)
	return err
}

// kill ends the process by SIGKILL and starts another.
func (w *worker) kill() error {
	pid := w.process.pid()
	w.process.kill()
	w.stage.deaths = append(w.stage.deaths, death{pid, time.Now()})
	return w.start()
}

// leave ends the process for good.
func (w *worker) leave() {
	w.process.kill()
	_ = w.log.Close()
}

// revive replaces a process that ended by itself. A worker should not; whoever
// runs it would start it again.
func (w *worker) revive() error {
	if !w.process.gone() {
		return nil
	}
	w.stage.tally.add(&w.stage.tally.SelfEnded, 1)
	w.stage.say("a worker ended by itself: %s", w.process.said)
	w.stage.deaths = append(w.stage.deaths, death{w.process.pid(), time.Now()})
	return w.start()
}
