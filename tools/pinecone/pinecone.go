// Package pinecone is the vector database Pinecone: indexes and their namespaces,
// searching, reading and writing the records and documents in them, and the hosted
// models.
//
// Pinecone is one host for the control plane and one more for each index. The
// API key goes to whatever host the control plane names, so that answer is not
// believed: see host.go. Vendor pages: docs.pinecone.io/reference/api/2026-04.
//
// An index keeps to the API that it was made with. Indexes of bare vectors and
// those with a model of their own are spoken to in apiVersion. Those with a schema
// of documents exist since documentsVersion, which is sent for them alone, and to
// find out which kind an index is: see kind in index.go.
package pinecone

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name    = "pinecone"
	title   = "Pinecone"
	control = "https://api.pinecone.io"

	// apiVersion is sent with every request; without it the service takes the
	// oldest version that it still has. A stable version lives a year or more.
	apiVersion = "2026-04"

	// documentsVersion brought indexes with a schema and the Documents API.
	documentsVersion = "2026-07"
	versionHeader    = "X-Pinecone-Api-Version"

	defaultNamespace = "__default__" // as it is spelled in paths
)

// service is what the handlers share.
type service struct {
	hosts *hosts
	sleep func(context.Context, time.Duration) error // between two looks at an index that is being made
}

// New returns the service. It keeps the hosts of indexes that it has looked up,
// so one value should serve all calls.
func New() tools.Service { return newService(time.Now, sleep) }

func newService(now func() time.Time, sleep func(context.Context, time.Duration) error) tools.Service {
	s := &service{hosts: newHosts(now), sleep: sleep}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service: name,
			BaseURL: control,
			Header:  http.Header{versionHeader: {apiVersion}},
			Limits:  limits,
			Fault:   readFault,
		},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "index.read", Aliases: []string{"indexes.read"}},
			scope.Def{Name: "record.read", Aliases: []string{"records.read", "vectors.read", "search"}},
			scope.Def{Name: "record.write", Aliases: []string{"records.write", "vectors.write", "upsert"}, Write: true, Implies: []string{"record.read"}},
			scope.Def{Name: "record.delete", Aliases: []string{"records.delete", "vectors.delete"}, Write: true},
			scope.Def{Name: "namespace.admin", Aliases: []string{"namespaces.admin"}, Write: true},
			scope.Def{Name: "index.admin", Aliases: []string{"indexes.admin"}, Write: true, Implies: []string{"index.read"}},
			scope.Def{Name: "inference.run", Aliases: []string{"inference"}},
		),
		Auth: map[string]vault.Scheme{
			vault.TypeAPIKey:       {Header: "Api-Key"},
			vault.TypeServiceToken: {Header: "Api-Key"},
		},
		Tools: slices.Concat(
			s.indexTools(), s.adminTools(), s.namespaceTools(),
			s.searchTools(), s.cascadeTools(), s.queryTools(), s.documentTools(),
			s.fetchTools(), s.listTools(),
			s.upsertTools(), s.updateTools(), s.deleteTools(),
			s.modelTools(), s.inferenceTools(),
		),
		Probe: probe,
	}
}

// probe lists the indexes: the cheapest call that every control-plane key may
// make. The API has no call that says whose key it is.
func probe(ctx context.Context, c *upstream.Client) (string, error) {
	list, err := getIndexes(ctx, c, nil)
	if err != nil {
		return "", err
	}
	if len(list) == 1 {
		return "project with 1 index", nil
	}
	return fmt.Sprintf("project with %d indexes", len(list)), nil
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
