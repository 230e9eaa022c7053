package main

import (
	"context"
	"fmt"
	"io"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLog writes one JSON object a line, go-redis's own lines among them.
func newLog(level zapcore.Level, to io.Writer) *zap.Logger {
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey, encoder.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	encoder.EncodeDuration = zapcore.StringDurationEncoder
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(zapcore.AddSync(to)), level))
	redis.SetLogger(redisLog{log.Named("redis")})
	return log
}

// redisLog takes go-redis's lines, which name addresses and no credentials.
type redisLog struct{ *zap.Logger }

func (l redisLog) Printf(_ context.Context, format string, args ...any) {
	l.Debug(fmt.Sprintf(format, args...))
}
