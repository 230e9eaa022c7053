package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// redisTime bounds what each step of a request waits for Redis here.
const redisTime = 5 * time.Second

// session is a login, as it lies in Redis under the SHA-256 of the browser's
// key: who reads Redis can't log in with it. Workers share it.
type session struct {
	Name  string `json:"name"`
	Mark  string `json:"mark"`  // of the password that it began with
	Until int64  `json:"until"` // when it ends however much it is used, in milliseconds since 1970
}

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func sessionKey(key string) string { return "refunds:session:" + hashed(key) }

// begin makes a session of a new key, which it returns.
func (g *Guard) begin(ctx context.Context, rdb redis.UniversalClient, name, mark string) (key string, err error) {
	login := g.web.Login
	raw, err := json.Marshal(session{name, mark, g.now().Add(login.Session).UnixMilli()})
	if err != nil {
		return "", err
	}
	key = newKey()
	return key, rdb.Set(ctx, sessionKey(key), raw, min(login.Idle, login.Session)).Err()
}

// bySession says who has logged in with this browser. A person who is no longer
// in the password file, or whose password is another now, has not.
func (g *Guard) bySession(r *http.Request) (name string, err *refusal) {
	key := g.cookie(r, keyCookie)
	if key == "" {
		return "", nil
	}
	file, rdb, err := g.means()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(r.Context(), redisTime)
	defer cancel()
	raw, failed := rdb.Get(ctx, sessionKey(key)).Bytes()
	if errors.Is(failed, redis.Nil) {
		return "", nil
	}
	if failed != nil {
		return "", g.redisFailed(failed)
	}
	var s session
	left := time.Duration(0)
	if json.Unmarshal(raw, &s) == nil {
		left = time.UnixMilli(s.Until).Sub(g.now())
	}
	if left <= 0 || s.Mark == "" || s.Mark != file.Mark(s.Name) {
		return "", nil
	}
	if !byScript(r) { // a page left open does not keep its person logged in
		if failed := rdb.PExpire(ctx, sessionKey(key), min(g.web.Login.Idle, left)).Err(); failed != nil {
			return "", g.redisFailed(failed)
		}
	}
	return s.Name, nil
}

// end forgets a session.
func (g *Guard) end(ctx context.Context, key string) *refusal {
	_, rdb, err := g.means()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, redisTime)
	defer cancel()
	if failed := rdb.Del(ctx, sessionKey(key)).Err(); failed != nil {
		return g.redisFailed(failed)
	}
	return nil
}

func (g *Guard) redisFailed(err error) *refusal {
	g.log.Error("Redis does not say who has logged in", zap.Error(err))
	return &refusal{http.StatusServiceUnavailable, "Redis does not answer, so nobody can be let in. Try again in a moment.", "Redis does not answer"}
}
