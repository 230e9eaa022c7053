package wake

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strings"

	"github.com/redis/go-redis/v9"
)

// The scripts of asynq v0.26 that matter here, by the digest of their text. One
// that has changed is not known any more, and passes through as it is.
const (
	completeSHA       = "117dca952700588e559c7ace20b925096d587974"
	completeUniqueSHA = "ce6833ccce362a8c0ee53beee413341daf52e39c"
	dequeueSHA        = "a8153319360adc71cdc370107f8ab9786f204765"
	enqueueSHA        = "98d28b42650870a743450ffda9791e9e19c6991b"
	expiredSHA        = "16988a462595f6ee317be300951533b004f27f5c"
	forwardSHA        = "522b1a6ae66fe79ea2f24a9af58798ab71879035"
	retrySHA          = "65fa409c88198a681c53e0892d8276eca0145694"
	runTaskSHA        = "2fb646810e3433bbe85fba1a6b407eb3eced7b63"
	scheduleSHA       = "8ce6b38a99b73194585c251eb3c2a89559f37a87"
)

// cancelChannel is where asynq's inspector, and so asynqmon, asks for a running
// task to be cancelled.
const cancelChannel = "asynq:cancel"

//go:embed line.lua
var lineText string

//go:embed enqueue.lua
var enqueueText string

// enqueueScript does what asynq's own does, and says so on the channel.
var enqueueScript = redis.NewScript(lineText + enqueueText)

//go:embed finish.lua
var finishText string

//go:embed complete.lua
var completeText string

// completeScript does what asynq's own two do, and leaves the task's result on it.
var completeScript = redis.NewScript(finishText + completeText)

// taskOfComplete is which of the keys is the task's.
const taskOfComplete = 3

// digest is how Redis names a script.
func digest(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func pendingKey(queue string) string   { return "asynq:{" + queue + "}:pending" }
func scheduledKey(queue string) string { return "asynq:{" + queue + "}:scheduled" }
func retryKey(queue string) string     { return "asynq:{" + queue + "}:retry" }

// queueOf is the queue that a key belongs to, empty if it is none of asynq's.
func queueOf(key string) string {
	rest, _ := strings.CutPrefix(key, "asynq:{")
	name, _, found := strings.Cut(rest, "}:")
	if !found || rest == key {
		return ""
	}
	return name
}
