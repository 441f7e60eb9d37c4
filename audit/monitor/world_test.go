package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"toolvault/audit"
)

// world makes weeks of traffic as a company would have it, the same for the same
// seed: agents with days and weeks of their own, growth, holidays, deploys,
// mistakes that mean nothing, and incidents that are labelled.
type world struct {
	rnd     *rand.Rand
	start   time.Time // a Monday
	records []audit.Record
	labels  []label
	holiday map[int]bool // days since start
}

// label is an incident that was put in.
type label struct {
	rule     string   // that has to find it
	also     []string // that may say something too, and be right
	from, to time.Time
	about    func(Subject) bool
	note     string
	faint    bool // so little that the defaults may miss it
}

// person is an agent of the world.
type person struct {
	id     string
	rate   func(t time.Time, day int) float64 // calls in the hour
	growth float64                            // a week
	tools  []kit
	client string
	bytes  float64 // of a result, in the mean
	wrong  float64 // share of calls with wrong arguments, and half as many not found
	joins  int     // day
	works  bool    // has holidays
	ends   int     // the hour in which its day ends, of those who sometimes stay for longer

	overtime float64 // calls in an hour of that
	strays   float64 // share of calls on a channel of its own
}

type kit struct {
	service, tool, argument string
	values                  []string
	weight                  float64
	write                   bool
}

var kits = map[string][]kit{
	"slack": {
		{"slack", "slack_read_channel", "channel", []string{"#support", "#support-updates", "#general"}, 5, false},
		{"slack", "slack_post_message", "channel", []string{"#support-updates"}, 3, true},
		{"slack", "slack_search_messages", "", nil, 2, false},
		{"slack", "slack_get_user", "", nil, 0.3, false},
	},
	"hubspot": {
		{"hubspot", "hubspot_search_objects", "object_type", []string{"contacts", "tickets"}, 6, false},
		{"hubspot", "hubspot_get_object", "object_type", []string{"contacts", "tickets"}, 4, false},
		{"hubspot", "hubspot_update_object", "object_type", []string{"tickets"}, 2, true},
	},
	"pinecone": {{"pinecone", "pinecone_search_records", "index", []string{"tickets"}, 4, false}},
	"metabase": {
		{"metabase", "metabase_run_question", "", nil, 6, false},
		{"metabase", "metabase_get_dashboard", "", nil, 2, false},
		{"metabase", "metabase_run_sql", "database", []string{"1"}, 1, false},
	},
}

func newWorld(seed uint64, weeks int) *world {
	w := &world{
		rnd: rand.New(rand.NewPCG(seed, 7)), start: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		holiday: map[int]bool{32: true, 35: true, 45: true},
	}
	for _, p := range w.people() {
		for day := p.joins; day < 7*weeks; day++ {
			late, extra := w.overtime(p, day)
			for hour := range 24 {
				w.hour(p, day, hour)
				if hour >= late && hour < late+extra {
					w.calls(p, day, hour, p.overtime)
				}
			}
		}
	}
	w.noise(7 * weeks)
	return w
}

// office is a working day with a break at noon, on working days.
func office(from, to int, calls float64) func(time.Time, int) float64 {
	return func(t time.Time, _ int) float64 {
		if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || t.Hour() < from || t.Hour() >= to {
			return 0
		}
		if t.Hour() == (from+to)/2 {
			return calls / 2
		}
		return calls
	}
}

