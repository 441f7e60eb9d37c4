package pinecone

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

func TestIndexesComeAndGo(t *testing.T) {
	w := sandboxed(t)
	const args = `{"name":"meeting-notes","dimension":4,"metric":"dotproduct","protect":false,"tags":{"team":"sales"}}`
	made := must[CreatedIndex](w, "pinecone_create_index", args)
	if !made.Created || made.State != "Ready" || made.Protected || made.Dimension != 4 || made.Metric != "dotproduct" || made.Tags["team"] != "sales" {
		t.Errorf("made %+v", made)
	}
	if again := must[CreatedIndex](w, "pinecone_create_index", args); again.Created || !strings.Contains(again.Text(), "was there already") {
		t.Errorf("again: %+v", again)
	}
	_, err := w.call("pinecone_create_index", `{"name":"meeting-notes","model":"llama-text-embed-v2"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.Conflict || !strings.Contains(f.Message, "made differently") {
		t.Errorf("another of the name: %v", err)
	}
	must[Upserted](w, "pinecone_upsert_vectors", `{"index":"meeting-notes","namespace":"__default__","vectors":[{"id":"1","values":[1,2,3,4],"sparse":{"7":0.5}}]}`)
	must[Description](w, "pinecone_configure_index", `{"index":"meeting-notes","protect":true,"tags":{"team":"","kind":"notes"}}`)
	_, err = w.call("pinecone_delete_index", `{"index":"meeting-notes","confirm":"meeting-notes"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.NotPermitted || !strings.Contains(f.Message, "pinecone_configure_index") {
		t.Errorf("protected: %v", err)
	}
	d := must[Description](w, "pinecone_configure_index", `{"index":"meeting-notes","protect":false}`)
	if d.Protected || d.Tags["kind"] != "notes" || len(d.Tags) != 1 {
		t.Errorf("configured: %+v", d)
	}
	must[DeletedIndex](w, "pinecone_delete_index", `{"index":"meeting-notes","confirm":"meeting-notes"}`)
	_, err = w.call("pinecone_query_vectors", `{"index":"meeting-notes","vector":[1,2,3,4]}`) // its host is forgotten
	if f := toolstest.FaultOf(t, err); f.Kind != fault.NotFound {
		t.Errorf("deleted: %v", err)
	}
	sparse := must[CreatedIndex](w, "pinecone_create_index", `{"name":"words","vector_type":"sparse"}`)
	if sparse.VectorType != "sparse" || sparse.Metric != "dotproduct" || sparse.Dimension != 0 {
		t.Errorf("sparse: %+v", sparse)
	}
	for args, want := range map[string]string{
		`{"name":"x"}`:                                                       "Give model",
		`{"name":"-x","dimension":3}`:                                        "begin and end",
		`{"name":"x","model":"llama-text-embed"}`:                            `Did you mean "llama-text-embed-v2"?`,
		`{"name":"x","model":"multilingual-e5-large","dimension":7}`:         "does not support dimension 7",
		`{"name":"x","vector_type":"sparse","dimension":3}`:                  "no dimension",
		`{"name":"x","vector_type":"sparse","metric":"cosine"}`:              "dotproduct",
		`{"name":"x","model":"multilingual-e5-large","vector_type":"dense"}`: "Leave vector_type out",
		`{"name":"X","dimension":3}`:                                         "must match",
		`{"index":"faq"}`:                                                    "missing name",
	} {
		_, err := w.call("pinecone_create_index", args)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := w.call("pinecone_configure_index", `{"index":"faq"}`); toolstest.FaultOf(t, err).Kind != fault.InvalidArguments {
		t.Errorf("nothing to configure: %v", err)
	}
}

// An index that is slow to come is made all the same.
func TestAnIndexThatIsNotReadyInTime(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/indexes/slow" {
			r.URL.Path = "/indexes/product-docs" // never ready
		}
		double.ServeHTTP(rw, r)
	}))
	got := must[CreatedIndex](w, "pinecone_create_index", `{"name":"slow","dimension":3}`)
	if !got.Created || got.State != "Initializing" || !strings.Contains(got.Text(), "not ready yet") {
		t.Errorf("got %+v", got)
	}
}

func TestNamespacesComeAndGo(t *testing.T) {
	w := sandboxed(t)
	const args = `{"index":"faq","name":"de"}`
	if got := must[CreatedNamespace](w, "pinecone_create_namespace", args); !got.Created {
		t.Errorf("got %+v", got)
	}
	if got := must[CreatedNamespace](w, "pinecone_create_namespace", args); got.Created || !strings.Contains(got.Text(), "already") {
		t.Errorf("again: %+v", got)
	}
	got := must[DeletedNamespace](w, "pinecone_delete_namespace", `{"index":"faq","namespace":"__default__","confirm":"__default__"}`)
	if got.Records != 3 {
		t.Errorf("got %+v", got)
	}
}

