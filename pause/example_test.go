package pause_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"refundworker/pause"
)

func Example() {
	mr, err := miniredis.Run() // in place of a real Redis
	if err != nil {
		panic(err)
	}
	defer mr.Close()
	rdb := redis.NewClient(&redis.Options{Addr: mr.Addr()})
	defer rdb.Close()
	board, ctx := pause.New(rdb), context.Background()

	for range 6 {
		pass, err := board.Enter(ctx, "maib", 0)
		if err != nil {
			panic(err)
		}
		if !pass.Open {
			fmt.Println("paused:", pass.Reason, pass.Detail)
			return
		}
		// Here the provider is called; it does not answer.
		if err := board.Report(ctx, "maib", pause.Sick("connection refused").Of(pass)); err != nil {
			panic(err)
		}
	}
	// Output: paused: health connection refused
}
