package monitor

import (
	"bytes"
	"fmt"
	"maps"
	"time"
)

// origin is what comes from one place: an address, or an OAuth client.
type origin struct {
	Tally tally `json:"tally"`
	Last  int64 `json:"last"`
}

// count counts something from a place within a rule's window.
func (j *Judge) count(s *seen, key string, window time.Duration, weight float32) (*tally, float64) {
	if hour := hourOf(s.time); hour != j.swept { // addresses are not kept for longer than they are of use
		j.swept = hour
		maps.DeleteFunc(j.origins, func(_ string, o *origin) bool { return s.time.Unix()-o.Last > 2*24*3600 })
	}
	o := j.origins[key]
	if o == nil {
		if len(j.origins) >= maxOrigins {
			dropOldest(j.origins, func(o *origin) int64 { return o.Last })
		}
		o = &origin{}
		j.origins[key] = o
	}
	o.Last = s.time.Unix()
	return &o.Tally, o.Tally.add(s, window, weight)
}

// Reasons of refused tokens that say of themselves that nobody means harm: a
// client that has not noticed yet. What was done to an agent here must not raise
// alerts in its turn.
var (
	reasonExpired   = []byte("expired")
	reasonSuspended = []byte("suspended")
	reasonNoToken   = []byte("no_token")
	reasonUsed      = []byte("was used before") // of a proof of possession
)

func weightOf(reason []byte) float32 {
	switch {
	case bytes.Contains(reason, reasonSuspended):
		return 0
	case bytes.Contains(reason, reasonNoToken): // how every client begins that looks for the way to sign in
		return 0.1
	case bytes.Contains(reason, reasonExpired):
		return 0.2
	}
	return 1
}

// everywhere stands for all places together; it takes as many more.
const everywhere = 10

// tokenEvent judges what became of a token.
func (j *Judge) tokenEvent(s *seen, kind string) {
	agent := string(s.agent)
	switch kind {
	case "replayed":
		address, reason := s.from()
		j.replayed(s, string(address), string(reason), 1)
	case "refused":
		if s.body == nil {
			return // erased: from where, nobody knows
		}
		address, reason := s.from()
		if bytes.Contains(reason, reasonUsed) {
			j.replayed(s, string(address), string(reason), proofsAgain)
			return
		}
		weight := weightOf(reason)
		rule := j.settings.rule(agent, RuleTokenRefused)
		if weight == 0 || rule.Off {
			return
		}
		if len(address) == 0 {
			address = s.clientID
		}
		where := string(address)
		tally, n := j.count(s, "refused\x00"+where, rule.Window, weight)
		all, total := j.count(s, "refused", rule.Window, weight)
		last := string(reason)
		switch {
		case n >= rule.Count:
			j.sign(s, sign{rule: RuleTokenRefused, how: rule, key: where, subject: Subject{Address: where}, evidence: tally.Recent, say: func() (string, string) {
				return fmt.Sprintf("%.0f tokens from %s were refused within %s; the last: %s", n, where, rule.Window, last),
					fmt.Sprintf("fewer than %.0f; expired ones count a fifth", rule.Count)
			}})
		case total >= everywhere*rule.Count:
			j.sign(s, sign{rule: RuleTokenRefused, how: rule, key: "", evidence: all.Recent, say: func() (string, string) {
				return fmt.Sprintf("%.0f tokens from many addresses were refused within %s", total, rule.Window),
					fmt.Sprintf("fewer than %.0f from all together", everywhere*rule.Count)
			}})
		}
	}
}

// proofsAgain is how much a proof of possession counts that came twice: a request that
// is sent again by a network's fault has one.
const proofsAgain = 0.34

// replayed judges what may be used once and was used again.
func (j *Judge) replayed(s *seen, address, reason string, weight float32) {
	agent, client := string(s.agent), string(s.clientID)
	rule := j.settings.rule(agent, RuleReplayed)
	if rule.Off {
		return
	}
	key := client + "\x00" + agent
	if client == "" && agent == "" {
		key = address
	}
	tally, n := j.count(s, "replayed\x00"+key, rule.Window, weight)
	if n < rule.Count {
		return
	}
	j.sign(s, sign{
		rule: RuleReplayed, how: rule, key: key, evidence: tally.Recent, subject: Subject{Agent: agent, Client: client, Address: address},
		say: func() (string, string) {
			return "what may be used once was used again: " + reason, "never: either a client is broken, or somebody else has what is hers"
		},
	})
}

// signIn judges attempts to sign in.
func (j *Judge) signIn(s *seen, kind string) {
	switch kind {
	case "sign_in_failed", "sign_in_delayed", "refused":
	default:
		return
	}
	rule := j.settings.rule("", RuleSignIn)
	if rule.Off || s.body == nil {
		return
	}
	address, _ := s.from()
	person := string(textOf(s.member("user")))
	where := string(address)
	tally, n := j.count(s, "signin\x00"+where, rule.Window, 1)
	key, said := "from\x00"+where, "from "+where
	if person != "" {
		// Whose name it is the records say, which can be erased.
		who := fmt.Sprintf("person\x00%x", hash("person", []byte(person)))
		if t, m := j.count(s, who, rule.Window, 1); m > n {
			tally, n, key, said = t, m, who, "as one person"
		}
	}
	if n < rule.Count {
		return
	}
	j.sign(s, sign{rule: RuleSignIn, how: rule, key: key, subject: Subject{Address: where}, evidence: tally.Recent, say: func() (string, string) {
		return fmt.Sprintf("%.0f attempts to sign in %s failed within %s", n, said, rule.Window), fmt.Sprintf("fewer than %.0f", rule.Count)
	}})
}
