//go:build unix

package main

import (
	"os/exec"
	"syscall"
	"time"
)

// ownGroup keeps a terminal's Ctrl-C from the child: bench ends it itself,
// after whatever still uses it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// ownCPU is what this process ever used.
func ownCPU() cpu {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return cpu{}
	}
	return cpu{time.Duration(used.Utime.Nano()), time.Duration(used.Stime.Nano())}
}
