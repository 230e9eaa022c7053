package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine is where and when something was measured.
type machine struct {
	At       time.Time `json:"at"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	CPU      string    `json:"cpu,omitempty"`
	Cores    int       `json:"cores"`
	Load     string    `json:"load,omitempty"` // of the minute before
	Redis    string    `json:"redis,omitempty"`
}

func thisMachine() machine {
	m := machine{At: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU()}
	// Both are Linux's; elsewhere they are left out.
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	m.Load, _, _ = strings.Cut(string(load), " ")
	return m
}

func (m machine) String() string {
	text := fmt.Sprintf("%s, %s %s, %d cores", m.At.Format(time.DateOnly), m.Go, m.Platform, m.Cores)
	if m.CPU != "" {
		text += " (" + m.CPU + ")"
	}
	if m.Load != "" {
		text += ", load before " + m.Load
	}
	if m.Redis != "" {
		text += ", Redis " + m.Redis
	}
	return text
}
