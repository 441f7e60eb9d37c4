package monitor

import (
	"bytes"
	"fmt"
	"time"
)

// credential is what is known of one.
type credential struct {
	First   int64           `json:"first"` // seconds
	Last    int64           `json:"last"`
	Clients map[uint64]bool `json:"clients,omitempty"` // programs that used it
	New     novelty         `json:"new"`
	Failed  tally           `json:"failed"`  // calls that the service refused
	InRow   int             `json:"in_row"`  // of those, since the last that it did not
	Refresh tally           `json:"refresh"` // refreshes that failed

	same client // that used it last
}

// client is a program, as a record names it.
type client struct{ id, issuer, name string }

func (c *client) is(s *seen) bool {
	return string(s.clientID) == c.id && string(s.issuer) == c.issuer && string(s.clientName) == c.name && len(c.id)+len(c.issuer)+len(c.name) > 0
}

func (j *Judge) held(s *seen) *credential {
	c := j.credentials[string(s.credential)]
	if c == nil {
		if len(j.credentials) >= maxCredentials {
			dropOldest(j.credentials, func(c *credential) int64 { return c.Last })
		}
		c = &credential{First: s.time.Unix(), Clients: map[uint64]bool{}}
		j.credentials[string(s.credential)] = c
	}
	c.Last = s.time.Unix()
	return c
}

// credential judges the use of one in a call.
func (j *Judge) credential(s *seen, a *agent) {
	c := j.held(s)
	if string(s.outcome) == "credential_invalid" || s.status == 401 {
		agent, id, rule := a.name, string(s.credential), &a.how.auth
		n := c.Failed.add(s, rule.Window, 1)
		c.InRow++
		if rule.Off || n < rule.Count && float64(c.InRow) < rule.Count {
			return
		}
		said := fmt.Sprintf("%.0f times within %s", n, rule.Window)
		if n < rule.Count {
			said = fmt.Sprintf("%d times in a row", c.InRow)
		}
		j.sign(s, sign{
			rule: RuleAuth, how: *rule, key: id, subject: Subject{Agent: agent, Service: string(s.service), Credential: id}, evidence: c.Failed.Recent,
			say: func() (string, string) {
				return fmt.Sprintf("the credential %s was refused %s, last in a call of %s", id, said, s.tool),
					fmt.Sprintf("fewer than %.0f within %s, or in a row", rule.Count, rule.Window)
			},
		})
		return
	}
	if s.worked() {
		c.InRow = 0
		j.client(s, a, c)
	}
}

// client judges through which program a credential is used.
func (j *Judge) client(s *seen, a *agent, c *credential) {
	if c.same.is(s) {
		return
	}
	c.same = client{string(s.clientID), string(s.issuer), string(s.clientName)}
	h := hash("client", s.clientID) ^ 3*hash("issuer", s.issuer) ^ 5*hash("name", program(s.clientName))
	if c.Clients[h] || len(c.Clients) >= maxClients {
		return
	}
	c.Clients[h] = true
	agent, id, rule := a.name, string(s.credential), &a.how.client
	age := time.Duration(s.time.Unix()-c.First) * time.Second
	if len(c.Clients) == 1 || age < rule.After {
		if age >= week {
			c.New.came(s.time)
		}
		return
	}
	if before := c.New.came(s.time); before >= often || rule.Off {
		return
	}
	shown := string(s.clientID)
	if shown == "" {
		shown = string(s.clientName)
	}
	if shown == "" {
		shown = "one that does not say its name"
	}
	shown = shown[:min(len(shown), maxName)]
	of := ""
	if len(s.issuer) > 0 {
		of = ", with a token of " + string(s.issuer)
	}
	j.sign(s, sign{
		rule: RuleNewClient, how: *rule, key: id + "\x00" + agent, subject: Subject{Agent: agent, Service: string(s.service), Credential: id, Client: shown},
		say: func() (string, string) {
			return fmt.Sprintf("the credential %s was used through the client %s for the first time%s", id, shown, of),
				fmt.Sprintf("%d others have used it in %d days", len(c.Clients)-1, int(age/(24*time.Hour)))
		},
	})
}

// program is the name of a client without its version, with which it may come.
func program(name []byte) []byte {
	if i := bytes.IndexAny(name, "0123456789/(@"); i > 0 {
		name = name[:i]
	}
	return bytes.TrimRight(bytes.ToLower(name), " -_.vV")
}

// credentialEvent judges what happened to a credential.
func (j *Judge) credentialEvent(s *seen, kind string) {
	if len(s.credential) == 0 {
		return
	}
	id := string(s.credential)
	agent := string(s.agent)
	about := Subject{Agent: agent, Service: string(s.service), Credential: id}
	switch {
	case kind == "expiring":
		rule := j.settings.rule(agent, RuleExpiring)
		if rule.Off {
			return
		}
		message := string(textOf(s.member("message")))
		j.sign(s, sign{rule: RuleExpiring, how: rule, key: id, subject: about, say: func() (string, string) {
			return fmt.Sprintf("the credential %s ends soon, and nothing here can renew it: %s", id, message), "a credential is renewed a week before its end"
		}})
	case kind == "refresh_failed":
		rule := j.settings.rule(agent, RuleRefresh)
		c := j.held(s)
		n := c.Refresh.add(s, rule.Window, 1)
		if rule.Off || n < rule.Count {
			return
		}
		j.sign(s, sign{rule: RuleRefresh, how: rule, key: id, subject: about, evidence: c.Refresh.Recent, say: func() (string, string) {
			return fmt.Sprintf("the credential %s could not be renewed %.0f times within %s", id, n, rule.Window),
				fmt.Sprintf("fewer than %.0f failures within %s", rule.Count, rule.Window)
		}})
	case kind == "state" && (string(s.outcome) == "needs_consent" || string(s.outcome) == "broken"):
		rule := j.settings.rule(agent, RuleRefresh)
		if rule.Off {
			return
		}
		severity := ""
		if rule.Severity == Medium {
			severity = High // calls fail from now on
		}
		state := string(s.outcome)
		j.sign(s, sign{rule: RuleRefresh, how: rule, severity: severity, key: id, subject: about, say: func() (string, string) {
			return fmt.Sprintf("the credential %s works no more: its state is %s", id, state), "its state is ok"
		}})
	case string(s.outcome) == "ok":
		j.settle(RuleRefresh, id)
		j.settle(RuleExpiring, id)
		j.settle(RuleAuth, id)
	}
}
