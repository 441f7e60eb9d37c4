// Package weaviate is the vector database Weaviate: its collections and tenants,
// searching, reading, counting and writing the objects in them.
//
// Each customer has a cluster of their own, so there is no base URL that is built
// in. Searches and figures go through GraphQL, the one interface that every server
// has (REST search is an experiment that is off by default in 1.39): see query.go
// for what keeps a caller's words out of the query. Vendor pages:
// docs.weaviate.io/weaviate/api.
//
// A server calls providers of models in its caller's name, with keys that come in
// headers. Those headers are named here; the ones that say where a provider is,
// X-…-Baseurl, are never sent, since the key would go there.
package weaviate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "weaviate"
	title = "Weaviate"

	schemaFor = 2 * time.Minute // how long what a collection is like is believed
)

// service is what the handlers share.
type service struct {
	now         func() time.Time
	collections *names.Cache[*collection]
}

// New returns the service. It keeps what it has learnt of collections, so one value
// should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{now: now, collections: names.NewCache[*collection](now, schemaFor)}
	keyed := vault.Bearer
	keyed.Params = providerKeys()
	return tools.Service{
		Name:     name,
		Title:    title,
		Endpoint: upstream.Endpoint{Service: name, Fault: readFault},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "collection.read", Aliases: []string{"schema.read", "collections.read"}},
			scope.Def{Name: "object.read", Aliases: []string{"objects.read", "data.read", "search"}},
			scope.Def{Name: "object.write", Aliases: []string{"objects.write", "data.write", "upsert"}, Write: true, Implies: []string{"object.read"}},
			scope.Def{Name: "object.delete", Aliases: []string{"objects.delete", "data.delete"}, Write: true},
			scope.Def{Name: "tenant.admin", Aliases: []string{"tenants.admin"}, Write: true, Implies: []string{"collection.read"}},
			scope.Def{Name: "collection.admin", Aliases: []string{"collections.admin", "schema.admin"}, Write: true, Implies: []string{"collection.read"}},
		),
		Auth: map[string]vault.Scheme{
			vault.TypeAPIKey:            keyed,
			vault.TypeServiceToken:      keyed,
			vault.TypeClientCredentials: keyed,
		},
		Tools: slices.Concat(
			[]tools.Tool{tools.New("weaviate_whoami", s.whoami)},
			s.collectionTools(), s.searchTools(), s.objectTools(), s.aggregateTools(),
			s.writeTools(), s.schemaTools(), s.tenantTools(),
		),
		Probe: s.probe,
	}
}

// providerKeys are the keys of providers of models that a server may need to turn
// texts into vectors, and to rank. Those that only write texts (X-Anthropic-Api-Key)
// are not there: no tool has anything written.
func providerKeys() []vault.Param {
	var all []vault.Param
	for _, p := range []struct{ param, header, who string }{
		{"openai_key", "X-Openai-Api-Key", "OpenAI"},
		{"azure_key", "X-Azure-Api-Key", "Azure OpenAI"},
		{"cohere_key", "X-Cohere-Api-Key", "Cohere"},
		{"google_key", "X-Goog-Api-Key", "Google"},
		{"huggingface_key", "X-Huggingface-Api-Key", "Hugging Face"},
		{"jinaai_key", "X-Jinaai-Api-Key", "Jina AI"},
		{"mistral_key", "X-Mistral-Api-Key", "Mistral"},
		{"nvidia_key", "X-Nvidia-Api-Key", "NVIDIA"},
		{"voyageai_key", "X-Voyageai-Api-Key", "Voyage AI"},
	} {
		all = append(all, vault.Param{
			Name: p.param, Form: vault.FormSecret, Header: p.header,
			Help: "where the " + p.who + " key is with which the server makes vectors, such as env:NAME",
		})
	}
	return all
}

type whoamiIn struct{}

// Self is the answer of weaviate_whoami.
type Self struct {
	User    string   `json:"user,omitempty"` // "" where the server does not say
	Roles   []string `json:"roles"`
	Groups  []string `json:"groups"`
	Cluster string   `json:"cluster"`
	Version string   `json:"version"`
	Modules []string `json:"modules"`
}

// Text is who, with which roles, and where.
func (s Self) Text() string {
	text := fmt.Sprintf("User %s of the cluster %s, Weaviate %s.", orNone(s.User), s.Cluster, s.Version)
	if len(s.Roles) > 0 {
		text += " Roles: " + list(s.Roles, 20) + "."
	} else {
		text += " No roles: either the server has no role-based access control, or nothing is allowed."
	}
	if len(s.Groups) > 0 {
		text += " Groups: " + list(s.Groups, 20) + "."
	}
	return text + "\nModules: " + list(s.Modules, 80) + ".\n"
}

func (s *service) whoami(ctx context.Context, c *upstream.Client, _ whoamiIn) (Self, error) {
	var meta struct {
		Hostname string         `json:"hostname"`
		Version  string         `json:"version"`
		Modules  map[string]any `json:"modules"`
	}
	if err := c.Get(ctx, "/v1/meta", nil, &meta); err != nil {
		return Self{}, err
	}
	var me struct {
		Username string   `json:"username"`
		Groups   []string `json:"groups"`
		Roles    []struct {
			Name string `json:"name"`
		} `json:"roles"`
	}
	err := c.Get(ctx, "/v1/users/own-info", nil, &me)
	var f *fault.Error
	if errors.As(err, &f) && f.Status == http.StatusNotFound { // before 1.28
		err = nil
	}
	if err != nil {
		return Self{}, err
	}
	out := Self{
		User: upstream.Clean(me.Username, 200), Cluster: upstream.Clean(meta.Hostname, 200), Version: upstream.Clean(meta.Version, 40),
		Roles: []string{}, Groups: cleaned(me.Groups, 50), Modules: []string{},
	}
	for _, r := range me.Roles[:min(len(me.Roles), 50)] {
		out.Roles = append(out.Roles, upstream.Clean(r.Name, 100))
	}
	for m := range meta.Modules {
		if len(out.Modules) < 200 {
			out.Modules = append(out.Modules, upstream.Clean(m, 60))
		}
	}
	slices.Sort(out.Modules)
	return out, nil
}

// probe says whose credential it is, and of which cluster.
func (s *service) probe(ctx context.Context, c *upstream.Client) (string, error) {
	me, err := s.whoami(ctx, c, whoamiIn{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("user %s of the cluster %s", orNone(me.User), me.Cluster), nil
}
