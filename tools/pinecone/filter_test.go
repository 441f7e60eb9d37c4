package pinecone

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
)

func decodeFilter(t testing.TB, s string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFiltersThatAreRight(t *testing.T) {
	for _, s := range []string{
		`{}`, `{"a":"b"}`, `{"a":1,"b":true}`, `{"a":{"$eq":"x"}}`, `{"a":{"$ne":1}}`, `{"a":{"$gt":1,"$lte":2.5}}`,
		`{"a":{"$in":["x",1,true]}}`, `{"a":{"$nin":[1]}}`, `{"a":{"$exists":false}}`,
		`{"$and":[{"a":1},{"$or":[{"b":2},{"c":{"$gte":3}}]}]}`, `{"a":1,"$or":[{"b":2}]}`,
	} {
		if err := checkFilter(decodeFilter(t, s), false); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if err := checkFilter(decodeFilter(t, `{"body":{"$match_phrase":"a b"}}`), true); err != nil {
		t.Error(err)
	}
}

func TestFiltersThatAreWrongSayWhatWouldBeRight(t *testing.T) {
	deep := strings.Repeat(`{"$and":[`, 12) + `{"a":1}` + strings.Repeat(`]}`, 12)
	for s, want := range map[string]string{
		`{"a":{"$gte":"2024-01-01"}}`:         "filter.a.$gte must be a number: texts have no order here",
		`{"a":{"$gte":true}}`:                 "filter.a.$gte must be a number.",
		`{"a":{"$eqq":1}}`:                    "Did you mean $eq?",
		`{"a":{"$like":"x%"}}`:                "search by meaning",
		`{"a":{"$in":"x"}}`:                   "must be a list",
		`{"a":{"$in":[]}}`:                    "1 to 10000",
		`{"a":{"$in":[null]}}`:                "texts, numbers and booleans",
		`{"a":{"$eq":["x"]}}`:                 "use $in",
		`{"a":["x","y"]}`:                     "use {\"$in\"",
		`{"a":null}`:                          "$exists",
		`{"a":{}}`:                            "filter.a is empty",
		`{"a":{"b":1}}`:                       "metadata is flat",
		`{"a":{"$exists":"no"}}`:              "true or false",
		`{"$eq":1}`:                           "under the name of a field",
		`{"$not":{"a":1}}`:                    "Pinecone has no $not",
		`{"$xor":[]}`:                         "there is no $xor",
		`{"$and":{"a":1}}`:                    "list of filters",
		`{"$and":[]}`:                         "list of filters",
		`{"$or":[1]}`:                         "filter.$or[0] must be a filter",
		`{"$or":[{"a":1},{"b":{"$gt":"x"}}]}`: "filter.$or[1].b.$gt must be a number",
		`{"a":{"$match_any":"x"}}`:            "only indexes of documents",
		deep:                                  "nested deeper",
	} {
		err := checkFilter(decodeFilter(t, s), false)
		var f *fault.Error
		if err == nil {
			t.Errorf("%s is taken", s)
			continue
		}
		if f = toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments || !f.NotSent || !strings.Contains(f.Message, want) {
			t.Errorf("%s: %v", s, err)
		}
	}
	var long []string
	for range 150 {
		long = append(long, `{"a":{"$gt":1}}`)
	}
	if checkFilter(decodeFilter(t, `{"$or":[`+strings.Join(long, ",")+`]}`), false) == nil {
		t.Error("300 comparisons are taken")
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`{"a":{"$in":[1,"x"]},"$and":[{"b":2}]}`, true)
	f.Fuzz(func(t *testing.T, s string, textual bool) {
		var m map[string]any
		if json.Unmarshal([]byte(s), &m) != nil {
			return
		}
		if err := checkFilter(m, textual); err != nil && toolstest.FaultOf(t, err).Message == "" {
			t.Error("nothing is said")
		}
	})
}

// The vendor's limits, by what they count.
func TestLimits(t *testing.T) {
	svc := New()
	c := toolstest.Client(svc.Endpoint, control, toolstest.Static{})
	const host = "https://a.svc.x.pinecone.io"
	second := func(n int) time.Duration { return time.Second / time.Duration(n) }
	for _, x := range []struct {
		req   upstream.Request
		key   string
		burst int
	}{
		{upstream.Request{Path: "/query", JSON: queryRequest{Namespace: "n"}}, "query n", 100},
		{upstream.Request{Path: "/records/namespaces/n/search"}, "query n", 100},
		{upstream.Request{Path: "/namespaces/n/documents/search"}, "query n", 100},
		{upstream.Request{Path: "/vectors/upsert", JSON: upsertRequest{Namespace: "n"}}, "upsert n", 100},
		{upstream.Request{Path: "/records/namespaces/n/upsert"}, "upsert n", 100},
		{upstream.Request{Path: "/namespaces/n/documents/upsert"}, "upsert n", 100},
		{upstream.Request{Path: "/vectors/update", JSON: updateRequest{ID: "a", Namespace: "n"}}, "update n", 100},
		{upstream.Request{Path: "/vectors/update", JSON: updateRequest{Filter: map[string]any{"a": 1}, Namespace: "n"}}, "update by metadata n", 5},
		{upstream.Request{Path: "/namespaces/n/documents/update", JSON: documentsUpdate{}}, "update by metadata n", 5},
		{upstream.Request{Path: "/vectors/delete", JSON: deleteRequest{Namespace: "n"}}, "delete n", 100},
		{upstream.Request{Path: "/vectors/fetch"}, "fetch ", 100},
		{upstream.Request{Path: "/vectors/fetch_by_metadata", JSON: byMetadataRequest{Namespace: "n"}}, "fetch ", 100},
		{upstream.Request{Path: "/vectors/list"}, "list ", 200},
		{upstream.Request{Path: "/describe_index_stats"}, "statistics ", 100},
	} {
		x.req.Host = host
		got := svc.Endpoint.Limits(c, &x.req)
		if len(got) != 1 || got[0].Key != "pinecone test "+host+" "+x.key || got[0].Burst != x.burst || got[0].Every != second(x.burst) {
			t.Errorf("%s: %+v", x.req.Path, got)
		}
	}
	for _, req := range []upstream.Request{{Path: "/indexes"}, {Path: "/embed"}, {Path: "/namespaces", Host: host}, {Path: "/namespaces/n", Host: host, Method: http.MethodDelete}} {
		if got := svc.Endpoint.Limits(c, &req); got != nil {
			t.Errorf("%s: %+v", req.Path, got)
		}
	}
}

// The requests that the tools make are told apart by their real bodies.
func TestLimitsOfRealRequests(t *testing.T) {
	w := sandboxed(t)
	seen := map[string]bool{}
	limit := w.svc.Endpoint.Limits
	w.svc.Endpoint.Limits = func(c *upstream.Client, req *upstream.Request) []upstream.Limit {
		l := limit(c, req)
		if len(l) == 1 {
			fields := strings.SplitN(l[0].Key, " ", 4)
			seen[fields[3]] = true
		}
		return nil
	}
	c := w.client()
	for _, call := range []string{
		`pinecone_query_vectors {"index":"product-images","namespace":"season-2024","id":"a"}`,
		`pinecone_update_by_metadata {"index":"product-images","namespace":"season-2024","filter":{"a":1},"set_metadata":{"b":2}}`,
		`pinecone_delete_records {"index":"product-images","namespace":"season-2024","ids":["x"]}`,
	} {
		tool, args, _ := strings.Cut(call, " ")
		if _, err := toolstest.Call(t, w.svc, c, tool, args); err != nil {
			t.Errorf("%s: %v", tool, err)
		}
	}
	for _, want := range []string{"query season-2024", "update by metadata season-2024", "delete season-2024"} {
		if !seen[want] {
			t.Errorf("%q is not among %v", want, seen)
		}
	}
}