func TestModels(t *testing.T) {
	w := sandboxed(t)
	all := must[Models](w, "pinecone_list_models", `{"limit":4}`)
	rest := must[Models](w, "pinecone_list_models", fmt.Sprintf(`{"limit":4,"cursor":%q}`, all.Next))
	if all.Total != 6 || len(all.Models) != 4 || len(rest.Models) != 2 || rest.Next != "" {
		t.Errorf("pages: %+v, %+v", all, rest)
	}
	e := must[Models](w, "pinecone_list_models", `{"type":"embed"}`).Models[0]
	if e.MaxBatch != 96 || e.Dimension != 1024 || e.Parameters[0] != "input_type (required): query, passage" {
		t.Errorf("got %+v", e)
	}
	text := Models{Models: []Model{e}}.Text()
	for _, part := range []string{"1024 dimensions (or 384,", "cosine", "at most 96 inputs", "input_type (required): query, passage"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
	emb := must[Embeddings](w, "pinecone_embed", `{"model":"multilingual-e5-large","inputs":["CSV export","Zeppelin"]}`)
	if len(emb.Embeddings) != 2 || len(emb.Embeddings[1].Values) != 1024 || emb.Tokens != 3 || len(emb.Text()) > 300 {
		t.Errorf("got %d: %s", len(emb.Embeddings), emb.Text())
	}
	if emb := must[Embeddings](w, "pinecone_embed", `{"model":"multilingual-e5-large","inputs":["a"],"include_values":false}`); emb.Embeddings[0].Values != nil || emb.Embeddings[0].Dimension != 1024 {
		t.Errorf("without values: %+v", emb)
	}
	if emb := must[Embeddings](w, "pinecone_embed", `{"model":"pinecone-sparse-english-v0","inputs":["export export"]}`); len(emb.Embeddings[0].Sparse) != 1 {
		t.Errorf("sparse: %+v", emb)
	}
	var texts []string
	for i := range 20 {
		texts = append(texts, fmt.Sprintf(`"text %d"`, i))
	}
	emb = must[Embeddings](w, "pinecone_embed", `{"model":"multilingual-e5-large","inputs":[`+strings.Join(texts, ",")+`]}`)
	if raw, _ := json.Marshal(emb); len(emb.Dropped) == 0 || len(emb.Embeddings)+len(emb.Dropped) != 20 || len(raw) > 70_000 {
		t.Errorf("%d and %d dropped, %d bytes", len(emb.Embeddings), len(emb.Dropped), len(raw))
	}
	r := must[Ranking](w, "pinecone_rerank", `{"query":"who pays VAT","documents":[{"body":"nothing"},{"body":"VAT is paid by whom","n":3}],"fields":["body"]}`)
	if r.Results[0].Index != 1 || r.Results[0].Document["n"] != json.Number("3") || len(r.Results) != 2 {
		t.Errorf("got %+v", r)
	}
	for _, c := range []struct{ tool, args, want string }{
		{"embed", `{"model":"nope","inputs":["a"]}`, "There are: "},
		{"embed", `{"model":"multilingual-e5-large","inputs":[]}`, "inputs is empty"},
		{"embed", `{"model":"bge-reranker-v2-m3","inputs":["a"]}`, "not found"},
		{"rerank", `{"query":"x","documents":[]}`, "documents is empty"},
		{"rerank", `{"query":"x","documents":[{"a":"b"}]}`, `no text in the field "text"`},
		{"rerank", `{"query":"x","documents":["a"],"model":"bge-reranker-v2-m4"}`, `Did you mean "bge-reranker-v2-m3"?`},
		{"rerank", `{"query":"x","documents":[{"a":"b","c":"d"}],"fields":["a","c"]}`, "only one rank field"},
		{"search_records", `{"index":"faq","text":"x","rerank":{"model":"bge"}}`, "There are: "},
	} {
		_, err := w.call("pinecone_"+c.tool, c.args)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.tool, c.args, err)
		}
	}
}

// Somebody else makes an index anew, of another kind: what is remembered of it does
// not keep calls from the new one, nor says anything wrong of it.
func TestAnIndexThatWasMadeAnew(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double)
	behind := func(method, path, body string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Api-Key", double.Secret)
		r.Header.Set(versionHeader, apiVersion)
		rec := httptest.NewRecorder()
		double.ServeHTTP(rec, r)
		if rec.Code >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
	}
	must[Neighbours](w, "pinecone_query_vectors", `{"index":"product-images","id":"img-lamp-1"}`)
	must[Hits](w, "pinecone_search_records", `{"index":"faq","text":"export"}`)
	for _, name := range []string{"product-images", "faq"} {
		behind("DELETE", "/indexes/"+name, "")
		behind("POST", "/indexes", fmt.Sprintf(`{"name":%q,"dimension":3,"metric":"cosine","vector_type":"dense","spec":{"serverless":{"cloud":"aws","region":"eu-west-1"}}}`, name))
		behind("GET", "/indexes/"+name, "") // it is ready
	}
	must[Upserted](w, "pinecone_upsert_vectors", `{"index":"product-images","namespace":"n","vectors":[{"id":"1","values":[1,2,3]}]}`)
	if got := must[Neighbours](w, "pinecone_query_vectors", `{"index":"product-images","namespace":"n","vector":[1,2,3]}`); len(got.Hits) != 1 {
		t.Errorf("got %+v", got)
	}
	must[Upserted](w, "pinecone_upsert_vectors", `{"index":"faq","namespace":"n","vectors":[{"id":"1","values":[1,2,3]}]}`)
	_, err := w.call("pinecone_query_vectors", `{"index":"product-images","vector":[1,2,3,4,5,6,7,8]}`)
	if f := toolstest.FaultOf(t, err); !strings.Contains(f.Message, "has 3 dimensions") {
		t.Errorf("got %v", err)
	}
}
