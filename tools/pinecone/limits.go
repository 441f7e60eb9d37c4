package pinecone

import (
	"strings"
	"time"

	"toolvault/tools/upstream"
)

// inSpace is a request body that names its namespace, for the limits.
type inSpace interface{ space() string }

// limits are the vendor's on the data plane (docs.pinecone.io, "Database limits"):
// query, upsert, update and delete 100 requests a second and namespace, update by
// metadata 5; fetch 100, list 200 and statistics 100 a second and index. The host
// names the index.
func limits(c *upstream.Client, req *upstream.Request) []upstream.Limit {
	if req.Host == "" {
		return nil // the control plane tells no limits
	}
	what, space, rate := classify(req)
	if what == "" {
		return nil
	}
	key := strings.Join([]string{"pinecone", c.AccountKey(), req.Host, what, space}, " ")
	return []upstream.Limit{{Key: key, Burst: rate, Every: time.Second / time.Duration(rate)}}
}

// classify tells what a request is, in which namespace if that counts, and how
// many of it go a second.
func classify(req *upstream.Request) (what, space string, rate int) {
	if s, ok := req.JSON.(inSpace); ok {
		space = s.space()
	}
	path := req.Path
	for _, before := range []string{"/records/namespaces/", "/namespaces/"} {
		if rest, ok := strings.CutPrefix(path, before); ok {
			var method string
			space, method, _ = strings.Cut(rest, "/")
			path = "/" + strings.TrimPrefix(method, "documents/")
		}
	}
	switch path {
	case "/search", "/query":
		return "query", space, 100
	case "/upsert", "/vectors/upsert":
		return "upsert", space, 100
	case "/delete", "/vectors/delete":
		return "delete", space, 100
	case "/update", "/vectors/update":
		if m, ok := req.JSON.(interface{ byMetadata() bool }); ok && m.byMetadata() {
			return "update by metadata", space, 5
		}
		return "update", space, 100
	case "/fetch", "/vectors/fetch", "/vectors/fetch_by_metadata":
		return "fetch", "", 100
	case "/list", "/vectors/list":
		return "list", "", 200
	case "/describe_index_stats":
		return "statistics", "", 100
	}
	return "", "", 0
}
