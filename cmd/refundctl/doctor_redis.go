package main

import (
	"context"
	"time"

	"refundworker/config"
	"refundworker/internal/cli"
	"refundworker/redisconn"
)

// Bounds of what is well about Redis.
const (
	memoryWarn = 0.80
	memoryIll  = 0.95
	// Worker and Redis each count deadlines by their own clock; beyond seconds a
	// task may be taken for abandoned while it runs.
	skewWarn = time.Second
	skewIll  = 5 * time.Second
)

// redis looks at every master. An error says that it was not reached.
func (d *diagnosis) redis(ctx context.Context, s *cli.Session) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	nodes, err := redisconn.Inspect(ctx, s.Backend.Redis)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		d.node(n, s.Config)
	}
	const fitFix = "change the setting that is named; workers send nothing until it holds"
	switch err := s.Backend.Check(ctx); {
	case err != nil:
		d.add(ill, "durability", "", fitFix, "%s is not kept: %s", s.Config.Durability, err)
	case s.Config.Durability == config.DurabilityNone:
		d.add(warn, "durability", "", "set durability: aof, except for a demo", "none: a crash of Redis may lose refunds that were taken in")
	default:
		d.add(well, "durability", "", "", "%s is kept", s.Config.Durability)
	}
	const memoryFix = "give Redis more memory, or shorten journal_retention after an export"
	used, limited, err := redisconn.MemoryUsed(ctx, s.Backend.Redis)
	switch percent := int(used * 100); {
	case err != nil: // one that tells nothing of itself
		d.add(warn, "memory", "", "grant the user +info", "not told: %s", err)
	case !limited:
		d.add(warn, "memory", "", "set maxmemory below the machine's memory, so that Redis refuses new refunds before the system kills it", "no maxmemory is set")
	case used >= memoryIll:
		d.add(ill, "memory", "", memoryFix, "%d %% of maxmemory is used: new refunds are soon refused", percent)
	case used >= memoryWarn:
		d.add(warn, "memory", "", memoryFix, "%d %% of maxmemory is used", percent)
	default:
		d.add(well, "memory", "", "", "%d %% of maxmemory is used", percent)
	}
	return nil
}

func (d *diagnosis) node(n redisconn.Node, cfg *config.Config) {
	if n.Loading {
		d.add(warn, "redis", n.Address, "wait until it has read back its data", "version %s, loading", n.Version)
	} else if n.Version == "" {
		d.add(warn, "redis", n.Address, "grant the user +info, so that it can be seen", "reached; it does not tell its version and settings")
	} else {
		fsync := n.Fsync
		if fsync == "" {
			fsync = "not told"
		}
		d.add(well, "redis", n.Address, "", "version %s, appendonly %s, appendfsync %s, eviction %s, %d replicas", n.Version, yes(n.AppendOnly), fsync, n.Eviction, n.Replicas)
	}
	if !n.WriteOK {
		d.add(ill, "disk", n.Address, "free its disk, then look at its log", "the append-only file could not be written")
	}
	if n.Eviction != "" && n.Eviction != "noeviction" {
		v := ill
		if cfg.AllowEviction {
			v = warn
		}
		d.add(v, "eviction", n.Address, "CONFIG SET maxmemory-policy noeviction, and in redis.conf", "maxmemory-policy is %s: records of refunds may be dropped", n.Eviction)
	}
	const clockFix = "synchronize the clocks of this machine, the workers and Redis by NTP"
	ahead, off := n.Ahead.Round(time.Millisecond), max(0, n.Ahead.Abs()-n.Trip/2)
	switch {
	case off > skewIll:
		d.add(ill, "clock", n.Address, clockFix, "Redis is %s ahead of this machine", ahead)
	case off > skewWarn:
		d.add(warn, "clock", n.Address, clockFix, "Redis is %s ahead of this machine", ahead)
	default:
		d.add(well, "clock", n.Address, "", "within %s of this machine", skewWarn)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
