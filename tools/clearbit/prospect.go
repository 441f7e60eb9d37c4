package clearbit

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) prospectTools() []tools.Tool {
	return []tools.Tool{tools.New("clearbit_search_people", s.searchPeople)}
}

type searchIn struct {
	Domain      string   `json:"domain"`
	Roles       []string `json:"roles"`
	Seniorities []string `json:"seniorities"`
	Titles      []string `json:"titles"`
	PageSize    int      `json:"page_size"`
	Cursor      string   `json:"cursor"`
}

// Prospect is somebody who works at a company.
type Prospect struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"`
	Title     string `json:"title,omitempty"`
	Role      string `json:"role,omitempty"`
	Seniority string `json:"seniority,omitempty"`
	Location  string `json:"location,omitempty"`
	Email     string `json:"email,omitempty"` // only some versions of the API tell it here
	Verified  bool   `json:"verified,omitempty"`
}

// Prospects is the answer of clearbit_search_people.
type Prospects struct {
	Domain string `json:"domain"`
	Outcome
	Total      int        `json:"total"`
	People     []Prospect `json:"people"`
	NextCursor string     `json:"next_cursor,omitempty"`
}

// Text is one line a person.
func (p Prospects) Text() string {
	var b strings.Builder
	if p.Status == queued {
		fmt.Fprintf(&b, "Queued: %s.\n", p.Domain)
	} else {
		fmt.Fprintf(&b, "%d of %d people at %s.\n", len(p.People), p.Total, p.Domain)
	}
	for _, one := range p.People {
		text := facts("", one.Name, "", one.Title, "", one.Role, "", one.Seniority, "in", one.Location, "", one.Email)
		if one.Verified {
			text += ", verified"
		}
		fmt.Fprintf(&b, "%s  %s\n", one.ID, text)
	}
	if p.NextCursor != "" {
		fmt.Fprintf(&b, "More: cursor %s\n", p.NextCursor)
	}
	b.WriteString(p.Note)
	return strings.TrimSpace(b.String())
}

type prospectModel struct {
	ID   string
	Name struct {
		FullName string `json:"fullName"`
	}
	Title, Role, Seniority, Location, Email string

	Verified bool
}

func (s *service) searchPeople(ctx context.Context, c *upstream.Client, in searchIn) (Prospects, error) {
	host, err := domain(in.Domain)
	if err != nil {
		return Prospects{}, err
	}
	query := in
	query.Domain, query.Cursor = host, ""
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Prospects{}, err
	}
	page := max(at.Skip, 1) // Clearbit's pages have numbers, from 1
	q := url.Values{"domain": {host}, "page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(in.PageSize)}}
	for key, values := range map[string][]string{"roles[]": in.Roles, "seniorities[]": in.Seniorities, "titles[]": in.Titles} {
		if len(values) > 0 {
			q[key] = values
		}
	}
	var m struct {
		Total   int
		Results []prospectModel
	}
	out := Prospects{Domain: host, People: []Prospect{}}
	out.Outcome, err = s.ask(ctx, c, lookup{api: prospector, path: "/v1/people/search", query: q}, &m)
	if err != nil || out.Status != found {
		return out, err
	}
	for _, one := range m.Results[:min(len(m.Results), in.PageSize)] {
		out.People = append(out.People, Prospect{
			ID: line(one.ID), Name: line(one.Name.FullName), Title: line(one.Title), Role: line(one.Role), Seniority: line(one.Seniority),
			Location: line(one.Location), Email: line(one.Email), Verified: one.Verified,
		})
	}
	out.Total = max(m.Total, len(out.People))
	switch {
	case len(out.People) == 0:
		out.Status = noMatch
	case page*in.PageSize < out.Total:
		out.NextCursor = tools.Cursor(query, fmt.Sprintf("%d ", page+1))
	}
	return out, nil
}
