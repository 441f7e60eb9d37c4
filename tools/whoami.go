package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/vault"
)

// whoami is the answer of toolvault_whoami.
type whoami struct {
	Agent        string        `json:"agent"`
	User         string        `json:"user,omitempty"`
	Task         string        `json:"task,omitempty"`
	TokenEnds    string        `json:"token_ends,omitempty"` // RFC 3339, UTC
	Tools        int           `json:"tools"`                // that it may call
	Services     []heldService `json:"services"`
	NotConnected []string      `json:"not_connected,omitempty"` // services without a credential for it
	Limits       []heldLimit   `json:"limits,omitempty"`        // that hold for it
	Note         string        `json:"note,omitempty"`
}

// heldService is one credential of the agent's.
type heldService struct {
	Service    string `json:"service"`
	Account    string `json:"account,omitempty"` // the config's name for it
	Label      string `json:"label,omitempty"`   // the service's
	Credential string `json:"credential"`
	Type       string `json:"type"`
	State      string `json:"state"`
	Ends       string `json:"ends,omitempty"`
	Scopes     string `json:"scopes,omitempty"` // of the credential, as far as the token goes
	Reads      int    `json:"read_tools,omitempty"`
	Writes     int    `json:"write_tools,omitempty"`
	Ask        string `json:"ask,omitempty"`
}

// Text is one line a credential.
func (w whoami) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Agent %s", w.Agent)
	for _, part := range []struct{ word, value string }{{"for the user", w.User}, {"on the task", w.Task}} {
		if part.value != "" {
			fmt.Fprintf(&b, " %s %s", part.word, part.value)
		}
	}
	fmt.Fprintf(&b, ": %d tools", w.Tools)
	if w.TokenEnds != "" {
		b.WriteString(", token until " + w.TokenEnds)
	}
	b.WriteByte('\n')
	for _, s := range w.Services {
		b.WriteString(s.Service)
		if s.Account != "" {
			b.WriteString(" account " + s.Account)
		}
		if s.Label != "" {
			b.WriteString(" (" + s.Label + ")")
		}
		fmt.Fprintf(&b, ": %s, credential %s (%s)", strings.ReplaceAll(s.State, "_", " "), s.Credential, s.Type)
		if s.Ends != "" {
			b.WriteString(", ends " + s.Ends)
		}
		fmt.Fprintf(&b, "; %d reading and %d changing tools", s.Reads, s.Writes)
		if s.Scopes != "" {
			b.WriteString("; scopes " + s.Scopes)
		}
		if s.Ask != "" {
			b.WriteString("; " + s.Ask)
		}
		b.WriteByte('\n')
	}
	if len(w.NotConnected) > 0 {
		b.WriteString("Not connected: " + strings.Join(w.NotConnected, ", ") + "\n")
	}
	for _, l := range w.Limits {
		b.WriteString("Limit of " + l.text + "\n")
	}
	b.WriteString(w.Note)
	return strings.TrimRight(b.String(), "\n")
}

// whoami tells the agent how it stands: without a word of any secret, and without
// asking a service.
func (c *passage) whoami(ctx context.Context) (any, error) {
	w := whoami{Agent: c.id.Agent, User: c.id.User, Task: c.id.Task, Services: []heldService{}}
	if !c.id.Expires.IsZero() {
		w.TokenEnds = c.id.Expires.UTC().Format(time.RFC3339)
	}
	reads, writes := map[string]int{}, map[string]int{} // by service
	var services, titles, dreaded []string
	for _, b := range c.g.catalogue.Load().order {
		if b.own != nil {
			continue
		}
		if !slices.Contains(services, b.service.Name) {
			services, titles = append(services, b.service.Name), append(titles, b.service.Title)
		}
		if _, ok := c.g.reachable(c.id, b); !ok {
			if c.g.nameable(c.id, b) {
				dreaded = append(dreaded, b.schema.Name)
			}
			continue
		}
		w.Tools++
		if b.schema.Write() {
			writes[b.service.Name]++
		} else {
			reads[b.service.Name]++
		}
	}
	withheld := false
	for i, service := range services {
		held := c.g.Vault.Held(owner(c.id), service)
		if only := c.id.Grants.Account(service); only != "" { // what the token is not for it need not tell
			held = slices.DeleteFunc(slices.Clone(held), func(d vault.Declaration) bool { return d.Account != only })
		}
		if len(held) == 0 {
			w.NotConnected = append(w.NotConnected, titles[i])
			continue
		}
		if reads[service]+writes[service] == 0 {
			withheld = true
		}
		for _, d := range held {
			h, err := c.held(ctx, d)
			if err != nil {
				return nil, c.vaultFault(err)
			}
			h.Reads, h.Writes = reads[service], writes[service]
			w.Services = append(w.Services, h)
		}
	}
	held, err := c.limited(ctx)
	if err != nil {
		return nil, err
	}
	w.Limits = held
	var notes []string
	if len(w.NotConnected) > 0 {
		notes = append(notes, "For a service that is not connected an admin has to register a credential in the config file.")
	}
	if withheld {
		notes = append(notes, "Where there are no tools, the token, the policy or the toolsets leave them out: ask for a token with more scopes (toolvault agent token), or ask the admin.")
	}
	if len(dreaded) > 0 {
		notes = append(notes, fmt.Sprintf("Off, since nobody can undo what they do: %s. An admin can name them under irreversible in the config file.", strings.Join(dreaded, ", ")))
	}
	w.Note = strings.Join(notes, " ")
	return w, nil
}

func (c *passage) held(ctx context.Context, d vault.Declaration) (heldService, error) {
	standing, err := c.g.Vault.Standing(ctx, d)
	if err != nil {
		return heldService{}, err
	}
	h := heldService{
		Service: d.Service, Account: d.Account, Label: c.labelled(standing.Account), Credential: d.ID, Type: string(d.Type),
		State: string(standing.State), Scopes: d.Scope.Intersect(c.id.Grants[d.Service]).String(), Ask: standing.Ask,
	}
	if standing.State == "" {
		h.State = "unknown"
	}
	if !standing.Expires.IsZero() {
		h.Ends = standing.Expires.UTC().Format(time.RFC3339)
	}
	return h, nil
}
