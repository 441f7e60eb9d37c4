// Package audittest makes audit logs for tests and benchmarks: many agents, users,
// services and tools, reads and writes, failures, events, and some values that are
// rare. The same options give the same records.
package audittest

import (
	"crypto/ed25519"
	"time"
)

// Name is the origin of the logs that Fill makes.
const Name = "toolvault/audittest"

// What few records have; a log of a million has about one of each.
const (
	RareAgent      = "night-audit-agent"
	RareUser       = "zoe.quill@rarely.example"
	RareTool       = "metabase_revert"
	RareCredential = "metabase/night-audit"
	RareOutcome    = "conflict"
	RareWord       = "zyzzyva"

	rareEvery = 1_000_003 // calls
)

// What many records have: each about a tenth of them or more.
const (
	FrequentAgent      = "support-agent-1"
	FrequentUser       = "user0@acme.example"
	FrequentTool       = "slack_post_message"
	FrequentCredential = "slack/support-agent-1"
	FrequentWord       = "invoice"
)

// Key signs the logs that Fill makes; it is no secret.
func Key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// Options say what a log holds. A zero field has a default.
type Options struct {
	Start time.Time     // of the first record; zero: Span before Now
	Span  time.Duration // from the first record to the last; 0: 30 days
	Seed  uint64        // another seed, other records
	Now   func() time.Time
	Seal  bool // the segments that are full, as a server does from time to time

	// Together is how many records are appended side by side, so that they share a
	// sync. The order within such a lot is not fixed, and an outcome comes in a later
	// lot than its intent. 0: from 1 to 1024, by the number of records. With 1 the
	// order is fixed too.
	Together int
}

func (o *Options) fill(n int) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Span == 0 {
		o.Span = 30 * 24 * time.Hour
	}
	if o.Start.IsZero() {
		o.Start = o.Now().Add(-o.Span)
	}
	if o.Together == 0 {
		o.Together = min(max(n/64, 1), 1024)
	}
}
