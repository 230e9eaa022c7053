package main

import (
	"crypto/sha1"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// scriptName is the first sentence of the header that each of our scripts has
// above its keys; of others, the commands in it.
func scriptName(text string) string {
	lines := strings.Split(text, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		above, _, ok := strings.Cut(lines[i], "KEYS[1]")
		if !ok || !strings.HasPrefix(lines[i], "--") {
			continue
		}
		header := comment(above)
		for i--; i >= 0 && strings.HasPrefix(lines[i], "--"); i-- {
			header = comment(lines[i]) + " " + header
		}
		sentence, _, _ := strings.Cut(strings.TrimSpace(header), ". ")
		return "script: " + strings.TrimRight(sentence, ".?: ")
	}
	var calls []string
	for _, match := range redisCall.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(calls, match[1]) {
			calls = append(calls, match[1])
		}
	}
	return "script of " + strings.Join(calls, " ")
}

func comment(line string) string { return strings.TrimSpace(strings.TrimPrefix(line, "--")) }

var (
	redisCall = regexp.MustCompile(`redis\.call\(["'](\w+)["']`)
	hashTag   = regexp.MustCompile(`\{[^}]*\}`)
)

// perRefund begin the keys of which there is one for each refund or payment.
var perRefund = []string{"refunds:claim:", "refunds:{}:r:", "refunds:{}:p:", "asynq:{}:t:", "asynq:workers:", "asynq:servers:"}

// purposes say what the keys are for, by how their kind begins.
var purposes = []struct{ prefix, what string }{
	{"refunds:{}:r:", "the record, with its attempts and its history"},
	{"refunds:{}:p:", "the payment's refunds and its epoch"},
	{"refunds:{}:m", "finds a refund by its metadata"},
	{"refunds:{}:n", "counts by provider and state, one key a bucket"},
	{"refunds:{}:s:", "the refunds of a provider in a state, one key a bucket"},
	{"refunds:{}:due", "when somebody has to look after a refund, one key a bucket"},
	{"refunds:{}:wait", "the same for those that are queued"},
	{"refunds:{}:out", "events that are still to be told"},
	{"refunds:{}:confirmed", "what the relay writes to wait for, one key a bucket"},
	{"refunds:{}:x:", "a refusal"},
	{"refunds:claim:", "the id stands for this payment and content"},
	{"refunds:events", "the event, until the stream is trimmed"},
	{"asynq:{}:t:", "the task; with its result for a day when it is done"},
	{"asynq:{}:pending", "the queue"},
	{"asynq:{}:completed", "asynq's index of finished tasks, for a day"},
	{"asynq:", "asynq's own, once for each queue or worker"},
	{"refunds:", "once for each provider or worker"},
}

func purpose(kind string) string {
	for _, p := range purposes {
		if strings.HasPrefix(kind, p.prefix) {
			return p.what
		}
	}
	return "?"
}

// kindOf is a key with what differs from refund to refund left out.
func kindOf(key string) string {
	key = hashTag.ReplaceAllString(key, "{}")
	for _, prefix := range perRefund {
		if strings.HasPrefix(key, prefix) {
			return prefix + "…"
		}
	}
	return key
}

// hashOf is the name that Redis gives to a script.
func hashOf(script string) string {
	sum := sha1.Sum([]byte(script))
	return hex.EncodeToString(sum[:])
}
