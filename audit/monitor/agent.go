package monitor

import (
	"math"
	"time"
)

// Bounds on what is kept. At a bound those that were seen least lately give way
// for agents, credentials, services and addresses; of what an agent has used
// nothing is forgotten, and the rule says nothing of what is new any more.
const (
	maxAgents      = 4096
	maxCredentials = 8192
	maxOrigins     = 1024 // addresses, clients and persons that were refused
	maxUsed        = 512  // tools, services, channels and object types of an agent
	maxClients     = 128  // programs that used a credential
	maxServices    = 64   // of an agent
	maxProbed      = 32   // tools in a burst of denials
)

// agent is what is known of one.
type agent struct {
	First   int64            `json:"first"` // seconds, of its first call
	Last    int64            `json:"last"`
	Calls   int64            `json:"calls"`
	Profile profile          `json:"profile"`
	Used    map[uint64]bool  `json:"used"`
	New     [usages]novelty  `json:"new"`
	Outside tally            `json:"outside"`         // calls outside its hours
	Reads   map[string]*flow `json:"reads,omitempty"` // by service
	Denied  denials          `json:"denied"`

	name string
	how  *howto // nil: to be looked up

	// What follows from Profile for the hour that is counted.
	hour  int64
	limit float64 // of calls
	idle  bool    // it never works now
}

// known reports for how long the agent has been here.
func (a *agent) known(t time.Time, least time.Duration) bool {
	return t.Unix()-a.First >= int64(least/time.Second)
}

// novelty is how often something new comes that is nothing special: what is new
// for an agent that often does something new is no news.
type novelty struct {
	Rate float64 `json:"r"` // new ones in noveltyLife, those of late counting more
	At   int64   `json:"t"` // seconds, of Rate
}

const (
	noveltyLife = 10 * 24 * time.Hour
	often       = 3
)

// came counts a new one and reports how many there were before it.
func (n *novelty) came(t time.Time) float64 {
	at := t.Unix()
	n.Rate *= math.Exp(-float64(max(at-n.At, 0)) / noveltyLife.Seconds())
	n.At = at
	before := n.Rate
	n.Rate++
	return before
}

// hash is FNV-1a of a name among those of its kind: it is the same in every
// process, and needs no memory.
func hash(kind string, name []byte) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(kind) {
		h = (h ^ uint64(kind[i])) * 1099511628211
	}
	h *= 1099511628211 // as for a zero byte, which no name has
	for _, c := range name {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
