package clearbit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxName  = 120 // characters of a name, a title, a place
	maxProse = 255 // of a description: Clearbit's own limit
	maxTags  = 10
	maxTech  = 15
)

// Person is what Clearbit knows of one. Names follow its own (clearbit.com/attributes).
type Person struct {
	Name          string `json:"name,omitempty"`
	Title         string `json:"title,omitempty"`
	Role          string `json:"role,omitempty"`
	Seniority     string `json:"seniority,omitempty"`
	Company       string `json:"company,omitempty"`
	CompanyDomain string `json:"company_domain,omitempty"`
	Location      string `json:"location,omitempty"`
	TimeZone      string `json:"time_zone,omitempty"`
	LinkedIn      string `json:"linkedin,omitempty"`
	Bio           string `json:"bio,omitempty"`
	FreeMail      bool   `json:"free_mail,omitempty"` // the address is of a free provider
	Fuzzy         bool   `json:"fuzzy,omitempty"`     // the match is not exact
	Left          string `json:"left,omitempty"`      // since when the address is not in use
	IndexedAt     string `json:"indexed_at,omitempty"`
}

// Company is what Clearbit knows of one.
type Company struct {
	Name           string   `json:"name,omitempty"`
	LegalName      string   `json:"legal_name,omitempty"`
	Domain         string   `json:"domain,omitempty"`
	Type           string   `json:"type,omitempty"` // private, public, nonprofit, education, government
	Description    string   `json:"description,omitempty"`
	Sector         string   `json:"sector,omitempty"`
	Industry       string   `json:"industry,omitempty"`
	Employees      int64    `json:"employees,omitempty"`
	EmployeesRange string   `json:"employees_range,omitempty"`
	Revenue        string   `json:"revenue,omitempty"` // an estimate, such as "$10M-$50M" a year
	Raised         int64    `json:"raised,omitempty"`  // US dollars
	Founded        int64    `json:"founded,omitempty"` // a year
	Location       string   `json:"location,omitempty"`
	Phone          string   `json:"phone,omitempty"`
	LinkedIn       string   `json:"linkedin,omitempty"`
	Parent         string   `json:"parent,omitempty"` // the domain of the ultimate parent
	Tags           []string `json:"tags,omitempty"`
	Tech           []string `json:"tech,omitempty"`
	IndexedAt      string   `json:"indexed_at,omitempty"`
}

// The records as Clearbit answers them, as far as they are shown.
type (
	personModel struct {
		Name struct {
			FullName string `json:"fullName"`
		} `json:"name"`
		Location   string `json:"location"`
		TimeZone   string `json:"timeZone"`
		Bio        string `json:"bio"`
		Employment struct {
			Name, Title, Domain, Role, Seniority string
		} `json:"employment"`
		LinkedIn      handle `json:"linkedin"`
		Fuzzy         bool   `json:"fuzzy"`
		EmailProvider any    `json:"emailProvider"` // a boolean, or the provider's name
		IndexedAt     string `json:"indexedAt"`
		InactiveAt    string `json:"inactiveAt"`
	}
	companyModel struct {
		Name, LegalName, Domain, Type, Description, Location, Phone string

		Category struct {
			Sector, Industry string
		} `json:"category"`
		Metrics struct {
			Employees              json.Number `json:"employees"`
			EmployeesRange         string      `json:"employeesRange"`
			EstimatedAnnualRevenue string      `json:"estimatedAnnualRevenue"`
			Raised                 json.Number `json:"raised"`
		} `json:"metrics"`
		FoundedYear    json.Number `json:"foundedYear"`
		LinkedIn       handle      `json:"linkedin"`
		UltimateParent struct {
			Domain string `json:"domain"`
		} `json:"ultimateParent"`
		Tags      []string `json:"tags"`
		Tech      []string `json:"tech"`
		IndexedAt string   `json:"indexedAt"`
	}
	handle struct {
		Handle string `json:"handle"`
	}
)

func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null" || string(raw) == "{}"
}

