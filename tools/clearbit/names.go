package clearbit

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxSuggested = 10

func (s *service) nameTools() []tools.Tool {
	return []tools.Tool{
		tools.New("clearbit_find_domain", s.findDomain),
		tools.New("clearbit_suggest_companies", s.suggest),
	}
}

type findIn struct {
	Name string `json:"name"`
}

// FoundDomain is the answer of clearbit_find_domain.
type FoundDomain struct {
	Outcome
	Name   string `json:"name"` // as Clearbit has it, where it was found
	Domain string `json:"domain,omitempty"`
}

// Text is the name and the domain.
func (f FoundDomain) Text() string {
	switch f.Status {
	case found:
		return facts("", f.Name, "", f.Domain)
	case queued:
		return "Queued. " + f.Note
	}
	return strings.TrimSpace("No company of that name. clearbit_suggest_companies finds names that begin like it. " + f.Note)
}

func (s *service) findDomain(ctx context.Context, c *upstream.Client, in findIn) (FoundDomain, error) {
	asked := strings.Join(strings.Fields(in.Name), " ")
	if asked == "" {
		return FoundDomain{}, fault.Wrong("name is empty. Nothing was sent.")
	}
	var m struct{ Name, Domain string }
	out := FoundDomain{Name: upstream.Clean(asked, maxName)}
	var err error
	out.Outcome, err = s.ask(ctx, c, lookup{api: company, path: "/v1/domains/find", query: url.Values{"name": {asked}}}, &m)
	if err != nil || out.Status != found {
		return out, err
	}
	if out.Domain = line(m.Domain); out.Domain == "" {
		out.Status = noMatch
		return out, nil
	}
	if m.Name != "" {
		out.Name = line(m.Name)
	}
	return out, nil
}

type suggestIn struct {
	Query string `json:"query"`
}

// Suggested is a company by name.
type Suggested struct {
	Name   string `json:"name,omitempty"`
	Domain string `json:"domain"`
}

// Suggestions is the answer of clearbit_suggest_companies.
type Suggestions struct {
	Companies []Suggested `json:"companies"` // best first
}

// Text is one line a company.
func (s Suggestions) Text() string {
	if len(s.Companies) == 0 {
		return "No company begins like that."
	}
	var b strings.Builder
	for _, c := range s.Companies {
		fmt.Fprintln(&b, facts("", c.Name, "", c.Domain))
	}
	return b.String()
}

// suggest takes no key: none is sent, since whoever answers there need not know it.
func (s *service) suggest(ctx context.Context, c *upstream.Client, in suggestIn) (Suggestions, error) {
	asked := strings.Join(strings.Fields(in.Query), " ")
	if asked == "" {
		return Suggestions{}, fault.Wrong("query is empty. Nothing was sent.")
	}
	var all []struct{ Name, Domain string }
	err := c.Do(ctx, upstream.Request{API: autocomplete, Path: "/v1/companies/suggest", Query: url.Values{"query": {asked}}, Read: true, Bare: true}, &all)
	if err != nil {
		return Suggestions{}, s.gone(c, autocomplete, err)
	}
	out := Suggestions{Companies: []Suggested{}}
	for _, m := range all {
		if d := line(m.Domain); d != "" && len(out.Companies) < maxSuggested {
			out.Companies = append(out.Companies, Suggested{line(m.Name), d})
		}
	}
	return out, nil
}
