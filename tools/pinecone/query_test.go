package pinecone

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

func TestQueryByVectorIDAndText(t *testing.T) {
	w := sandboxed(t)
	ids := func(n Neighbours) string {
		var all []string
		for _, h := range n.Hits {
			all = append(all, h.ID)
		}
		return strings.Join(all, " ")
	}
	for args, want := range map[string]string{
		`{"index":"product-images","vector":[0,0,1,0,0,0,0,0],"top_k":1}`:                                     "img-lamp-1",
		`{"index":"product-images","id":"img-chair-1","top_k":3}`:                                             "img-chair-1 img-chair-2 img-table-1",
		`{"index":"product-images","id":"img-chair-1","filter":{"price":{"$gt":100,"$lt":200}}}`:              "img-chair-1",
		`{"index":"product-images","namespace":"season-2024","vector":[0,0,0,1,0,0,0,0]}`:                     "img-parasol-1",
		`{"index":"keyword-notes","text":"licence expired","top_k":1}`:                                        "note-2",
		`{"index":"release-notes","text":"export of CSV","model":"multilingual-e5-large","top_k":1}`:          "rel-24.9",
		`{"index":"support-tickets","text":"VAT is wrong on the invoice","top_k":1,"include_metadata":false}`: "TCK-1018",
	} {
		if got := must[Neighbours](w, "pinecone_query_vectors", args); ids(got) != want {
			t.Errorf("%s: %s", args, ids(got))
		}
	}
	got := must[Neighbours](w, "pinecone_query_vectors", `{"index":"product-images","id":"img-lamp-1","top_k":1}`)
	if got.Hits[0].Values != nil || got.Hits[0].Fields["price"] != json.Number("45") {
		t.Errorf("got %+v", got.Hits[0])
	}
	got = must[Neighbours](w, "pinecone_query_vectors", `{"index":"product-images","id":"img-lamp-1","top_k":1,"include_values":true,"include_metadata":false}`)
	if h := got.Hits[0]; h.Dimension != 8 || len(h.Values) != 8 || h.Fields != nil || !strings.Contains(got.Text(), "8 dimensions [0, 0.1, 0.9, 0.2, 0, …]") {
		t.Errorf("with values: %+v: %s", h, got.Text())
	}
	got = must[Neighbours](w, "pinecone_query_vectors", `{"index":"keyword-notes","id":"note-1","top_k":1,"include_values":true}`)
	raw, _ := json.Marshal(got.Hits[0].Sparse)
	again := must[Neighbours](w, "pinecone_query_vectors", `{"index":"keyword-notes","sparse":`+string(raw)+`,"top_k":1}`)
	if len(got.Hits[0].Sparse) == 0 || again.Hits[0].ID != "note-1" {
		t.Errorf("sparse: %s, %+v", raw, again)
	}
}

