package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"

	"github.com/redis/go-redis/v9"

	"refundworker/redisconn"
	"refundworker/refund"
	"refundworker/statement"
)

// The exit statuses.
const (
	OK        = 0 // done; for a waited refund: succeeded
	Failed    = 1 // any other error, or an action that is not possible
	Usage     = 2
	Duplicate = 3
	Invalid   = 4 // or a conflict
	NoRedis   = 5 // Redis was not reached; trying again is safe
	Declined  = 6 // waited for: declined or canceled
	Review    = 7 // waited for: stands in review
	Open      = 8 // waited for: not final when the time was over
	Differs   = 9 // statement and journal differ
)

// Exit ends a command with a status. Without an error everything was said.
type Exit struct {
	Status int
	Err    error
}

// Error says why.
func (e *Exit) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

// Unwrap returns why.
func (e *Exit) Unwrap() error { return e.Err }

// UsageError says that the command line itself is wrong.
func UsageError(format string, args ...any) error {
	return &Exit{Status: Usage, Err: fmt.Errorf(format, args...)}
}

// StatusOf is the exit status that an error asks for by its kind.
func StatusOf(err error) int {
	var exit *Exit
	var invalid refund.Invalid
	var faults statement.Faults
	switch {
	case err == nil:
		return OK
	case errors.As(err, &exit):
		return exit.Status
	case errors.As(err, &invalid), errors.As(err, &faults):
		return Invalid
	case notReached(err):
		return NoRedis
	}
	return Failed
}

// cantServe are the answers of a Redis that is there and can't serve just now.
var cantServe = []string{"LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "TRYAGAIN"}

// notReached reports whether the error's kind says that Redis did not answer.
func notReached(err error) bool {
	var answer redis.Error
	var network net.Error
	var file *fs.PathError // its cause, a syscall.Errno, is a net.Error too
	switch {
	case errors.Is(err, redisconn.ErrNotDurable), errors.Is(err, context.Canceled), errors.As(err, &file):
		return false
	case errors.As(err, &answer):
		for _, prefix := range cantServe {
			if redis.HasErrorPrefix(err, prefix) {
				return true
			}
		}
		return false
	}
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted)
}
