package clearbit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

const (
	combinedPath  = "/v2/combined/find"
	peoplePath    = "/v2/people/find"
	companiesPath = "/v2/companies/find"
)

func (s *service) enrichTools() []tools.Tool {
	return []tools.Tool{
		tools.New("clearbit_enrich_person", s.enrichPerson),
		tools.New("clearbit_enrich_company", s.enrichCompany),
	}
}

type personIn struct {
	Email       string   `json:"email"`
	GivenName   string   `json:"given_name"`
	FamilyName  string   `json:"family_name"`
	WithCompany bool     `json:"with_company"`
	Wait        bool     `json:"wait"`
	Cached      bool     `json:"cached"`
	Fields      []string `json:"fields"`
}

// Enriched is the answer of clearbit_enrich_person.
type Enriched struct {
	Email string `json:"email"`
	Outcome
	Person  *Person        `json:"person,omitempty"`
	Company *Company       `json:"company,omitempty"`
	Fields  map[string]any `json:"fields,omitempty"` // that were asked for by name
}

// Text is the person and the company, a line each.
func (e Enriched) Text() string {
	var b strings.Builder
	switch {
	case e.Status == noMatch:
		fmt.Fprintf(&b, "Clearbit has no record of %s.\n", e.Email)
	case e.Status == queued:
		fmt.Fprintf(&b, "Queued: %s.\n", e.Email)
	case e.Person == nil:
		fmt.Fprintf(&b, "%s: nobody known.\n", e.Email)
	default:
		fmt.Fprintf(&b, "%s: %s\n", e.Email, e.Person.line())
	}
	if e.Company != nil {
		fmt.Fprintf(&b, "Company: %s\n", e.Company.lines())
	}
	writeFields(&b, e.Fields)
	b.WriteString(e.Note)
	return strings.TrimSpace(b.String())
}

func (s *service) enrichPerson(ctx context.Context, c *upstream.Client, in personIn) (Enriched, error) {
	address, err := email(in.Email)
	if err != nil {
		return Enriched{}, err
	}
	l := lookup{path: combinedPath, query: url.Values{"email": {address}}, stream: personStream, wait: in.Wait, cached: in.Cached}
	for key, value := range map[string]string{"given_name": in.GivenName, "family_name": in.FamilyName} {
		if value = strings.TrimSpace(value); value != "" {
			l.query.Set(key, value)
		}
	}
	var raw struct {
		Person  json.RawMessage `json:"person"`
		Company json.RawMessage `json:"company"`
	}
	out := Enriched{Email: address}
	if in.WithCompany {
		out.Outcome, err = s.ask(ctx, c, l, &raw)
	} else {
		l.path = peoplePath
		out.Outcome, err = s.ask(ctx, c, l, &raw.Person)
	}
	if err != nil || out.Status != found {
		return out, err
	}
	if out.Person, err = readPerson(raw.Person); err != nil {
		return Enriched{}, err
	}
	if out.Company, err = readCompany(raw.Company); err != nil {
		return Enriched{}, err
	}
	if out.Person == nil && out.Company == nil {
		out.Status = noMatch
		return out, nil
	}
	var lacking []string
	out.Fields, lacking = fieldsOf(map[string]json.RawMessage{"person": raw.Person, "company": raw.Company}, in.Fields)
	out.Note = lackingNote(lacking, `"person.bio" or "company.metrics.trafficRank"`)
	return out, nil
}

type companyIn struct {
	Domain string   `json:"domain"`
	Wait   bool     `json:"wait"`
	Cached bool     `json:"cached"`
	Fields []string `json:"fields"`
}

// EnrichedCompany is the answer of clearbit_enrich_company.
type EnrichedCompany struct {
	Domain string `json:"domain"`
	Outcome
	Company *Company       `json:"company,omitempty"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// Text is the company.
func (e EnrichedCompany) Text() string {
	var b strings.Builder
	switch {
	case e.Status == noMatch:
		fmt.Fprintf(&b, "Clearbit has no record of %s.\n", e.Domain)
	case e.Status == queued:
		fmt.Fprintf(&b, "Queued: %s.\n", e.Domain)
	case e.Company != nil:
		fmt.Fprintf(&b, "%s: %s\n", e.Domain, e.Company.lines())
	}
	writeFields(&b, e.Fields)
	b.WriteString(e.Note)
	return strings.TrimSpace(b.String())
}

func (s *service) enrichCompany(ctx context.Context, c *upstream.Client, in companyIn) (EnrichedCompany, error) {
	host, err := domain(in.Domain)
	if err != nil {
		return EnrichedCompany{}, err
	}
	var raw map[string]json.RawMessage
	out := EnrichedCompany{Domain: host}
	l := lookup{api: company, path: companiesPath, query: url.Values{"domain": {host}}, stream: companyStream, wait: in.Wait, cached: in.Cached}
	out.Outcome, err = s.ask(ctx, c, l, &raw)
	if err != nil || out.Status != found {
		return out, err
	}
	whole, err := json.Marshal(raw)
	if err != nil {
		return EnrichedCompany{}, strange()
	}
	if out.Company, err = readCompany(whole); err != nil {
		return EnrichedCompany{}, err
	}
	if out.Company == nil {
		out.Status = noMatch
		return out, nil
	}
	var lacking []string
	out.Fields, lacking = fieldsOf(raw, in.Fields)
	out.Note = lackingNote(lacking, `"metrics.trafficRank" or "category.naicsCode"`)
	return out, nil
}
