package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

func (s *service) personTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_whoami", s.whoami)}
}

// me is whom a credential acts as.
type me struct {
	user, org             string // ids
	name, username, email string
	zone                  *time.Location
	used                  string // Sforce-Limit-Info: "25/5000"
}

// identity is the address that names the organization and the user.
var (
	identity  = pattern.New(`^/id/(00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?)/(005[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?)$`)
	usageForm = pattern.New(`api-usage=(\d{1,12}/\d{1,12})`)
)

// ask finds out whom the credential acts as. The list of resources names it, which the
// scope api suffices for; the identity address itself would need another.
func ask(ctx context.Context, c *upstream.Client) (me, error) {
	var m me
	var root struct {
		Identity string `json:"identity"`
	}
	err := c.Do(ctx, upstream.Request{Path: path(c) + "/", Read: true, Head: func(h http.Header) {
		if u := usageForm.FindStringSubmatch(h.Get("Sforce-Limit-Info")); u != nil {
			m.used = u[1]
		}
	}}, &root)
	if err != nil {
		return m, err
	}
	u, err := url.Parse(root.Identity)
	if err != nil {
		return m, lacking("who the session is of")
	}
	ids := identity.FindStringSubmatch(u.Path)
	if ids == nil {
		return m, lacking("who the session is of")
	}
	m.org, m.user = ids[1], ids[2]
	id, _ := literal(m.user)
	rows, _, _, err := run(ctx, c, selection{fields: []string{"Id", "Name", "Username", "Email", "TimeZoneSidKey"}, from: "User", where: []string{"Id = " + id}, limit: 1}.String(), "")
	if err != nil {
		return m, err
	}
	if len(rows) == 0 {
		return m, lacking("the user of the session")
	}
	r := rows[0]
	m.name, m.username, m.email = upstream.Clean(r.text("Name"), 100), upstream.Clean(r.text("Username"), 100), upstream.Clean(r.text("Email"), 100)
	m.zone = time.UTC
	if name := r.text("TimeZoneSidKey"); name != "" && len(name) < 64 {
		if zone, err := time.LoadLocation(name); err == nil {
			m.zone = zone
		}
	}
	return m, nil
}

// Me is the answer of salesforce_whoami.
type Me struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username,omitempty"`
	Email    string `json:"email,omitempty"`
	OrgID    string `json:"org_id"`
	Org      string `json:"org,omitempty"`
	Edition  string `json:"edition,omitempty"`
	Sandbox  bool   `json:"sandbox,omitempty"`
	Zone     string `json:"time_zone"`
	Usage    string `json:"api_usage,omitempty"` // requests of the last 24 hours, of how many
	Link     string `json:"link"`
}

// Text is two lines.
func (m Me) Text() string {
	s := fmt.Sprintf("user %s %s", m.ID, upstream.Quote(m.Name))
	if m.Username != "" {
		s += " " + upstream.Quote(m.Username)
	}
	if m.Email != "" && m.Email != m.Username {
		s += " " + upstream.Quote(m.Email)
	}
	s += fmt.Sprintf(", %s\norganization %s", m.Zone, m.OrgID)
	if m.Org != "" {
		s += " " + upstream.Quote(m.Org)
	}
	if m.Edition != "" {
		s += " " + upstream.Quote(m.Edition)
	}
	if m.Sandbox {
		s += " (a sandbox)"
	}
	if m.Usage != "" {
		s += ", API requests of 24 hours: " + m.Usage
	}
	return s + " | " + m.Link
}

func (s *service) whoami(ctx context.Context, c *upstream.Client, _ struct{}) (Me, error) {
	m, err := ask(ctx, c)
	if err != nil {
		return Me{}, err
	}
	s.people.Keep(key(c, ""), m)
	rows, _, _, err := run(ctx, c, selection{fields: []string{"Id", "Name", "OrganizationType", "IsSandbox"}, from: "Organization", limit: 1}.String(), "")
	if f := fault.From(err); f != nil && f.Kind != fault.NotPermitted && f.Kind != fault.NotFound && f.Kind != fault.InvalidArguments {
		return Me{}, err
	}
	out := Me{ID: m.user, Name: m.name, Username: m.username, Email: m.email, OrgID: m.org, Zone: m.zone.String(), Usage: m.used, Link: c.BaseURL()}
	if len(rows) > 0 {
		out.Org, out.Edition = upstream.Clean(rows[0].text("Name"), 100), upstream.Clean(rows[0].text("OrganizationType"), 60)
		for _, cell := range rows[0].cells {
			out.Sandbox = out.Sandbox || cell.name == "IsSandbox" && string(cell.raw) == "true"
		}
	}
	return out, nil
}

func (s *service) probe(ctx context.Context, c *upstream.Client) (string, error) {
	m, err := ask(ctx, c)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("user %s (%s) of organization %s", m.name, m.username, m.org), nil
}

// instant reads a time as a person writes it, in the user's time zone: UTC where that
// cannot be had.
func (s *service) instant(ctx context.Context, c *upstream.Client, argument, word string, ahead bool) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, word); err == nil {
		return t, nil // no zone is needed
	}
	zone := time.UTC
	if m, err := s.people.Get(key(c, ""), func() (me, error) { return ask(ctx, c) }); err == nil {
		zone = m.zone
	} else if f := fault.From(err); f.Kind == fault.CredentialInvalid || f.Kind == fault.UpstreamUnavailable || f.Kind == fault.Timeout {
		return time.Time{}, err
	}
	return when.Parse(argument, strings.TrimSpace(word), when.Clock{Now: s.now(), Zone: zone, Ahead: ahead})
}
