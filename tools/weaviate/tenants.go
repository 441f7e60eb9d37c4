package weaviate

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) tenantTools() []tools.Tool {
	return []tools.Tool{
		tools.New("weaviate_list_tenants", s.listTenants),
		tools.New("weaviate_set_tenants", s.setTenants),
		tools.New("weaviate_delete_tenants", s.deleteTenants),
	}
}

// Tenant is one of a collection's.
type Tenant struct {
	Name   string `json:"name"`
	Status string `json:"status"` // "active", "inactive", "offloaded", or on the way there
}

// tenantModel is the wire's form.
type tenantModel struct {
	Name   string `json:"name"`
	Status string `json:"activityStatus,omitempty"`
}

// statuses are today's names of those that the server still answers.
var statuses = map[string]string{"": "active", "hot": "active", "cold": "inactive", "frozen": "offloaded", "freezing": "offloading", "unfreezing": "onloading"}

func (m tenantModel) tenant() Tenant {
	low := strings.ToLower(upstream.Clean(m.Status, 40))
	return Tenant{upstream.Clean(m.Name, 100), cmp.Or(statuses[low], low)}
}

type listTenantsIn struct {
	Collection   string `json:"collection"`
	NameContains string `json:"name_contains"`
	Limit        int    `json:"limit"`
	Cursor       string `json:"cursor"`
}

// Tenants is the answer of weaviate_list_tenants and weaviate_set_tenants.
type Tenants struct {
	Collection string   `json:"collection"`
	Tenants    []Tenant `json:"tenants"`
	Total      int      `json:"total"`
	Next       string   `json:"next_cursor,omitempty"`
}

// Text is the tenants in a line.
func (t Tenants) Text() string {
	all := make([]string, 0, len(t.Tenants))
	for _, one := range t.Tenants {
		text := one.Name
		if one.Status != "active" {
			text += " (" + one.Status + ")"
		}
		all = append(all, text)
	}
	text := fmt.Sprintf("%d tenants of %s: %s\n", t.Total, t.Collection, list(all, len(all)))
	if t.Next != "" {
		text += "more with next_cursor " + t.Next + "\n"
	}
	return text
}

func (s *service) listTenants(ctx context.Context, c *upstream.Client, in listTenantsIn) (Tenants, error) {
	query := in
	query.Cursor = ""
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Tenants{}, err
	}
	col, all, err := s.tenantsOf(ctx, c, in.Collection)
	if err != nil {
		return Tenants{}, err
	}
	fitting := []Tenant{}
	for _, t := range all {
		if strings.Contains(strings.ToLower(t.Name), strings.ToLower(in.NameContains)) {
			fitting = append(fitting, t)
		}
	}
	out := Tenants{Collection: col.name, Total: len(fitting)}
	out.Tenants, out.Next = tools.Page(query, at, fitting, in.Limit, "")
	return out, nil
}

// tenantsOf are all tenants of a collection, by name.
func (s *service) tenantsOf(ctx context.Context, c *upstream.Client, word string) (*collection, []Tenant, error) {
	col, err := s.withTenants(ctx, c, word)
	if err != nil {
		return nil, nil, err
	}
	var models []tenantModel
	if err := c.Get(ctx, "/v1/schema/"+col.name+"/tenants", nil, &models); err != nil {
		return nil, nil, err
	}
	all := make([]Tenant, 0, len(models))
	for _, m := range models {
		all = append(all, m.tenant())
	}
	slices.SortFunc(all, func(a, b Tenant) int { return cmp.Compare(a.Name, b.Name) })
	return col, all, nil
}

func (s *service) withTenants(ctx context.Context, c *upstream.Client, word string) (*collection, error) {
	return s.checked(ctx, c, word, func(col *collection) error {
		if !col.tenants {
			return refuse(fault.InvalidArguments, "The collection %s has no tenants: all its objects are together.", col.name)
		}
		return nil
	})
}

type setTenantsIn struct {
	Collection string   `json:"collection"`
	Tenants    []string `json:"tenants"`
	Action     string   `json:"action"`
}

// actions are the status that each action comes to.
var actions = map[string]string{"create": "ACTIVE", "activate": "ACTIVE", "deactivate": "INACTIVE", "offload": "OFFLOADED"}

func (s *service) setTenants(ctx context.Context, c *upstream.Client, in setTenantsIn) (Tenants, error) {
	method, status := http.MethodPut, actions[in.Action]
	var col *collection
	var err error
	if in.Action == "create" { // of one that is there it changes nothing
		method = http.MethodPost
		col, err = s.withTenants(ctx, c, in.Collection)
	} else {
		col, err = s.known(ctx, c, in.Collection, in.Tenants)
	}
	if err != nil {
		return Tenants{}, err
	}
	var body []tenantModel
	for _, name := range in.Tenants {
		body = append(body, tenantModel{name, status})
	}
	if err := c.Do(ctx, upstream.Request{Method: method, Path: "/v1/schema/" + col.name + "/tenants", JSON: body}, nil); err != nil {
		return Tenants{}, err
	}
	_, all, err := s.tenantsOf(ctx, c, col.name)
	if err != nil {
		return Tenants{}, err
	}
	out := Tenants{Collection: col.name, Tenants: []Tenant{}, Total: len(in.Tenants)}
	for _, t := range all {
		if slices.Contains(in.Tenants, t.Name) {
			out.Tenants = append(out.Tenants, t)
		}
	}
	return out, nil
}

// known refuses tenants that the collection does not have.
func (s *service) known(ctx context.Context, c *upstream.Client, word string, tenants []string) (*collection, error) {
	col, all, err := s.tenantsOf(ctx, c, word)
	if err != nil {
		return nil, err
	}
	var there []string
	for _, t := range all {
		there = append(there, t.Name)
	}
	for _, name := range tenants {
		if !slices.Contains(there, name) {
			return nil, refuse(fault.NotFound, "The collection %s has no tenant %q. %s", col.name, upstream.Clean(name, 70), proposal(name, there, "weaviate_list_tenants"))
		}
	}
	return col, nil
}

type deleteTenantsIn struct {
	Collection string   `json:"collection"`
	Tenants    []string `json:"tenants"`
}

// DeletedTenants is the answer of weaviate_delete_tenants.
type DeletedTenants struct {
	Collection string   `json:"collection"`
	Deleted    []string `json:"deleted"`
}

// Text says which are gone.
func (d DeletedTenants) Text() string {
	return fmt.Sprintf("Deleted %s of %s with all their objects.", list(d.Deleted, 100), d.Collection)
}

func (s *service) deleteTenants(ctx context.Context, c *upstream.Client, in deleteTenantsIn) (DeletedTenants, error) {
	col, err := s.known(ctx, c, in.Collection, in.Tenants) // the server passes over those that are not there
	if err != nil {
		return DeletedTenants{}, err
	}
	if err := c.Do(ctx, upstream.Request{Method: http.MethodDelete, Path: "/v1/schema/" + col.name + "/tenants", JSON: in.Tenants}, nil); err != nil {
		return DeletedTenants{}, err
	}
	return DeletedTenants{col.name, in.Tenants}, nil
}