func (w *world) people() []person {
	of := func(services ...string) (list []kit) {
		for _, s := range services {
			list = append(list, kits[s]...)
		}
		return list
	}
	at := func(match func(time.Time) bool, calls float64) func(time.Time, int) float64 {
		return func(t time.Time, _ int) float64 {
			if match(t) {
				return calls
			}
			return 0
		}
	}
	return []person{
		{id: "support-1", rate: office(7, 19, 45), growth: 0.05, tools: of("slack", "hubspot", "pinecone"), client: "acme-support", bytes: 4000, wrong: 0.01, works: true, ends: 19, overtime: 12},
		{id: "support-2", rate: office(8, 18, 25), growth: 0.02, tools: of("slack", "hubspot"), client: "acme-support", bytes: 4000, wrong: 0.02, works: true, ends: 18, overtime: 8},
		{id: "sales-1", rate: office(13, 23, 30), growth: 0.15, tools: of("hubspot", "slack"), client: "claude-ai", bytes: 8000, wrong: 0.02, works: true, ends: 23, overtime: 10},
		{id: "sales-2", rate: office(12, 22, 12), growth: 0.30, tools: of("hubspot"), client: "cursor-vscode", bytes: 8000, wrong: 0.03, works: true, ends: 22, overtime: 6},
		{id: "nightly", rate: at(func(t time.Time) bool { return t.Hour() == 2 }, 260), tools: of("metabase"), client: "cron", bytes: 20000},
		{id: "weekly", rate: at(func(t time.Time) bool { return t.Weekday() == time.Monday && t.Hour() == 8 }, 420), tools: of("metabase", "slack"), client: "reports", bytes: 60000},
		{id: "always", rate: func(time.Time, int) float64 { return 20 }, tools: of("slack"), client: "watcher", bytes: 1500},
		{id: "waves", rate: func(t time.Time, _ int) float64 { return 18 * (1 + math.Sin(float64(t.Hour())*math.Pi/12)) }, growth: 0.08, tools: of("pinecone", "hubspot"), client: "rag-service", bytes: 9000, wrong: 0.01},
		{id: "quiet", rate: func(t time.Time, day int) float64 {
			if day == 38 && t.Hour() >= 9 && t.Hour() < 17 { // its first busy day
				return 90
			}
			return office(9, 17, 0.4)(t, day)
		}, tools: of("hubspot"), client: "claude-ai", bytes: 3000, works: true},
		{id: "irregular", rate: func(t time.Time, day int) float64 {
			if (day*31+t.Hour()*17)%23 == 0 {
				return 14
			}
			return 0
		}, tools: of("slack", "pinecone"), client: "webhook-runner", bytes: 3000},
		{id: "explorer", rate: office(8, 18, 15), tools: of("slack"), client: "claude-code", bytes: 3000, works: true, strays: 0.05, ends: 18, overtime: 6},
		{id: "clumsy", rate: office(6, 20, 30), tools: of("hubspot", "metabase"), client: "local-model", bytes: 3000, wrong: 0.12, works: true, ends: 20, overtime: 9},
		{id: "newcomer", rate: office(9, 17, 8), growth: 0.5, tools: of("hubspot", "slack"), client: "claude-ai", bytes: 3000, works: true, joins: 33},
		{id: "late-bloomer", rate: func(t time.Time, day int) float64 { // three times as much from one day on
			if day >= 40 {
				return office(8, 18, 45)(t, day)
			}
			return office(8, 18, 18)(t, day)
		}, tools: of("hubspot", "slack"), client: "acme-support", bytes: 3000, works: true},
	}
}

// poisson draws a count.
func (w *world) poisson(mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*w.rnd.NormFloat64())))
	}
	n, p, limit := 0, 1.0, math.Exp(-mean)
	for {
		if p *= w.rnd.Float64(); p < limit {
			return n
		}
		n++
	}
}

func (w *world) day(t time.Time) int { return int(t.Sub(w.start) / (24 * time.Hour)) }

func (w *world) at(day int, hour float64) time.Time {
	return w.start.Add(time.Duration(day)*24*time.Hour + time.Duration(hour*float64(time.Hour)))
}

