package audittest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"toolvault/audit"
)

// dice are those of one call: its intent and its outcome throw the same.
func dice(seed uint64, number int) *rand.Rand {
	return rand.New(rand.NewPCG(scatter(seed+1), scatter(uint64(number)+1)))
}

// scatter makes far seeds of near ones (the finalizer of SplitMix64).
func scatter(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func rare(number int) bool { return number%rareEvery == 777 }

func phaseOf(seed uint64, number int) audit.Phase {
	if rare(number) {
		return audit.PhaseCall
	}
	switch n := dice(seed, number).IntN(1000); {
	case n < 10:
		return audit.PhaseEvent
	case n < 300:
		return audit.PhaseIntent
	}
	return audit.PhaseCall
}

// neverEnds is for a write whose process was killed: one in some thousand.
func neverEnds(seed uint64, number int) bool { return dice(seed^0xdead, number).IntN(5000) == 0 }

// record makes one record.
func record(seed uint64, p planned) audit.Record {
	d := dice(seed, p.number)
	d.IntN(1000) // the phase
	switch {
	case rare(p.number):
		return rareCall(d, p)
	case p.phase == audit.PhaseEvent:
		return event(d, p)
	}
	r := call(d, p)
	t := pickTool(d, p.phase != audit.PhaseCall)
	r.Service, r.Tool, r.Write, r.Scope, r.CredentialType = t.service, t.name, t.write, t.scope, t.credential
	r.CredentialID, r.CredentialVersion = t.service+"/"+r.Agent, 1+int64(d.IntN(4))
	r.ToolDigest = hexOf(rand.New(rand.NewPCG(uint64(len(t.name)), uint64(t.name[len(t.name)-1]))), 32)
	r.Arguments = t.arguments(d)
	if p.phase == audit.PhaseIntent {
		deadline := p.at.Add(30 * time.Second)
		r.Deadline = &deadline
		r.Millis.Audit = millis(d, 1)
		return r
	}
	finish(&r, d, t)
	return r
}

// call is what each call has, whatever the tool.
func call(d *rand.Rand, p planned) audit.Record {
	agent := agents[skewed(d, len(agents))]
	r := audit.Record{
		Time: p.at, Phase: p.phase, CallID: callID(d, p), ToolCallID: "toolu_" + hexOf(d, 10),
		Agent: agent, TokenID: "tok_" + hexOf(rand.New(rand.NewPCG(uint64(len(agent)), uint64(p.number/4096))), 8),
		ClientName: clients[d.IntN(len(clients))], ClientVersion: fmt.Sprintf("1.%d.0", d.IntN(9)), Transport: "http",
	}
	// Three calls in a row belong together.
	r.CorrelationID = hexOf(rand.New(rand.NewPCG(7, scatter(uint64(p.number/3)))), 16)
	if n := d.IntN(10); n > 0 {
		r.User = user(d)
		r.ClientID = "client-" + agent
	}
	if d.IntN(4) == 0 {
		r.Task = tasks[d.IntN(len(tasks))]
	}
	r.Rule = fmt.Sprintf("agents[%d].policy[%d]", skewed(d, 20), d.IntN(3))
	return r
}

// finish adds how the call ended.
func finish(r *audit.Record, d *rand.Rand, t tool) {
	total := 20 + 200*d.ExpFloat64()
	r.Millis = audit.Steps{Audit: millis(d, 1), Policy: millis(d, 0.05), Schema: millis(d, 0.05), Vault: millis(d, 0.2),
		Upstream: round(total * 0.9), Tool: round(total * 0.95), Total: round(total), Result: millis(d, 0.3)}
	r.UpstreamStatus, r.UpstreamID = 200, "req-"+hexOf(d, 8)
	n := d.IntN(1000)
	if n >= 75 {
		r.Outcome = "ok"
		raw := t.result(d)
		r.Result, r.ResultDigest, r.ResultBytes = audit.Bound(raw, 16<<10)
		return
	}
	f := failures[0]
	for _, f = range failures {
		if n < f.below {
			break
		}
	}
	r.Outcome, r.Message, r.UpstreamStatus = f.kind, f.message+" ("+sentence(d, 3)+")", f.status
	if f.status == 0 {
		r.UpstreamID, r.Millis.Upstream, r.Millis.Tool = "", 0, 0
		r.Millis.Total = millis(d, 0.5)
	}
	if f.kind == "rate_limited" {
		r.Retries = 1 + d.IntN(3)
	}
}

func event(d *rand.Rand, p planned) audit.Record {
	e := events[d.IntN(len(events))]
	agent := agents[skewed(d, len(agents))]
	r := audit.Record{Time: p.at, Phase: audit.PhaseEvent, Event: e.name, Outcome: e.outcome, Message: e.message, Transport: "http"}
	switch e.name {
	case "credential.rotated", "credential.refreshed":
		service := services[d.IntN(len(services))]
		r.Agent, r.Service, r.CredentialID, r.CredentialVersion = agent, service, service+"/"+agent, 2+int64(d.IntN(9))
	case "token.refused":
		r.ClientName = clients[d.IntN(len(clients))]
	default:
		r.Agent, r.Admin = agent, "root"
	}
	return r
}

func rareCall(d *rand.Rand, p planned) audit.Record {
	r := call(d, p)
	r.Agent, r.User, r.Service, r.Tool, r.CredentialID = RareAgent, RareUser, "metabase", RareTool, RareCredential
	r.Arguments = json.RawMessage(`{"type":"dashboard","id":7,"note":"a ` + RareWord + ` by night"}`)
	r.Outcome, r.Message, r.UpstreamStatus = RareOutcome, "Somebody has changed it meanwhile.", 409
	return r
}

// callID has the form of a UUIDv7: the time, then what is random.
func callID(d *rand.Rand, p planned) string {
	at := uint64(p.number) // not the time: an outcome has the id of its intent
	return fmt.Sprintf("%08x-%04x-7%03x-%04x-%012x", 0x019c0000+at>>16&0xffff, at&0xffff, d.IntN(1<<12), 0x8000|d.IntN(1<<14), d.Uint64()&(1<<48-1))
}

// skewed throws one of n; the first comes most often.
func skewed(d *rand.Rand, n int) int {
	x := d.Float64()
	return int(x * x * float64(n))
}

func user(d *rand.Rand) string {
	i := skewed(d, 20_000)
	if d.IntN(8) == 0 {
		i = 0
	}
	return fmt.Sprintf("user%d@%s.example", i, companies[i%len(companies)])
}

func hexOf(d *rand.Rand, bytes int) string {
	b := make([]byte, 0, 32)
	for len(b) < bytes {
		x := d.Uint64()
		for range 8 {
			b, x = append(b, byte(x)), x>>8
		}
	}
	return hex.EncodeToString(b[:bytes])
}

func millis(d *rand.Rand, mean float64) float64 { return round(mean * (0.5 + d.ExpFloat64()/2)) }

func round(f float64) float64 { return float64(int(f*1000)) / 1000 }
