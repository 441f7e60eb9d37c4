package grafana

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const maxOrgs = 50

func (s *service) instanceTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_whoami", s.whoami)}
}

// do makes a request in the organisation that the config names for the credential.
// Every request of the handlers goes through it.
func (s *service) do(ctx context.Context, c *upstream.Client, req upstream.Request, out any) error {
	if org := c.Param("org_id"); org != "" {
		req.Header = maps.Clone(req.Header)
		if req.Header == nil {
			req.Header = http.Header{}
		}
		req.Header.Set("X-Grafana-Org-Id", org)
	}
	return c.Do(ctx, req, out)
}

func (s *service) get(ctx context.Context, c *upstream.Client, path string, query url.Values, out any) error {
	return s.do(ctx, c, upstream.Request{Path: path, Query: query, Read: true}, out)
}

// key names what a credential sees at a place: caches are kept apart by it.
func key(c *upstream.Client, rest ...string) string {
	return strings.Join(append([]string{c.CredentialKey(), c.BaseURL(), c.Param("org_id")}, rest...), "\x00")
}

// settings is what is used of GET /api/frontend/settings, which every role may read.
type settings struct {
	Namespace string `json:"namespace"` // of the organisation, in paths below /apis
	Renderer  bool   `json:"rendererAvailable"`
	Build     struct {
		Version string `json:"version"`
	} `json:"buildInfo"`
	Sources map[string]sourceModel `json:"datasources"`
}

// namespaceForm is what may stand in a path: default, org-2, stacks-123456.
var namespaceForm = pattern.New(`^[a-z0-9][a-z0-9-]{0,62}$`)

func (s *service) instance(ctx context.Context, c *upstream.Client) (settings, error) {
	return s.settings.Get(key(c), func() (settings, error) {
		var i settings
		if err := s.get(ctx, c, "/api/frontend/settings", nil, &i); err != nil {
			return i, err
		}
		if !namespaceForm.MatchString(i.Namespace) { // before version 12 there is none
			i.Namespace = "default"
			if org := c.Param("org_id"); org != "" && org != "1" {
				i.Namespace = "org-" + org
			}
		}
		return i, nil
	})
}

// Org is an organisation, a part of an instance with dashboards, data sources and
// users of its own.
type Org struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Role string `json:"role,omitempty"`
}

// Me is the answer of grafana_whoami.
type Me struct {
	Org     Org    `json:"org"`            // that calls are for
	Orgs    []Org  `json:"orgs,omitempty"` // of a person, who may belong to several
	Version string `json:"version"`
	Sources int    `json:"datasources"`
	Images  bool   `json:"images"` // grafana_render_panel works
	Link    string `json:"link"`
}

// Text is a line or two.
func (m Me) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "organisation %d  %s\nGrafana %s at %s, %d data sources", m.Org.ID, upstream.Quote(m.Org.Name), m.Version, m.Link, m.Sources)
	if !m.Images {
		b.WriteString(", no image renderer")
	}
	for _, o := range m.Orgs {
		fmt.Fprintf(&b, "\nalso in organisation %d  %s  %s", o.ID, upstream.Quote(o.Name), o.Role)
	}
	return b.String()
}

func (s *service) whoami(ctx context.Context, c *upstream.Client, _ struct{}) (Me, error) {
	org, err := s.org(ctx, c)
	if err != nil {
		return Me{}, err
	}
	i, err := s.instance(ctx, c)
	if err != nil {
		return Me{}, err
	}
	me := Me{Org: org, Version: word(i.Build.Version, "unknown"), Images: i.Renderer, Link: c.BaseURL()}
	for _, m := range i.Sources {
		if m.Type != ownKind {
			me.Sources++
		}
	}
	var all []struct {
		ID   int64  `json:"orgId"`
		Name string `json:"name"`
		Role string `json:"role"`
	}
	err = s.do(ctx, c, upstream.Request{Path: "/api/user/orgs", Read: true, Fault: ofPeople}, &all)
	if err != nil && !errors.Is(err, errNoPerson) {
		return Me{}, err
	}
	for _, o := range all[:min(len(all), maxOrgs)] {
		if o.ID == org.ID {
			me.Org.Role = word(o.Role, "")
			continue
		}
		me.Orgs = append(me.Orgs, Org{o.ID, upstream.Clean(o.Name, 100), word(o.Role, "")})
	}
	return me, nil
}

// errNoPerson: a service account belongs to one organisation, and has no list of
// them.
var errNoPerson = errors.New("not a person")

func ofPeople(r *upstream.Response) *fault.Error {
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return fault.New(fault.NotFound, "This is for people only.").Because(errNoPerson)
	}
	return readFault(r)
}

func (s *service) org(ctx context.Context, c *upstream.Client) (Org, error) {
	var o Org
	if err := s.get(ctx, c, "/api/org", nil, &o); err != nil {
		return o, err
	}
	if o.ID <= 0 {
		return o, fault.New(fault.UpstreamError, "Grafana answered without an organisation. Is the address really Grafana's?")
	}
	return Org{ID: o.ID, Name: upstream.Clean(o.Name, 100)}, nil
}

// probe asks in which organisation the credential is.
func (s *service) probe(ctx context.Context, c *upstream.Client) (string, error) {
	o, err := s.org(ctx, c)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("organisation %d, %s", o.ID, o.Name), nil
}

var wordForm = pattern.New(`^[A-Za-z0-9][A-Za-z0-9._+/-]{0,59}$`)

// word is one of the service's own words, such as a type or a state, or otherwise:
// it may stand outside of «».
func word(s, otherwise string) string {
	if wordForm.MatchString(s) {
		return s
	}
	return otherwise
}

// keys are those of a map, sorted.
func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
