// Package browsertest_test walks the pages of a real worker with a real browser:
// Chromium without a window, driven by chromedp, against a redis-server and the
// simulated companies.
package browsertest_test

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long anything here may take on a busy machine. Nothing waits
// for it unless the test fails.
const patience = 30 * time.Second

// chromium is the browser of all tests, in which each has tabs of its own kind.
var chromium struct {
	once    sync.Once
	browser context.Context
	err     error
	end     func()
}

func TestMain(m *testing.M) {
	status := m.Run()
	if chromium.end != nil {
		chromium.end()
	}
	os.Exit(status)
}

// browse returns Chromium, which it starts the first time, with an empty
// profile. CHROMIUM=/path/to/chromium names another one than the one that is
// installed. Without it the test is skipped, or fails where CI=true.
func browse(t *testing.T) context.Context {
	t.Helper()
	program := find(t)
	chromium.once.Do(func() { launch(program) })
	if chromium.err != nil {
		t.Fatalf("Chromium does not start: %v", chromium.err)
	}
	return chromium.browser
}

func launch(program string) {
	profile, err := os.MkdirTemp("", "refunds-chromium-")
	if err != nil {
		chromium.err = err
		return
	}
	options := append([]chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU},
		chromedp.DefaultExecAllocatorOptions[:]...)
	for _, name := range []string{"disable-quic", "disable-component-update", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(name, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	browser, cancel := chromedp.NewContext(allocator)
	chromium.browser, chromium.err = browser, chromedp.Do(browser)
	chromium.end = func() {
		ctx, late := context.WithTimeout(browser, patience)
		defer late()
		_ = chromedp.Cancel(ctx) // a browser that does not end by itself is killed below
		cancel()
		stop()
		// What Chromium has left behind may still write for a moment.
		for range 100 {
			if os.RemoveAll(profile) == nil {
				return
			}
		}
	}
}

func find(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("CHROMIUM"); named != "" {
		return named
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("Chromium is not installed, and CI=true asks for every test; install it")
	}
	t.Skip("Chromium is not installed; install it to run this test")
	return ""
}
