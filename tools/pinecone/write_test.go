package pinecone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
)

// many are so many records as arguments.
func many(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"_id":"r%04d","chunk_text":"text %d"}`, i, i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// nth lets n requests through to a path and then does something else.
type nth struct {
	double *double.Double
	path   string
	n      int
	then   func(w http.ResponseWriter, r *http.Request)
	seen   int
}

func (h *nth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, h.path) {
		if h.seen++; h.seen > h.n {
			h.then(w, r)
			return
		}
	}
	h.double.ServeHTTP(w, r)
}

func runs(w *world, c *upstream.Client, ctx context.Context, tool, args string) (any, error) {
	for _, h := range w.svc.Tools {
		if h.Name == tool {
			return h.Run(ctx, c, json.RawMessage(args))
		}
	}
	return nil, errors.New("no such tool")
}

func TestManyRecordsGoInSeveralRequestsAndTellOfIt(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double, toolstest.Answers())
	c := w.client()
	var told []string
	c.Report(func(done, total float64, message string) {
		told = append(told, fmt.Sprintf("%v/%v %s", done, total, message))
	})
	out, err := toolstest.Call(t, w.svc, c, "pinecone_upsert_records", `{"index":"faq","namespace":"bulk","records":`+many(250)+`}`)
	if err != nil {
		t.Fatal(err)
	}
	got := out.(Upserted)
	if got.Count != 250 || got.Requests != 3 || got.LSN == nil || *got.LSN != 3 {
		t.Errorf("got %+v", got)
	}
	if want := "96/250 records written, 192/250 records written, 250/250 records written"; strings.Join(told, ", ") != want {
		t.Errorf("told %v", told)
	}
	if st := must[Stats](w, "pinecone_index_stats", `{"index":"faq"}`); st.Namespaces[0] != (Namespace{"bulk", 250}) {
		t.Errorf("there are %+v", st.Namespaces)
	}
}

func TestWhatIsInWhenARequestFails(t *testing.T) {
	double := sandbox.NewPinecone()
	h := &nth{double: double, path: "/upsert", n: 2, then: func(w http.ResponseWriter, r *http.Request) {
		pineQuota(w)
	}}
	w := against(t, h)
	_, err := w.call("pinecone_upsert_records", `{"index":"faq","namespace":"bulk","records":`+many(250)+`}`)
	f := toolstest.FaultOf(t, err)
	want := `192 of 250 records are in, up to "r0191". It stopped at records[192] ("r0192"): The project's or the plan's quota is used up.`
	if !strings.HasPrefix(f.Message, want) || f.Kind != fault.NotPermitted || f.NotSent || !strings.Contains(f.Message, "To go on, send that one and what follows") {
		t.Errorf("got %+v", f)
	}
	if st := must[Stats](w, "pinecone_index_stats", `{"index":"faq"}`); st.Namespaces[0] != (Namespace{"bulk", 192}) {
		t.Errorf("there are %+v", st.Namespaces)
	}
	h.seen, h.n = 0, 0
	_, err = w.call("pinecone_upsert_records", `{"index":"faq","namespace":"bulk","records":`+many(3)+`}`)
	if f := toolstest.FaultOf(t, err); strings.Contains(f.Message, "are in") || !f.NotSent {
		t.Errorf("the first fails: %+v", f)
	}
}

func pineQuota(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"code":7,"message":"Quota exceeded for this project","details":[]}`))
}

func TestACancelledUpsertSaysWhatItWrote(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := w.client()
	c.Report(func(done, _ float64, _ string) {
		if done >= 192 {
			cancel()
		}
	})
	_, err := runs(w, c, ctx, "pinecone_upsert_records", `{"index":"faq","namespace":"bulk","records":`+many(400)+`}`)
	f := toolstest.FaultOf(t, err)
	if !errors.Is(err, context.Canceled) || !strings.Contains(f.Message, "192 of 400 records are in") {
		t.Errorf("got %+v", f)
	}
	n := 0
	for k := range double.Snapshot() {
		if strings.HasPrefix(k, "record faq/bulk/") {
			n++
		}
	}
	if n != 192 {
		t.Errorf("%d records", n)
	}
}

