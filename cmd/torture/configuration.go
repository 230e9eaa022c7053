package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"refundworker/providers/sandbox"
)

// attemptTime is how long one refund call may take.
const attemptTime = 2 * time.Second

// credentials are the simulated companies' own, which open nothing else.
var credentials = map[string][]string{
	sandbox.UnitPay:  {"secret_key: " + sandbox.UnitPaySecret, "one_refund_per_payment: false"},
	sandbox.Maib:     {"client_id: " + sandbox.MaibClientID, "client_secret: " + sandbox.MaibClientSecret},
	sandbox.Sberbank: {"username: " + sandbox.SberbankUser, "password: " + sandbox.SberbankPassword},
}

// settlingTime is how long the companies may sit on a request. What one does
// late it does faultDelay after its client gave up, and a client that stands
// still gives up when it goes on or is killed.
func (s settings) settlingTime() time.Duration { return s.longest + 2*faultDelay + attemptTime }

// giveUp is when a person is asked about a refund that does not settle, such as
// one that the company accepted and knows nothing about any more.
func (s settings) giveUp() time.Duration { return 2 * s.settlingTime() }

// writeConfig writes a worker's configuration. Its waits are short: what
// usually takes minutes takes seconds.
func (st *stage) writeConfig(name, redis, listen string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `redis: redis://%s/0?dial_timeout=2s&read_timeout=3s
durability: aof
listen: %s
shutdown_timeout: 3s
retry: {initial: 100ms, max: 2s, give_up_after: %s}
providers:
`, redis, listen, st.giveUp())
	for _, company := range sandbox.Companies {
		fmt.Fprintf(&b, `  %[1]s:
    driver: %[1]s
    base_url: %[2]s
    rate_limit: none
    concurrency: 8
    timeout: %[3]s
    reconcile: {first: 300ms, settle: %[4]s}
    poll: {initial: 100ms, max: 1s}
`, company, st.companies.Base[company], attemptTime, st.settlingTime())
		if company == sandbox.UnitPay { // its attempts begin with reading the refund
			b.WriteString("    preflight: false\n")
		}
		for _, line := range credentials[company] {
			fmt.Fprintf(&b, "    %s\n", line)
		}
		if company == sandbox.Maib && !strings.HasSuffix(listen, ":0") {
			fmt.Fprintf(&b, "    callback_url: http://%s\n", listen)
		}
	}
	file := filepath.Join(st.dir, name)
	return file, os.WriteFile(file, []byte(b.String()), 0o600)
}
