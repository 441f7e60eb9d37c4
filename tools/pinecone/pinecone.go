// Package pinecone is the vector database Pinecone: which indexes there are, and
// searching, fetching and upserting the records in them.
//
// Pinecone is one host for the control plane and one more for each index. The
// API key goes to whatever host the control plane names, so that answer is not
// believed: see host.go. Vendor pages: docs.pinecone.io/reference/api/2026-04.
package pinecone

import (
	"context"
	"fmt"
	"net/http"
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

	defaultNamespace = "__default__" // as it is spelled in paths
)

// service is what the handlers share.
type service struct{ hosts *hosts }

// New returns the service. It keeps the hosts of indexes that it has looked up,
// so one value should serve all calls.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{hosts: newHosts(now)}
	return tools.Service{
		Name:  name,
		Title: title,
		Endpoint: upstream.Endpoint{
			Service: name,
			BaseURL: control,
			Header:  http.Header{"X-Pinecone-Api-Version": {apiVersion}},
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
		Tools: []tools.Tool{
			tools.New("pinecone_list_indexes", s.listIndexes),
			tools.New("pinecone_describe_index", s.describeIndex),
			tools.New("pinecone_search_records", s.searchRecords),
			tools.New("pinecone_fetch_records", s.fetchRecords),
			tools.New("pinecone_upsert_records", s.upsertRecords),
		},
		Probe: probe,
	}
}

// probe lists the indexes: the cheapest call that every control-plane key may
// make. The API has no call that says whose key it is.
func probe(ctx context.Context, c *upstream.Client) (string, error) {
	list, err := getIndexes(ctx, c)
	if err != nil {
		return "", err
	}
	if len(list) == 1 {
		return "project with 1 index", nil
	}
	return fmt.Sprintf("project with %d indexes", len(list)), nil
}