// overtime is from when on and for how long somebody works who does not: one evening in
// twenty-five, and one Saturday in twelve.
func (w *world) overtime(p person, day int) (late, extra int) {
	if p.overtime == 0 {
		return 0, 0
	}
	switch weekday := w.at(day, 0).Weekday(); {
	case weekday == time.Saturday && w.rnd.IntN(12) == 0:
		return 10, 3
	case weekday != time.Saturday && weekday != time.Sunday && w.rnd.IntN(25) == 0:
		return p.ends, 1 + w.rnd.IntN(2)
	}
	return 0, 0
}

// outage is a day on which services are away for some hours, and all is done afterwards.
const outage = 31

func (w *world) hour(p person, day, hour int) {
	rate := p.rate(w.at(day, float64(hour)), day) * math.Pow(1+p.growth, float64(day-p.joins)/7)
	if p.works && w.holiday[day] {
		rate *= 0.02
	}
	if w.rnd.IntN(150) == 0 {
		rate *= 2.2 // a campaign, a rerun
	}
	if day == outage && hour >= 13 && hour < 15 {
		rate *= 2
	}
	w.calls(p, day, hour, rate)
}

// calls makes those of an hour; no hour is like the other.
func (w *world) calls(p person, day, hour int, rate float64) {
	t := w.at(day, float64(hour))
	for range w.poisson(rate * math.Exp(0.3*w.rnd.NormFloat64())) {
		w.call(p, t.Add(time.Duration(w.rnd.Float64()*float64(time.Hour))), nil)
	}
}

func (w *world) pick(p person) kit {
	sum := 0.0
	for _, k := range p.tools {
		sum += k.weight
	}
	x := w.rnd.Float64() * sum
	for _, k := range p.tools {
		if x -= k.weight; x <= 0 {
			return k
		}
	}
	return p.tools[0]
}

func (w *world) call(p person, t time.Time, change func(*audit.Record)) {
	k := w.pick(p)
	version := fmt.Sprintf("1.%d.%d", int(t.Sub(w.start).Hours()/24/7), w.rnd.IntN(2)) // a deploy each week
	r := audit.Record{
		Time: t, Phase: audit.PhaseCall, CallID: fmt.Sprintf("call-%d", len(w.records)), Agent: p.id, TokenID: "t",
		ClientName: p.client + "/" + version, ClientVersion: version, Transport: "http",
		Service: k.service, Tool: k.tool, Write: k.write, CredentialID: k.service + "/" + p.id, CredentialType: "oauth_token",
		ResultBytes: int(min(p.bytes*math.Exp(1.2*w.rnd.NormFloat64()), 75_000)), Outcome: "ok",
	}
	if k.argument != "" {
		value := k.values[w.rnd.IntN(len(k.values))]
		if p.strays > 0 && w.rnd.Float64() < p.strays {
			value = fmt.Sprintf("#team-%d", w.rnd.IntN(400))
		}
		r.Arguments = json.RawMessage(fmt.Sprintf(`{"limit":20,%q:%q}`, k.argument, value))
	}
	switch x := w.rnd.Float64(); {
	case x < p.wrong:
		r.Outcome, r.ResultBytes = "invalid_arguments", 0
	case x < 1.5*p.wrong:
		r.Outcome, r.ResultBytes = "not_found", 0
	case w.day(t) == outage && t.Hour() >= 10 && t.Hour() < 13 && x < 0.6:
		r.Outcome, r.ResultBytes = "timeout", 0
	case x < 1.5*p.wrong+0.003:
		r.Outcome, r.ResultBytes = "upstream_unavailable", 0
	case x < 1.5*p.wrong+0.004:
		r.Outcome, r.ResultBytes = "not_permitted", 0
	}
	if change != nil {
		change(&r)
	}
	if r.Write && r.Outcome == "ok" {
		intent := r
		intent.Phase, intent.Outcome, intent.ResultBytes = audit.PhaseIntent, "", 0
		w.records = append(w.records, intent)
		r.Phase, r.Time = audit.PhaseOutcome, r.Time.Add(200*time.Millisecond)
	}
	w.records = append(w.records, r)
}

