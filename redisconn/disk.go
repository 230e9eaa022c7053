package redisconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// checkDisk verifies that this server can be asked to confirm that a write is on
// its disk (WAITAOF, from 7.2 on), or else that a write is there before its answer
// leaves (appendfsync always). Which of the two is for the server to say, by its
// answer to the command: the Waiter goes by that answer too, so servers of both
// kinds may follow each other or stand side by side.
func (n *nodeReport) checkDisk(ctx context.Context, c server, info map[string]string, req Requirements) error {
	if info["aof_enabled"] != "1" {
		return fmt.Errorf("durability %s needs appendonly yes, and it is no; set appendonly yes, or choose another durability", req.Durability)
	}
	if s := info["aof_last_write_status"]; s != "" && s != "ok" {
		return errors.New("it could not write its append-only file (aof_last_write_status is not ok); free its disk")
	}
	n.saw("appendonly yes")
	fsync, known, err := setting(ctx, c, "appendfsync")
	if err != nil {
		return err
	}
	waits, err := n.tryWaitAOF(ctx, c)
	if err != nil {
		return err
	}
	if waits {
		return n.fsyncWithWait(fsync, known, req)
	}
	return n.fsyncAlways(ctx, c, fsync, known, req)
}

// fsyncWithWait: with appendfsync no Redis never learns what is on the disk,
// and WAITAOF would time out after every write.
func (n *nodeReport) fsyncWithWait(fsync string, known bool, req Requirements) error {
	if fsync == "no" || !known && req.StatedFsync == "no" {
		return errors.New("appendfsync is no, with which WAITAOF never succeeds; set it to always (or everysec, which waits up to a second per write)")
	}
	if known {
		n.saw("appendfsync %s", fsync)
	} else if req.StatedFsync != "" {
		n.stated = append(n.stated, "appendfsync "+req.StatedFsync)
	}
	n.saw("WAITAOF after each write")
	return nil
}

func (n *nodeReport) fsyncAlways(ctx context.Context, c server, fsync string, known bool, req Requirements) error {
	const why = "version %s can't confirm that a write is on disk (WAITAOF is from 7.2 on), so durability %s needs appendfsync always"
	if !known {
		switch req.StatedFsync {
		case "always":
			n.stated = append(n.stated, "appendfsync always")
			return nil
		case "":
			return fmt.Errorf(why+", and the user may not call CONFIG to verify it; grant +config|get, "+
				"or, if it is so, say stated_fsync: always", n.version.text, req.Durability)
		}
		return fmt.Errorf(why+", and stated_fsync says %s; change the server's setting, or choose another durability", n.version.text, req.Durability, req.StatedFsync)
	}
	if fsync != "always" {
		return fmt.Errorf(why+", and it is %s; set appendfsync always, upgrade, or choose another durability", n.version.text, req.Durability, fsync)
	}
	n.saw("appendfsync always")
	// With it, Redis answers before the write is on disk while it rewrites a
	// file (flushAppendOnlyFile in aof.c).
	switch skip, known, err := setting(ctx, c, "no-appendfsync-on-rewrite"); {
	case err != nil:
		return err
	case known && skip == "yes":
		return errors.New("no-appendfsync-on-rewrite is yes, which suspends appendfsync always during a rewrite; set it to no")
	}
	return nil
}

// setting reads one setting; known is false where CONFIG is forbidden or the
// setting does not exist.
func setting(ctx context.Context, c server, name string) (value string, known bool, err error) {
	values, err := c.ConfigGet(ctx, name).Result()
	switch {
	case err == nil:
		value, known = values[name]
		return value, known, nil
	case forbidden(err):
		return "", false, nil
	}
	return "", false, fmt.Errorf("CONFIG GET %s: %w", name, err)
}

// tryWaitAOF finds out whether WAITAOF works, which a version number does not
// say of every server that speaks this protocol. It waits for what was written
// on the same connection.
func (n *nodeReport) tryWaitAOF(ctx context.Context, c server) (bool, error) {
	cmd := redis.NewIntSliceCmd(ctx, "waitaof", 1, 0, 2000)
	err := c.Process(ctx, cmd)
	switch {
	case unknownCommand(err):
		return false, nil
	case err != nil && forbidden(err):
		return false, errors.New("the user may not call WAITAOF; grant +waitaof")
	case err != nil:
		return false, fmt.Errorf("WAITAOF: %w", err)
	case len(cmd.Val()) == 0 || cmd.Val()[0] < 1:
		return false, errors.New("WAITAOF was not confirmed within 2s; look at the server's disk")
	}
	return true, nil
}