func TestVectorsGoInSeveralRequests(t *testing.T) {
	w := sandboxed(t)
	var all []string
	for i := range 450 {
		all = append(all, fmt.Sprintf(`{"id":"v%d","values":[1,0,0,0,0,0,0,%d],"metadata":{"n":%d,"tags":["a","b"]}}`, i, i, i))
	}
	got := must[Upserted](w, "pinecone_upsert_vectors", `{"index":"product-images","namespace":"bulk","vectors":[`+strings.Join(all, ",")+`]}`)
	if got.Count != 450 || got.Requests != 3 {
		t.Errorf("got %+v", got)
	}
	rec := must[Records](w, "pinecone_fetch_records", `{"index":"product-images","namespace":"bulk","ids":["v7"],"include_values":true}`)
	if r := rec.Records[0]; r.Fields["n"] != json.Number("7") || r.Values[7] != 7 || r.Fields["tags"] != `["a","b"]` {
		t.Errorf("got %+v", r)
	}
	// A request is at most 2 MB, whatever the number of vectors.
	items := make([]item, 30)
	for i := range items {
		items[i].raw = make([]byte, 300<<10)
	}
	wr := writing{atOnce: vectorsAtOnce}
	n := len(wr.next(items))
	if n != 6 {
		t.Errorf("%d of 300 kB in a request", n)
	}
	if n := len(wr.next(items[:1])); n != 1 {
		t.Errorf("%d", n)
	}
}

func TestVectorsAreCheckedBeforeAnyIsSent(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double)
	before := double.Snapshot()
	good := `{"id":"a","values":[1,0,0,0,0,0,0,0]},`
	for vectors, want := range map[string]string{
		good + `{"id":"b","values":[1,2]}`:                                                                   "vectors[1]: values has 2 numbers, and the index product-images has 8 dimensions",
		good + `{"id":"b"}`:                                                                                  "vectors[1]: values is missing",
		good + `{"id":"a","values":[1,0,0,0,0,0,0,0]}`:                                                       "same id as vectors[0]",
		good + `{"id":"b","values":[1,0,0,0,0,0,0,0],"metadata":{"x":{"y":1}}}`:                              "metadata: x is an object",
		good + `{"id":"b c","values":[1,0,0,0,0,0,0,0]}`:                                                     "spaces",
		good + `{"id":"b","values":[1,0,0,0,0,0,0,0],"sparse":{"3":0.5}}`:                                    "dotproduct",
		good + `{"id":"` + strings.Repeat("ü", 300) + `","values":[1,0,0,0,0,0,0,0]}`:                        "longer than 512 bytes",
		good + `{"id":"b","values":[1,0,0,0,0,0,0,0],"metadata":{"x":"` + strings.Repeat("y", 41000) + `"}}`: "40 kB",
	} {
		_, err := w.call("pinecone_upsert_vectors", `{"index":"product-images","namespace":"n","vectors":[`+vectors+`]}`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v", vectors, err)
		}
	}
	if added, lost := changes(before, double.Snapshot()); added+lost > 0 {
		t.Error("something was written")
	}
}

