//go:build unix

package main

import (
	"os"
	"os/exec"
	"runtime"
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

// peakMemory is the most that a process that ended had in memory, in bytes.
func peakMemory(ended *os.ProcessState) int64 {
	used, ok := ended.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	most := int64(used.Maxrss)
	if runtime.GOOS != "darwin" { // there it is in bytes, elsewhere in KiB
		most <<= 10
	}
	return most
}
