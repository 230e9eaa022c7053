package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"refundworker/batch"
)

// bar shows on a terminal how much of the file was read; nil shows nothing.
type bar struct {
	line *progressbar.ProgressBar
	from *batch.Reader
}

func newBar(stderr io.Writer, size int64, from *batch.Reader) *bar {
	file, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	if size == 0 {
		size = -1 // a spinner
	}
	return &bar{from: from, line: progressbar.NewOptions64(size, progressbar.OptionSetWriter(stderr),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionFullWidth())}
}

// A bar that can't be drawn is no reason to stop, so its errors are dropped.

func (b *bar) move() {
	if b != nil {
		_ = b.line.Set64(b.from.Consumed())
	}
}

// clear makes room for a line of text.
func (b *bar) clear() {
	if b != nil {
		_ = b.line.Clear()
	}
}

func (b *bar) end() {
	if b != nil {
		_ = b.line.Finish()
	}
}