func (w *world) event(t time.Time, event, outcome, message string, change func(*audit.Record)) {
	r := audit.Record{Time: t, Phase: audit.PhaseEvent, Event: event, Outcome: outcome, Message: message, Transport: "http"}
	if change != nil {
		change(&r)
	}
	w.records = append(w.records, r)
}

// noise is what happens every day and means nothing.
func (w *world) noise(days int) {
	for day := range days {
		for range w.poisson(6) { // a client does not notice that its token has expired
			t := w.at(day, 24*w.rnd.Float64())
			from := fmt.Sprintf("from 10.0.0.%d: token (expired)", w.rnd.IntN(40))
			for i := range 1 + w.rnd.IntN(4) {
				w.event(t.Add(time.Duration(i)*time.Second), "token.refused", "refused", from, nil)
			}
		}
		for range w.poisson(3) {
			w.event(w.at(day, 24*w.rnd.Float64()), "token.refused", "refused", fmt.Sprintf("from 10.0.0.%d: no_token", w.rnd.IntN(40)), nil)
		}
		if w.rnd.IntN(4) == 0 { // a token of a service was renewed, and some calls still had the old one
			p := w.people()[w.rnd.IntN(4)]
			t := w.at(day, 8+8*w.rnd.Float64())
			for i := range 1 + w.rnd.IntN(3) {
				w.call(p, t.Add(time.Duration(i)*time.Second), func(r *audit.Record) {
					r.Outcome, r.ResultBytes, r.UpstreamStatus, r.Write = "credential_invalid", 0, 401, false
				})
			}
		}
		for range w.poisson(2) {
			t := w.at(day, 9+8*w.rnd.Float64())
			for i := range 1 + w.rnd.IntN(3) {
				w.event(t.Add(time.Duration(i)*10*time.Second), "person.sign_in_failed", "failed", "by password from 10.0.1.7: the password is wrong", func(r *audit.Record) { r.User = "bo" })
			}
		}
		for _, id := range []string{"hubspot/support-1", "hubspot/sales-1", "slack/always"} {
			for hour := 0; hour < 24; hour += 6 {
				credential := func(r *audit.Record) { r.CredentialID, r.Service, r.CredentialType = id, "hubspot", "oauth_token" }
				t := w.at(day, float64(hour)+w.rnd.Float64())
				if w.rnd.IntN(40) == 0 {
					w.event(t.Add(-time.Minute), "credential.refresh_failed", "failed", "no answer", credential)
				}
				w.event(t, "credential.refreshed", "ok", "", credential)
			}
		}
	}
}

// raws are the records in the order of the log.
func (w *world) raws(t testing.TB) []audit.Raw {
	slices.SortStableFunc(w.records, func(a, b audit.Record) int { return a.Time.Compare(b.Time) })
	list := make([]audit.Raw, len(w.records))
	for i, r := range w.records {
		r.Index = int64(i)
		list[i] = rawOf(t, r)
	}
	return list
}

// rawOf is a record as the log has it: what may be erased beside the leaf.
func rawOf(t testing.TB, r audit.Record) audit.Raw {
	t.Helper()
	raw := audit.Raw{Index: r.Index}
	if r.User != "" || r.Message != "" || r.Arguments != nil || r.Result != nil {
		body, err := json.Marshal(struct {
			Salt      string          `json:"salt"`
			User      string          `json:"user,omitempty"`
			Arguments json.RawMessage `json:"arguments,omitempty"`
			Result    json.RawMessage `json:"result,omitempty"`
			Message   string          `json:"message,omitempty"`
		}{"c2FsdA", r.User, r.Arguments, r.Result, r.Message})
		if err != nil {
			t.Fatal(err)
		}
		raw.Body = body
	}
	r.User, r.Message, r.Arguments, r.Result = "", "", nil, nil
	leaf, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	raw.Leaf = leaf
	return raw
}