func TestVectorsThatDoNotFit(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double)
	w.call("pinecone_index_stats", `{"index":"product-images"}`) // looked up
	for args, want := range map[string]string{
		`{"index":"product-images","vector":[1,2]}`:                                               "has 2 numbers, and the index product-images has 8 dimensions",
		`{"index":"support-tickets","vector":[1,2]}`:                                              "Here that is llama-text-embed-v2",
		`{"index":"product-images"}`:                                                              "Give one of vector, id and text",
		`{"index":"product-images","vector":[1],"id":"x"}`:                                        "not several",
		`{"index":"product-images","vector":[0,0,0,0,0,0,0,0]}`:                                   "all zeros",
		`{"index":"product-images","vector":[1,0,0,0,0,0,0,0],"sparse":{"1":2}}`:                  "dotproduct",
		`{"index":"keyword-notes","vector":[1,2]}`:                                                "takes sparse ones",
		`{"index":"product-images","sparse":{"1":2}}`:                                             "takes dense vectors of 8 numbers",
		`{"index":"product-images","text":"chair"}`:                                               "does not say which model",
		`{"index":"product-images","text":"chair","model":"multilingual-e5-large"}`:               "has 1024 numbers, and the index product-images has 8 dimensions",
		`{"index":"support-tickets","text":"chair","model":"multilingual-e5-large"}`:              "Leave model out",
		`{"index":"release-notes","text":"chair","model":"multilingual-e5-larg"}`:                 `Did you mean "multilingual-e5-large"?`,
		`{"index":"product-images","id":"a","sparse":{"1":2}}`:                                    "cannot go with sparse",
		`{"index":"product-images","vector":["a"]}`:                                               "must be number",
		`{"index":"product-images","vector":[1e300,0,0,0,0,0,0,0]}`:                               "too large for 32 bits",
		`{"index":"keyword-notes","sparse":{"-1":2}}`:                                             "index, a whole number",
		`{"index":"keyword-notes","sparse":{"indices":[1,2],"values":[1]}}`:                       "index, a whole number",
		`{"index":"product-images","vector":[1,0,0,0,0,0,0,0],"filter":{"price":{"$gte":"100"}}}`: "must be a number",
		`{"index":"product-images","vector":[1,0,0,0,0,0,0,0],"filter":{"price":{"$gtee":100}}}`:  "Did you mean $gte?",
		`{"index":"product-images","vector":[1,0,0,0,0,0,0,0],"top_k":101}`:                       "at most 100",
	} {
		_, err := w.call("pinecone_query_vectors", args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// A write's lsn, given to a read, tells whether the read has seen it.
func TestReadsSayWhetherTheyAreFresh(t *testing.T) {
	w := against(t, sandbox.NewPinecone(sandbox.PineconeLag(2)), toolstest.Answers())
	up := must[Upserted](w, "pinecone_upsert_vectors", `{"index":"product-images","namespace":"__default__","vectors":[{"id":"img-new","values":[0,0,0,0,0,0,0,1]}]}`)
	if up.LSN == nil || !strings.Contains(up.Text(), fmt.Sprintf("min_lsn %d", *up.LSN)) {
		t.Fatalf("got %+v", up)
	}
	query := fmt.Sprintf(`{"index":"product-images","vector":[0,0,0,0,0,0,0,1],"top_k":1,"min_lsn":%d}`, *up.LSN)
	stale := must[Neighbours](w, "pinecone_query_vectors", query)
	if stale.Fresh == nil || *stale.Fresh || stale.Hits[0].ID == "img-new" || !strings.Contains(stale.Text(), "Not fresh") {
		t.Errorf("at once: %+v: %s", stale, stale.Text())
	}
	fetch := fmt.Sprintf(`{"index":"product-images","ids":["img-new"],"min_lsn":%d}`, *up.LSN)
	if got := must[Records](w, "pinecone_fetch_records", fetch); *got.Fresh || len(got.Missing) != 1 {
		t.Errorf("at once: %+v", got)
	}
	if got := must[Records](w, "pinecone_fetch_records", fetch); !*got.Fresh || len(got.Records) != 1 {
		t.Errorf("later: %+v", got)
	}
	if got := must[Neighbours](w, "pinecone_query_vectors", query); !*got.Fresh || got.Hits[0].ID != "img-new" || strings.Contains(got.Text(), "fresh") {
		t.Errorf("later: %+v", got)
	}
	if got := must[Neighbours](w, "pinecone_query_vectors", `{"index":"product-images","id":"img-new"}`); got.Fresh != nil {
		t.Errorf("nobody asked: %+v", got)
	}
}

func TestFreshnessThatIsNotKnown(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		double.ServeHTTP(silentLSN{rw}, r)
	}))
	got := must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"export","min_lsn":3}`)
	if got.Fresh != nil || !strings.Contains(got.Note, "not known") {
		t.Errorf("got %+v", got)
	}
}

type silentLSN struct{ http.ResponseWriter }

func (s silentLSN) WriteHeader(status int) {
	s.Header().Del(headerIndexed)
	s.ResponseWriter.WriteHeader(status)
}

func TestSearchTermsOnSparseIndexesOnly(t *testing.T) {
	w := sandboxed(t)
	got := must[Hits](w, "pinecone_search_records", `{"index":"keyword-notes","text":"error means","terms":["licence"]}`)
	if len(got.Hits) != 1 || got.Hits[0].ID != "note-2" {
		t.Errorf("got %+v", got)
	}
	_, err := w.call("pinecone_search_records", `{"index":"support-tickets","text":"error","terms":["csv"]}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments || !strings.Contains(f.Message, "dense") {
		t.Errorf("got %v", err)
	}
}