// readPerson is the person of an answer, nil where there is none.
func readPerson(raw json.RawMessage) (*Person, error) {
	var m personModel
	if isNull(raw) {
		return nil, nil
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil, strange()
	}
	free, said := m.EmailProvider.(bool)
	if who, named := m.EmailProvider.(string); named && !said {
		free = who != ""
	}
	e := m.Employment
	return &Person{
		Name: line(m.Name.FullName), Title: line(e.Title), Role: line(e.Role), Seniority: line(e.Seniority),
		Company: line(e.Name), CompanyDomain: line(e.Domain), Location: line(m.Location), TimeZone: line(m.TimeZone),
		LinkedIn: line(m.LinkedIn.Handle), Bio: upstream.Clean(m.Bio, maxProse), FreeMail: free, Fuzzy: m.Fuzzy,
		Left: line(m.InactiveAt), IndexedAt: line(m.IndexedAt),
	}, nil
}

// readCompany is the company of an answer, nil where there is none.
func readCompany(raw json.RawMessage) (*Company, error) {
	var m companyModel
	if isNull(raw) {
		return nil, nil
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil, strange()
	}
	return &Company{
		Name: line(m.Name), LegalName: line(m.LegalName), Domain: line(m.Domain), Type: line(m.Type),
		Description: upstream.Clean(m.Description, maxProse), Sector: line(m.Category.Sector), Industry: line(m.Category.Industry),
		Employees: whole(m.Metrics.Employees), EmployeesRange: line(m.Metrics.EmployeesRange),
		Revenue: line(m.Metrics.EstimatedAnnualRevenue), Raised: whole(m.Metrics.Raised), Founded: whole(m.FoundedYear),
		Location: line(m.Location), Phone: line(m.Phone), LinkedIn: line(m.LinkedIn.Handle), Parent: line(m.UltimateParent.Domain),
		Tags: some(m.Tags, maxTags), Tech: some(m.Tech, maxTech), IndexedAt: line(m.IndexedAt),
	}, nil
}

func line(s string) string { return upstream.Clean(s, maxName) }

// whole is a number without what stands behind its point; 0 for none, and for one
// that no company has.
func whole(n json.Number) int64 {
	f, err := n.Float64()
	if err != nil || math.Abs(f) > 1e15 {
		return 0
	}
	return int64(f)
}

func some(all []string, most int) []string {
	var out []string
	for _, s := range all {
		if s = upstream.Clean(s, 60); s != "" && len(out) < most {
			out = append(out, s)
		}
	}
	return out
}

// strange is the fault of a record that is not what it should be.
func strange() *fault.Error {
	return fault.New(fault.UpstreamError, "Clearbit answered with a record in another form than it should have. Try again later; if it stays so, tell the operator.")
}

// facts joins what is known, each under its name, in the quotes of other people's
// words.
func facts(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		switch what, value := pairs[i], pairs[i+1]; {
		case value == "":
		case what == "":
			parts = append(parts, upstream.Quote(value))
		default:
			parts = append(parts, what+" "+upstream.Quote(value))
		}
	}
	return strings.Join(parts, ", ")
}

func (p *Person) line() string {
	text := facts("", p.Name, "", p.Title, "at", p.Company, "", p.CompanyDomain, "role", p.Role, "", p.Seniority, "in", p.Location, "", p.TimeZone,
		"linkedin", p.LinkedIn, "bio", p.Bio, "left", p.Left, "as of", p.IndexedAt)
	if p.FreeMail {
		text += ", a free mail address"
	}
	if p.Fuzzy {
		text += ", not an exact match"
	}
	return text
}

func (c *Company) lines() string {
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	text := facts("", c.Name, "", c.LegalName, "", c.Domain, "", c.Type, "", c.Sector, "", c.Industry,
		"employees", cmp.Or(number(c.Employees), c.EmployeesRange), "revenue", c.Revenue, "raised $", number(c.Raised), "founded", number(c.Founded),
		"in", c.Location, "phone", c.Phone, "linkedin", c.LinkedIn, "parent", c.Parent, "tags", strings.Join(c.Tags, ", "), "tech", strings.Join(c.Tech, ", "), "as of", c.IndexedAt)
	if c.Description != "" {
		text += "\n  " + upstream.Quote(c.Description)
	}
	return text
}
