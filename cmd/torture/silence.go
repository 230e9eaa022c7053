package main

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// silent drops go-redis's own log: what it complains of here is made on purpose.
type silent struct{}

// Printf does nothing.
func (silent) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(silent{}) }
