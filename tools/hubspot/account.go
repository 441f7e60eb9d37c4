package hubspot

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type nothing struct{}

// Account is the HubSpot account that the credential belongs to, and what this
// agent may do there.
type Account struct {
	ID         string   `json:"account_id"`
	Type       string   `json:"account_type,omitempty"`
	URL        string   `json:"url,omitempty"`
	Zone       string   `json:"time_zone,omitempty"`
	Now        string   `json:"local_time"` // RFC 3339, in that zone
	Currency   string   `json:"currency,omitempty"`
	Currencies []string `json:"other_currencies,omitempty"`
	Hosting    string   `json:"data_hosting,omitempty"`
	Reads      []string `json:"may_read"` // types of record, and "owners", "lists"
	Writes     []string `json:"may_write"`
}

// Text is a few lines.
func (a Account) Text() string {
	text := "HubSpot account " + a.ID
	for _, part := range []string{a.Type, a.Currency, a.Hosting} {
		if part != "" {
			text += ", " + upstream.Quote(part)
		}
	}
	if a.URL != "" {
		text += ", " + a.URL
	}
	text += "\nIt is " + a.Now + " there"
	if a.Zone != "" {
		text += " (" + upstream.Quote(a.Zone) + ")"
	}
	return text + "\nMay read: " + commas(a.Reads) + "\nMay change: " + commas(a.Writes)
}

func commas(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

func (s *service) whoami(ctx context.Context, c *upstream.Client, _ nothing) (Account, error) {
	a, err := getAccount(ctx, c)
	if err != nil {
		return Account{}, err
	}
	if a.Portal <= 0 {
		return Account{}, fault.New(fault.UpstreamError, "HubSpot answered without an account. Is the address really HubSpot's?")
	}
	id := strconv.FormatInt(a.Portal, 10)
	out := Account{
		ID: id, Type: strings.ToLower(upstream.Clean(a.Type, 40)), Zone: upstream.Clean(a.Zone, 60),
		Currency: upstream.Clean(a.Currency, 10), Hosting: upstream.Clean(a.Hosting, 20), Reads: []string{}, Writes: []string{},
	}
	for _, other := range a.Currencies[:min(len(a.Currencies), 20)] {
		out.Currencies = append(out.Currencies, upstream.Clean(other, 10))
	}
	if hubspotHost(a.Domain) {
		out.URL = "https://" + a.Domain + "/contacts/" + id
	}
	zone, err := time.LoadLocation(a.Zone)
	if err != nil {
		zone = time.UTC
	}
	out.Now = s.now().In(zone).Format(time.RFC3339)
	for _, k := range kindNames() {
		if c.Allows("crm.objects." + k + ".read") {
			out.Reads = append(out.Reads, k)
		}
		if c.Allows("crm.objects." + k + ".write") {
			out.Writes = append(out.Writes, k)
		}
	}
	if c.Allows(ownerScope) {
		out.Reads = append(out.Reads, "owners")
	}
	if c.Allows("crm.lists.read") {
		out.Reads = append(out.Reads, "lists")
	}
	if c.Allows("crm.lists.write") {
		out.Writes = append(out.Writes, "lists")
	}
	return out, nil
}

// TypeList is the types of record that there are.
type TypeList struct {
	Types []Type `json:"types"`
	Note  string `json:"note,omitempty"`
}

// Type is a type of record: name is what object_type takes.
type Type struct {
	Name     string   `json:"name"`
	Label    string   `json:"label,omitempty"`
	ID       string   `json:"id"`
	About    string   `json:"description,omitempty"`
	Title    string   `json:"name_property,omitempty"` // of a custom type
	Required []string `json:"required,omitempty"`      // properties that a new record needs
	URL      string   `json:"url,omitempty"`           // where people see its records
	May      string   `json:"may"`                     // read, write, both, none
}

// Text is one line a type.
func (l TypeList) Text() string {
	var lines []string
	for _, t := range l.Types {
		line := t.Name
		if t.Label != "" { // one that somebody has made
			line = shown(t.Name)
		}
		if t.Label != "" {
			line += " " + upstream.Quote(t.Label)
		}
		line += " (" + t.ID + "), may " + t.May
		if t.About != "" {
			line += " | " + upstream.Quote(t.About)
		}
		if len(t.Required) > 0 {
			line += " | needs " + strings.Join(t.Required, ", ")
		}
		if t.URL != "" {
			line += " | " + t.URL
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n") + more("", l.Note)
}

// listTypes names the standard types, which are the same everywhere, and the
// account's own, which only those may see who may see or change their records.
func (s *service) listTypes(ctx context.Context, c *upstream.Client, _ nothing) (TypeList, error) {
	out := TypeList{Types: []Type{}}
	home := ""
	if a := s.portals.of(ctx, c); a.Portal > 0 {
		home = fmt.Sprintf("https://%s/contacts/%d/objects/", a.Domain, a.Portal)
	}
	put := func(k kind, t Type) {
		t.ID = k.typeID
		if home != "" {
			t.URL = home + k.typeID
		}
		read, write := c.Allows(k.scope("read")), c.Allows(k.scope("write"))
		t.May = map[[2]bool]string{{true, true}: "both", {true, false}: "read", {false, true}: "write", {false, false}: "none"}[[2]bool{read, write}]
		out.Types = append(out.Types, t)
	}
	if !c.Allows("crm.objects.custom.read") && !c.Allows("crm.objects.custom.write") {
		out.Note = "custom types are left out: crm.objects.custom.read was not granted"
	} else if types, err := s.customTypes(ctx, c); err != nil {
		out.Note = "custom types could not be read: " + fault.From(err).Message
	} else {
		for _, t := range types {
			k := t.kind(kind{custom: true}, t.id)
			put(k, Type{Name: t.name, Label: t.plural, About: t.about, Title: t.primary, Required: t.required})
		}
	}
	for _, k := range kinds {
		put(k, Type{Name: k.name})
	}
	return out, nil
}

func (s *service) accountTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_whoami", s.whoami),
		tools.New("hubspot_list_object_types", s.listTypes),
	}
}