func TestUpdateKeepsTheRest(t *testing.T) {
	w := sandboxed(t)
	got := must[Updated](w, "pinecone_update_record", `{"index":"product-images","id":"img-lamp-1","set_metadata":{"price":39,"sale":true},"values":[0,0,1,0,0,0,0,0]}`)
	if strings.Join(got.Changed, " ") != "price sale values" || got.LSN == nil {
		t.Errorf("got %+v", got)
	}
	rec := must[Records](w, "pinecone_fetch_records", `{"index":"product-images","ids":["img-lamp-1"],"include_values":true}`).Records[0]
	if rec.Fields["price"] != json.Number("39") || rec.Fields["sale"] != true || rec.Fields["name"] != "Desk lamp" || rec.Values[2] != 1 {
		t.Errorf("now %+v", rec)
	}
	for args, want := range map[string]string{
		`{"index":"product-images","id":"img-lamp-1"}`:                                    "Nothing to change",
		`{"index":"product-images","id":"img-lamp-1","values":[1]}`:                       "8 dimensions",
		`{"index":"product-images","id":"img-lamp-1","set_metadata":{"a":null}}`:          "a is null",
		`{"index":"support-tickets","id":"TCK-1041","set_metadata":{"chunk_text":"new"}}`: "pinecone_upsert_records",
		`{"index":"help-articles","id":"art-1","set_metadata":{"title":7}}`:               "title must be a text",
	} {
		_, err := w.call("pinecone_update_record", args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestUpdateByMetadataLooksFirst(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double, toolstest.Answers())
	before := double.Snapshot()
	got := must[UpdatedMany](w, "pinecone_update_by_metadata", `{"index":"support-tickets","filter":{"status":"open"},"set_metadata":{"queue":"second"}}`)
	if got.Matched != 4 || !got.DryRun || !strings.Contains(got.Text(), "nothing was changed") {
		t.Errorf("got %+v", got)
	}
	if added, lost := changes(before, double.Snapshot()); added+lost > 0 {
		t.Error("a dry run changed something")
	}
	for args, want := range map[string]string{
		`"filter":{"status":"opn"}`:                        "Nothing matches the filter.",
		`"namespace":"tickets","filter":{"status":"open"}`: `has no namespace "tickets". There are: __default__.`,
	} {
		none := must[UpdatedMany](w, "pinecone_update_by_metadata", `{"index":"support-tickets",`+args+`,"set_metadata":{"queue":"second"}}`)
		if none.Matched != 0 || !strings.Contains(none.Note, want) || !strings.Contains(none.Text(), want) {
			t.Errorf("%s: %+v %s", args, none, none.Text())
		}
	}
	got = must[UpdatedMany](w, "pinecone_update_by_metadata", `{"index":"support-tickets","filter":{"status":"open"},"set_metadata":{"queue":"second"},"dry_run":false}`)
	if _, lost := changes(before, double.Snapshot()); lost != 4 || got.Matched != 4 || got.LSN == nil {
		t.Errorf("%d changed: %+v", lost, got)
	}
	for args, want := range map[string]string{
		`{"index":"support-tickets","filter":{},"set_metadata":{"a":1}}`:                 "every record",
		`{"index":"support-tickets","filter":{"a":1},"set_metadata":{}}`:                 "set_metadata is empty",
		`{"index":"support-tickets","filter":{"a":{"$foo":1}},"set_metadata":{"a":1}}`:   "not a valid operator",
		`{"index":"support-tickets","filter":{"a":1},"set_metadata":{"chunk_text":"x"}}`: "old vectors",
	} {
		_, err := w.call("pinecone_update_by_metadata", args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestDeleteIsNeverEverything(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double, toolstest.Answers())
	before := double.Snapshot()
	for args, want := range map[string]string{
		`{"index":"product-images","namespace":"__default__"}`:                               "pinecone_delete_namespace",
		`{"index":"product-images","namespace":"__default__","filter":{}}`:                   "not empty",
		`{"index":"product-images","namespace":"__default__","ids":["a"],"filter":{"a":1}}`:  "not both",
		`{"index":"product-images","namespace":"__default__","filter":{"price":{"$gtt":1}}}`: "Did you mean $gt?",
	} {
		_, err := w.call("pinecone_delete_records", args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	for tool, args := range map[string]string{
		"pinecone_delete_namespace": `{"index":"product-images","namespace":"season-2024","confirm":"yes"}`,
		"pinecone_delete_index":     `{"index":"product-images","confirm":"true"}`,
	} {
		_, err := w.call(tool, args)
		if f := toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments || !strings.Contains(f.Message, "confirm") {
			t.Errorf("%s: %v", tool, err)
		}
	}
	if added, lost := changes(before, double.Snapshot()); added+lost > 0 {
		t.Error("something was deleted")
	}
	got := must[DeletedRecords](w, "pinecone_delete_records", `{"index":"product-images","namespace":"__default__","filter":{"colour":"brown"}}`)
	if _, lost := changes(before, double.Snapshot()); lost != 2 || got.LSN == nil || !strings.Contains(got.Text(), "match the filter") {
		t.Errorf("%d gone: %+v", lost, got)
	}
}
