// Package journal is the durable record of every refund, in Redis. The queue
// only drives; what the journal says is what is true.
//
// Every change of a refund is one atomic script that names the version it
// expects, is stamped with Redis's own clock, and carries a token of its
// caller, so that repeating it after a lost reply changes nothing twice. A
// write counts when it is as durable as configured. The journal never decides
// what is to be done with a refund, and it never holds a secret.
package journal

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Buckets is how many hash tags the journal is spread over. It is part of the
// stored form: changing it would lose sight of every refund.
const Buckets = 256

// Events is the stream that order systems read.
const Events = "refunds:events"

// Runner runs scripts. Run returns once what the script wrote is as durable as
// configured, and may run the script again after a lost reply; RunPlain waits
// for nothing.
type Runner interface {
	Run(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error)
	RunPlain(ctx context.Context, key string, script *redis.Script, keys []string, args ...any) (any, error)
}

// Options are a journal's settings.
type Options struct {
	Window    time.Duration // how long a settled refund still holds its window
	Retention time.Duration // how long settled refunds are remembered
	// Lineage lets an attempt begin only on a primary that was admitted: see Lineage.
	// It is for a durability that a failover can go behind.
	Lineage bool
	// Cluster says that the keys of different slots may lie on different servers, so
	// that no script can claim an id and take its refund in, and what is durable in
	// one bucket says nothing about another. It goes without saying over a client of
	// a cluster.
	Cluster      bool
	EventsMaxLen int64 // about how many events the stream keeps; 0 for a million
	// Gate is asked by Open before an attempt begins: the body of a Lua function of KEYS
	// and ARGV, which are a Gate's; time is what TIME answered. It returns an answer for
	// the caller, whether the attempt may begin, and for how many milliseconds its
	// provider has been paused, ever.
	Gate string
}

// Journal reads and changes refunds. It is safe for concurrent use.
type Journal struct {
	rdb     redis.UniversalClient
	run     Runner
	options Options
	begins  *redis.Script // begin.lua behind the gate
}

// New returns a journal over rdb whose writes go through run.
func New(rdb redis.UniversalClient, run Runner, o Options) *Journal {
	if o.EventsMaxLen == 0 {
		o.EventsMaxLen = 1_000_000
	}
	if _, cluster := rdb.(*redis.ClusterClient); cluster {
		o.Cluster = true
	}
	gate := ""
	if o.Gate != "" {
		gate = "local function gate(KEYS, ARGV)\n" + o.Gate + "\nend\n"
	}
	return &Journal{rdb: rdb, run: run, options: o, begins: redis.NewScript(behindLib("payment", "piece") + gate + source("begin"))}
}

// Clustered reports whether the keys of different slots may lie on different servers.
func (j *Journal) Clustered() bool { return j.options.Cluster }

//go:embed *.lua
var sources embed.FS

var (
	loadScript   = script("load")
	takeScript   = script("payment", "piece", "metadata", "take")
	stepScript   = script("step")
	eraseScript  = script("piece", "metadata", "step")
	pruneScript  = script("piece", "metadata", "prune")
	rankScript   = script("payment", "rank")
	dayScript    = redis.NewScript(source("day"))
	freeScript   = redis.NewScript(source("day_free"))
	claimScript  = script("claim")
	refuseScript = redis.NewScript(source("refuse"))
	enterScript  = redis.NewScript(behindLib("payment", "piece", "metadata") + function("claim") + function("take") + function("refuse") + source("enter"))
	// These name one key, beside which they look at none.
	markScript    = redis.NewScript(source("mark"))
	relayScript   = redis.NewScript(source("relay"))
	confirmScript = redis.NewScript(source("confirm"))
)

func source(name string) string {
	b, err := sources.ReadFile(name + ".lua")
	if err != nil {
		panic("journal: " + err.Error())
	}
	return string(b)
}

func script(names ...string) *redis.Script { return redis.NewScript(behindLib(names...)) }

// behindLib puts files behind lib.lua. Each script carries only what it uses: Redis makes
// every function of a script anew whenever it runs.
func behindLib(names ...string) string {
	text := source("lib")
	for _, name := range names {
		text += source(name)
	}
	return text
}

// function makes a script a function of its keys and arguments, for one that is made
// of several.
func function(name string) string {
	return "local function " + name + "(KEYS, ARGV)\n" + source(name) + "end\n"
}

// bucketOf spreads payments over the buckets; all that belongs to one payment
// lies in one bucket.
func bucketOf(place string) int { return int(crc32.ChecksumIEEE([]byte(place)) % Buckets) }

// bucketPrefixes are what the keys of the buckets begin with.
var bucketPrefixes = func() (all [Buckets]string) {
	for bucket := range all {
		all[bucket] = fmt.Sprintf("refunds:{%03d}:", bucket)
	}
	return all
}()

func bucketPrefix(bucket int) string { return bucketPrefixes[bucket] }

func placeOf(provider, payment string) string { return provider + ":" + payment }

func splitPlace(place string) (provider, payment string) {
	provider, payment, _ = strings.Cut(place, ":")
	return provider, payment
}

func recordKey(place, id string) string { return bucketPrefix(bucketOf(place)) + "r:" + id }

func paymentKey(place string) string { return bucketPrefix(bucketOf(place)) + "p:" + place }

// scriptKeys are the keys that a script over a bucket names: the one it is about,
// and one that never exists. While a cluster moves a slot, a bucket's keys are
// partly here and partly there, and a script that names one key runs wherever
// that one is, blind to the others. With two, of which one is missing, Redis
// answers TRYAGAIN before anything has run, until the slot has moved
// (getNodeByQuery in cluster.c; https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
func scriptKeys(key string) []string {
	prefix, _, _ := strings.Cut(key, "}:")
	return []string{key, prefix + "}:never"}
}

func claimKey(id string) string { return "refunds:claim:" + id }

// NewToken makes a token for one change: 65 bits from the operating system, which
// sees to it that not even two copies of one machine make the same. It is compared
// with the tokens of changes of the same refund only, and every refund is kept with
// its last one.
func NewToken() string { return rand.Text()[:13] }
