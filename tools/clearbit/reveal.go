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

func (s *service) revealTools() []tools.Tool {
	return []tools.Tool{tools.New("clearbit_reveal_ip", s.revealIP)}
}

type revealIn struct {
	IP string `json:"ip"`
}

// Revealed is the answer of clearbit_reveal_ip.
type Revealed struct {
	IP string `json:"ip"`
	Outcome
	Type    string   `json:"type,omitempty"`  // company, education, government or isp
	Fuzzy   bool     `json:"fuzzy,omitempty"` // the network is not the company's own
	Domain  string   `json:"domain,omitempty"`
	Place   string   `json:"place,omitempty"` // of the address
	Company *Company `json:"company,omitempty"`
}

// Text is whose network it is.
func (r Revealed) Text() string {
	if r.Status != found {
		return strings.TrimSpace(fmt.Sprintf("%s: %s. %s", r.IP, map[string]string{noMatch: "no company known", queued: "queued"}[r.Status], r.Note))
	}
	text := r.IP + ": " + facts("", r.Type, "", r.Domain, "in", r.Place)
	if r.Fuzzy {
		text += ", a guess: the network is shared"
	}
	if r.Company != nil {
		text += "\nCompany: " + r.Company.lines()
	}
	return text
}

func (s *service) revealIP(ctx context.Context, c *upstream.Client, in revealIn) (Revealed, error) {
	address, err := ip(in.IP)
	if err != nil {
		return Revealed{}, err
	}
	var m struct {
		Fuzzy        bool
		Domain, Type string
		Company      json.RawMessage
		GeoIP        struct{ City, State, Country string }
	}
	out := Revealed{IP: address}
	out.Outcome, err = s.ask(ctx, c, lookup{api: reveal, path: "/v1/companies/find", query: url.Values{"ip": {address}}}, &m)
	if err != nil || out.Status != found {
		return out, err
	}
	out.Fuzzy, out.Domain, out.Type = m.Fuzzy, line(m.Domain), line(m.Type)
	out.Place = line(places(m.GeoIP.City, m.GeoIP.State, m.GeoIP.Country))
	out.Company, err = readCompany(m.Company)
	return out, err
}

// places joins the parts of a place that there are.
func places(parts ...string) string {
	var there []string
	for _, p := range parts {
		if strings.TrimSpace(p) != "" {
			there = append(there, p)
		}
	}
	return strings.Join(there, ", ")
}
