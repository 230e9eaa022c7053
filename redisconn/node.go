package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrLoading says that a server is reading back what it had written, as after a
// restart, and can't say yet what it keeps. It passes.
var ErrLoading = errors.New("redis is loading its data; it takes a while after a restart")

// server is one server, by a client or by a single connection.
type server interface {
	redis.Cmdable
	Do(ctx context.Context, args ...any) *redis.Cmd
	Process(ctx context.Context, cmd redis.Cmder) error
}

// nodeReport is what was found at one server.
type nodeReport struct {
	version  version
	replicas int
	verified []string
	stated   []string
}

func (n *nodeReport) saw(format string, args ...any) {
	n.verified = append(n.verified, fmt.Sprintf(format, args...))
}

// checkNode checks one server; member says that it was found through a cluster.
func checkNode(ctx context.Context, c server, member bool, req Requirements) (nodeReport, error) {
	var n nodeReport
	info, err := readInfo(ctx, c, "server", "memory", "persistence", "replication")
	if err != nil {
		// A server made for tests knows no such INFO, and a demo needs none.
		if req.Durability == modeNone && refused(err) {
			return n, c.Ping(ctx).Err()
		}
		if forbidden(err) {
			return n, errors.New("the user may not call INFO, so nothing can be verified; grant +info")
		}
		return n, err
	}
	n.version = parseVersion(info["redis_version"])
	switch {
	case info["loading"] == "1": // it says meanwhile that it has no append-only file
		return n, ErrLoading
	case n.version.less(version{major: 6, minor: 2}) && (n.version.text != "" || req.Durability != modeNone):
		return n, fmt.Errorf("version %q is older than 6.2; upgrade it", n.version.text)
	case info["redis_mode"] == "cluster" && !member:
		return n, errors.New("is part of a cluster; write redis-cluster:// instead of redis://")
	case info["role"] == "slave":
		return n, errors.New("is a replica, which takes no writes; name the primary, or use redis-sentinel://")
	}
	if err := n.checkEviction(info["maxmemory_policy"], req); err != nil {
		return n, err
	}
	if req.disk() {
		if err := n.checkDisk(ctx, c, info, req); err != nil {
			return n, err
		}
	}
	n.replicas = onlineReplicas(info)
	if req.replica() {
		if n.replicas == 0 {
			return n, fmt.Errorf("durability %s needs a connected replica, and there is none; add one, or choose another durability", req.Durability)
		}
	}
	return n, n.admit(ctx, c, info, req)
}

// admit has a primary admitted whose predecessor's last writes may not have
// reached it.
func (n *nodeReport) admit(ctx context.Context, c server, info map[string]string, req Requirements) error {
	if req.Admit == nil || req.Durability != modeAOF {
		return nil
	}
	p := primaryOf(ctx, c, info, req.named)
	if p.History == "" {
		n.stated = append(n.stated, "that no failover forgets a write (the server does not tell its replication id)")
		return nil
	}
	if err := req.Admit(ctx, c, p); err != nil {
		return err
	}
	if _, err := n.tryWaitAOF(ctx, c); err != nil {
		return err
	}
	return nil
}

func (n *nodeReport) checkEviction(policy string, req Requirements) error {
	switch {
	case policy == "noeviction":
		n.saw("maxmemory-policy noeviction")
	case req.AllowEviction:
		n.stated = append(n.stated, "that eviction is acceptable (allow_eviction)")
	case policy == "" && req.Durability == modeNone:
	default:
		return fmt.Errorf("maxmemory-policy is %q, so records of refunds could be dropped when memory is full; "+
			"set it to noeviction, or allow_eviction: true", policy)
	}
	return nil
}

// readInfo returns the fields of the sections that are needed. They are asked
// for one by one, because several at once need Redis 7.
func readInfo(ctx context.Context, c server, sections ...string) (map[string]string, error) {
	info := map[string]string{}
	for _, section := range sections {
		text, err := c.Info(ctx, section).Result()
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				info[key] = value
			}
		}
	}
	return info, nil
}

// onlineReplicas counts the replicas that have caught up with the stream.
func onlineReplicas(info map[string]string) int {
	online := 0
	for key, value := range info {
		number, ok := strings.CutPrefix(key, "slave")
		if _, err := strconv.Atoi(number); ok && err == nil && strings.Contains(value, "state=online") {
			online++
		}
	}
	return online
}

// refused reports whether the server answered with an error, as against not
// being reached.
func refused(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// forbidden reports whether the user may not, or nobody can, call the command.
func forbidden(err error) bool {
	return refused(err) && (redis.HasErrorPrefix(err, "NOPERM") || unknownCommand(err))
}

func unknownCommand(err error) bool {
	return refused(err) && strings.Contains(strings.ToLower(err.Error()), "unknown command")
}