func TestPagesOfRecordsAndIDs(t *testing.T) {
	w := sandboxed(t)
	var ids, records []string
	for cursor, n := "", 0; n == 0 || cursor != ""; n++ {
		page := must[RecordIDs](w, "pinecone_list_record_ids", fmt.Sprintf(`{"index":"support-tickets","limit":5,"cursor":%q}`, cursor))
		ids, cursor = append(ids, page.IDs...), page.Next
		if n > 3 {
			t.Fatal("no end")
		}
	}
	for cursor, n := "", 0; n == 0 || cursor != ""; n++ {
		page := must[Matching](w, "pinecone_fetch_by_metadata", fmt.Sprintf(`{"index":"support-tickets","filter":{"status":"solved"},"limit":3,"cursor":%q}`, cursor))
		for _, r := range page.Records {
			records = append(records, r.ID)
			if r.Dimension != 384 || r.Values != nil {
				t.Errorf("vector: %+v", r.Vector)
			}
		}
		if cursor = page.Next; n > 3 {
			t.Fatal("no end")
		}
	}
	if len(ids) != 12 || len(records) != 8 {
		t.Errorf("%d ids, %d solved", len(ids), len(records))
	}
	first := must[RecordIDs](w, "pinecone_list_record_ids", `{"index":"support-tickets","limit":5}`)
	_, err := w.call("pinecone_list_record_ids", fmt.Sprintf(`{"index":"support-tickets","prefix":"TCK-105","limit":5,"cursor":%q}`, first.Next))
	if f := toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments {
		t.Errorf("a cursor of another query: %v", err)
	}
	none := must[Matching](w, "pinecone_fetch_by_metadata", `{"index":"support-tickets","filter":{"status":"Solved"}}`)
	if !strings.Contains(none.Text(), "the very same text") {
		t.Errorf("text: %s", none.Text())
	}
	if _, err := w.call("pinecone_fetch_by_metadata", `{"index":"support-tickets","filter":{}}`); toolstest.FaultOf(t, err).Kind != fault.InvalidArguments {
		t.Errorf("no filter: %v", err)
	}
}

func TestStatsAndNamespaces(t *testing.T) {
	w := sandboxed(t)
	st := must[Stats](w, "pinecone_index_stats", `{"index":"product-images","limit":1}`)
	if st.Total != 5 || st.Dimension != 8 || len(st.Namespaces) != 1 || st.More != 1 || st.Namespaces[0] != (Namespace{"__default__", 4}) {
		t.Errorf("stats: %+v", st)
	}
	page := must[Spaces](w, "pinecone_list_namespaces", `{"index":"product-images","limit":1}`)
	if page.Total != 2 || len(page.Namespaces) != 1 || page.Next == "" {
		t.Fatalf("page: %+v", page)
	}
	page = must[Spaces](w, "pinecone_list_namespaces", fmt.Sprintf(`{"index":"product-images","limit":1,"cursor":%q}`, page.Next))
	if page.Namespaces[0].Name != "season-2024" || page.Namespaces[0].Records != 1 || page.Next != "" {
		t.Errorf("page: %+v", page)
	}
}

func TestCascadingSearch(t *testing.T) {
	w := sandboxed(t)
	got := must[Cascade](w, "pinecone_cascading_search", `{"indexes":[{"index":"support-tickets"},{"index":"faq"},{"index":"faq","namespace":"__default__"},{"index":"product-images"},{"index":"nope"}],"text":"CSV export stops","top_k":5,"top_n":4}`)
	places := map[string]bool{}
	for i, h := range got.Hits {
		places[h.Index] = true
		if i > 0 && h.Score > got.Hits[i-1].Score {
			t.Errorf("order: %+v", got.Hits)
		}
	}
	if len(got.Hits) != 4 || !places["faq"] || !places["support-tickets"] || got.Searched != 8 || len(got.Failed) != 2 {
		t.Errorf("got %+v", got)
	}
	if text := got.Text(); !strings.Contains(text, "faq/__default__  faq-export") || !strings.Contains(text, "Not searched: nope/__default__: There is no index") {
		t.Errorf("text: %s", text)
	}
	c := w.client()
	c.Permit(func(scope string) bool { return scope != "inference.run" })
	_, err := toolstest.Call(t, w.svc, c, "pinecone_cascading_search", `{"indexes":[{"index":"faq"}],"text":"x"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.NotPermitted || len(f.Needed) != 1 {
		t.Errorf("without the scope: %+v", f)
	}
	_, err = toolstest.Call(t, w.svc, c, "pinecone_query_vectors", `{"index":"faq","text":"x"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.NotPermitted {
		t.Errorf("without the scope: %+v", f)
	}
}
