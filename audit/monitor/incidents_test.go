package monitor

import (
	"fmt"
	"time"

	"toolvault/audit"
)

// inject puts labelled incidents into the weeks from the fifth on.
func (w *world) inject() {
	people := map[string]person{}
	for _, p := range w.people() {
		people[p.id] = p
	}
	// shake moves an incident a little, so that each seed has others.
	shake := func(day int, hour float64) time.Time { return w.at(day, hour+0.4*w.rnd.Float64()) }
	burst := func(id string, at time.Time, n int, within time.Duration, change func(i int, r *audit.Record)) {
		for i := range n {
			w.call(people[id], at.Add(within*time.Duration(i)/time.Duration(n)), func(r *audit.Record) {
				r.Outcome = "ok"
				if change != nil {
					change(i, r)
				}
			})
		}
	}
	agent := func(id string) func(Subject) bool { return func(s Subject) bool { return s.Agent == id } }
	held := func(id string) func(Subject) bool { return func(s Subject) bool { return s.Credential == id } }
	address := func(a string) func(Subject) bool { return func(s Subject) bool { return s.Address == a } }
	label := func(rule string, at time.Time, length time.Duration, about func(Subject) bool, note string, also ...string) {
		w.labels = append(w.labels, label{rule: rule, also: also, from: at, to: at.Add(length), about: about, note: note})
	}

	// Spikes: an agent that runs wild.
	for _, c := range []struct {
		id   string
		day  int
		hour float64
		n    int
		in   time.Duration
	}{
		{"support-1", 29, 10, 700, 50 * time.Minute}, {"support-2", 36, 15, 350, 40 * time.Minute}, {"sales-1", 43, 17, 900, 50 * time.Minute},
		{"always", 47, 4, 300, 30 * time.Minute}, {"waves", 51, 20, 600, 50 * time.Minute}, {"nightly", 41, 2.05, 1500, 30 * time.Minute},
		{"quiet", 50, 11, 500, 30 * time.Minute},
	} {
		at := shake(c.day, c.hour)
		burst(c.id, at, c.n, c.in, nil)
		label(RuleSpike, at, c.in, agent(c.id), fmt.Sprintf("%s makes %d calls", c.id, c.n), RuleVolume)
	}
	// What hides in what is normal.
	faint := func() { w.labels[len(w.labels)-1].faint = true }
	for _, c := range []struct {
		id   string
		day  int
		hour float64
		n    int
	}{{"support-1", 37, 11, 60}, {"sales-1", 44, 18, 45}, {"always", 50, 12, 40}} {
		at := shake(c.day, c.hour)
		burst(c.id, at, c.n, 40*time.Minute, nil)
		label(RuleSpike, at, 40*time.Minute, agent(c.id), fmt.Sprintf("%s makes %d calls more", c.id, c.n))
		faint()
	}
	for _, c := range []struct {
		id   string
		day  int
		hour float64
	}{{"support-2", 43, 2}, {"sales-1", 51, 4}} {
		at := shake(c.day, c.hour)
		burst(c.id, at, 4, 30*time.Minute, nil)
		label(RuleHours, at, 30*time.Minute, agent(c.id), c.id+" makes four calls at night")
		faint()
	}
	for _, c := range []struct {
		id   string
		day  int
		hour float64
	}{{"support-1", 51, 14}, {"waves", 38, 10}} {
		at := shake(c.day, c.hour)
		p := people[c.id]
		p.tools = p.tools[:1]
		for i := range 100 {
			w.call(p, at.Add(time.Duration(i)*20*time.Second), func(r *audit.Record) { r.Outcome, r.ResultBytes = "ok", 75_000 })
		}
		label(RuleVolume, at, 40*time.Minute, agent(c.id), c.id+" reads 7.5 MB more")
		faint()
	}
	// Outside the hours: somebody else has the token.
	for _, c := range []struct {
		id   string
		day  int
		hour float64
		n    int
	}{{"support-1", 30, 2.2, 25}, {"support-2", 40, 3, 12}, {"sales-1", 48, 5, 30}, {"clumsy", 34, 1, 10}, {"explorer", 52, 23.2, 15}, {"support-1", 54, 12, 40}, {"nightly", 53, 13, 20}} {
		at := shake(c.day, c.hour)
		burst(c.id, at, c.n, 30*time.Minute, nil)
		label(RuleHours, at, 30*time.Minute, agent(c.id), fmt.Sprintf("%s works at %s", c.id, at.Format("Mon 15:04")))
	}
	// Data carried away, in no more calls than usual.
	for _, c := range []struct {
		id   string
		day  int
		hour float64
		mb   float64
	}{{"support-1", 31, 9, 60}, {"sales-2", 37, 15, 45}, {"always", 44, 22, 40}, {"weekly", 49, 8.1, 400}, {"waves", 33, 5, 80}} {
		at := shake(c.day, c.hour)
		p := people[c.id]
		burst(c.id, at, 40, 40*time.Minute, func(_ int, r *audit.Record) {
			r.Service, r.Tool, r.CredentialID, r.Arguments, r.Write = p.tools[0].service, p.tools[0].tool, p.tools[0].service+"/"+c.id, nil, false
			r.ResultBytes = int(c.mb * megabyte / 40)
		})
		label(RuleVolume, at, 40*time.Minute, agent(c.id), fmt.Sprintf("%s reads %.0f MB", c.id, c.mb))
	}
	// Probing: what may this token do?
	for i, c := range []struct {
		id   string
		day  int
		hour float64
	}{{"support-2", 32 + 1, 10}, {"always", 39, 13}, {"sales-1", 42, 16}, {"newcomer", 46, 11}, {"clumsy", 50, 9}} {
		at := shake(c.day, c.hour)
		n := 24
		if c.id == "clumsy" {
			n = 60
		}
		burst(c.id, at, n, 4*time.Minute, func(k int, r *audit.Record) {
			r.Service, r.Tool, r.CredentialID, r.Arguments, r.ResultBytes, r.Write = "", fmt.Sprintf("admin_tool_%d", k%9), "", nil, 0, false
			if r.Outcome = "not_found"; (i+k)%2 == 0 {
				r.Service, r.Outcome = "metabase", "not_permitted"
			}
		})
		label(RuleDenials, at, 10*time.Minute, agent(c.id), c.id+" is probed", RuleHours)
	}
	// Credentials that a service refuses.
	for _, c := range []struct {
		id, service string
		day         int
		hour        float64
		last        time.Duration
	}{{"support-1", "hubspot", 36, 11, time.Hour}, {"always", "slack", 45, 3, 3 * time.Hour}, {"waves", "pinecone", 52, 8, 30 * time.Minute}} {
		at := shake(c.day, c.hour)
		burst(c.id, at, 30, c.last, func(_ int, r *audit.Record) {
			r.Service, r.CredentialID, r.Tool, r.Outcome, r.ResultBytes, r.UpstreamStatus, r.Arguments, r.Write = c.service, c.service+"/"+c.id, c.service+"_x", "credential_invalid", 0, 401, nil, false
		})
		label(RuleAuth, at, c.last, held(c.service+"/"+c.id), "a credential is refused: "+c.service+"/"+c.id)
		if c.last > time.Hour {
			faint()
		}
	}
	// Sign-ins: one address, and one person from many.
	for i, day := range []int{30, 41, 53} {
		at := shake(day, 21)
		from := fmt.Sprintf("203.0.113.%d", i)
		for k := range 25 {
			if i == 2 {
				from = fmt.Sprintf("198.51.100.%d", k)
			}
			w.event(at.Add(time.Duration(k)*15*time.Second), "person.sign_in_failed", "failed", "by password from "+from+": the password is wrong", func(r *audit.Record) { r.User = "ada" })
		}
		label(RuleSignIn, at, 8*time.Minute, func(Subject) bool { return true }, "passwords are tried")
	}
	// Tokens that are none, from one address, and from many.
	for i, day := range []int{33, 43, 49} {
		at := shake(day, 3.5)
		n, from := 60, fmt.Sprintf("203.0.113.%d", 100+i)
		if i == 2 {
			n = 700
		}
		for k := range n {
			if i == 2 {
				from = fmt.Sprintf("192.0.2.%d", k%250)
			}
			w.event(at.Add(time.Duration(k)*time.Second/2), "token.refused", "refused", "from "+from+": token (not a token of this server)", nil)
		}
		about := address(from)
		if i == 2 {
			about = func(s Subject) bool { return s == Subject{} }
		}
		label(RuleTokenRefused, at, 10*time.Minute, about, "tokens are tried")
	}
	for _, day := range []int{35, 44, 51} {
		at := shake(day, 14.3)
		w.event(at, "token.replayed", "refused", "from 203.0.113.9: by refresh_token: the refresh token was used before", func(r *audit.Record) { r.Agent, r.ClientID = "support-1", "desktop" })
		label(RuleReplayed, at, time.Minute, agent("support-1"), "a refresh token comes twice")
	}
	// What an agent never did.
	for _, c := range []struct {
		id   string
		day  int
		hour float64
		kit  kit
		note string
	}{
		{"support-2", 37, 11, kit{"metabase", "metabase_run_sql", "database", []string{"1"}, 1, false}, "a service"},
		{"sales-2", 44, 16, kit{"hubspot", "hubspot_batch_update_objects", "object_type", []string{"contacts"}, 1, true}, "a tool"},
		{"support-1", 47, 15, kit{"slack", "slack_post_message", "channel", []string{"#executives"}, 1, true}, "a channel"},
		{"waves", 46, 9, kit{"hubspot", "hubspot_search_objects", "object_type", []string{"invoices"}, 1, false}, "an object type"},
		{"nightly", 48, 2.5, kit{"metabase", "metabase_create_question", "", nil, 1, true}, "a tool"},
		{"always", 35, 12, kit{"pinecone", "pinecone_delete_records", "index", []string{"tickets"}, 1, true}, "a service"},
	} {
		at := shake(c.day, c.hour)
		p := people[c.id]
		p.tools = []kit{c.kit}
		w.call(p, at, func(r *audit.Record) { r.Outcome = "ok" })
		label(RuleFirstUse, at, time.Minute, agent(c.id), c.id+" uses "+c.note+" for the first time")
	}
	// A credential in other hands.
	for _, c := range []struct {
		id, service, client, clientID, issuer string
		day                                   int
		hour                                  float64
	}{
		{"support-1", "slack", "python-requests", "", "", 38, 10}, {"sales-1", "hubspot", "claude-ai", "https://other.example/client.json", "", 45, 18},
		{"always", "slack", "curl", "", "", 40, 6}, {"waves", "pinecone", "rag-service", "", "https://login.other.example", 48, 13},
	} {
		at := shake(c.day, c.hour)
		p := people[c.id]
		p.tools = kits[c.service][:1]
		w.call(p, at, func(r *audit.Record) {
			r.Outcome, r.ClientName, r.ClientID, r.Issuer = "ok", c.client, c.clientID, c.issuer
		})
		label(RuleNewClient, at, time.Minute, held(c.service+"/"+c.id), c.client+" uses "+c.service+"/"+c.id)
	}
	// Credentials that end.
	for _, c := range []struct {
		id   string
		day  int
		hour float64
		bad  bool
	}{{"hubspot/support-1", 34, 8.5, false}, {"hubspot/sales-1", 46, 9.2, true}, {"slack/always", 51, 2.2, false}} {
		at := shake(c.day, c.hour)
		credential := func(r *audit.Record) { r.CredentialID, r.Service = c.id, "hubspot" }
		for k := range 6 {
			w.event(at.Add(time.Duration(k)*5*time.Minute), "credential.refresh_failed", "failed", "refused", credential)
		}
		if c.bad {
			w.event(at.Add(31*time.Minute), "credential.state", "needs_consent", "the grant is gone", credential)
		}
		label(RuleRefresh, at, 35*time.Minute, held(c.id), "cannot be renewed: "+c.id)
	}
	for _, c := range []struct {
		id  string
		day int
	}{{"pinecone/waves", 36}, {"metabase/nightly", 47}} {
		for day := c.day; day < c.day+4; day++ {
			w.event(w.at(day, 7), "credential.expiring", "expiring", "it ends at 2026-05-01T00:00:00Z", func(r *audit.Record) { r.CredentialID = c.id })
		}
		w.event(w.at(c.day+4, 9), "credential.rotated", "ok", "", func(r *audit.Record) { r.CredentialID = c.id })
		label(RuleExpiring, w.at(c.day, 7), 96*time.Hour, held(c.id), "ends soon: "+c.id)
	}
}
