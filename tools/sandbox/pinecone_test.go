package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools/sandbox/double"
)

// pineAsk sends one request to a double, in a version of the API.
func pineAsk(d *double.Double, version, method, path, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Api-Key", d.Secret)
	r.Header.Set("X-Pinecone-Api-Version", version)
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

func TestPineconeIndexesKeepToTheirAPI(t *testing.T) {
	d := NewPinecone()
	for _, c := range []struct {
		name, version, method, path, body string
		status                            int
		says                              string
	}{
		{"no version", "", "GET", "/indexes", "", 422, "X-Pinecone-Api-Version"},
		{"an unknown version", "1999-01", "GET", "/indexes", "", 422, "X-Pinecone-Api-Version"},
		{"the older shape", pineconeVersion, "GET", "/indexes/product-images", "", 200, `"vector_type":"dense"`},
		{"the newer shape", pineconeDocuments, "GET", "/indexes/product-images", "", 200, `"_values":{"type":"dense_vector"`},
		{"a schema", pineconeDocuments, "GET", "/indexes/help-articles", "", 200, `"title":{"type":"string"`},
		{"a model", pineconeDocuments, "GET", "/indexes/faq", "", 200, `"type":"semantic_text"`},
		{"documents in the older", pineconeVersion, "POST", "/i/help-articles/namespaces/__default__/documents/list", `{}`, 404, "404"},
		{"documents in the newer", pineconeDocuments, "POST", "/i/help-articles/namespaces/__default__/documents/list", `{}`, 200, "art-1"},
		{"documents of vectors", pineconeDocuments, "POST", "/i/faq/namespaces/__default__/documents/list", `{}`, 400, "vector operations"},
		{"vectors of documents", pineconeVersion, "GET", "/i/help-articles/vectors/list", "", 400, "Documents API"},
		{"records of vectors", pineconeVersion, "POST", "/i/product-images/records/namespaces/n/search", `{}`, 400, "Integrated inference"},
		{"an index that is not there", pineconeVersion, "GET", "/i/nope/vectors/list", "", 404, "404"},
		{"an index that is not ready", pineconeVersion, "GET", "/i/product-docs/vectors/list", "", 404, "404"},
		{"all in vain", pineconeVersion, "POST", "/i/faq/vectors/delete", `{"ids":["a"],"deleteAll":true}`, 400, "Exactly one"},
		{"everything", pineconeVersion, "POST", "/i/faq/vectors/delete", `{"deleteAll":true}`, 200, "{}"},
		{"is gone", pineconeVersion, "GET", "/i/faq/vectors/list", "", 200, `"vectors":[]`},
		{"protected", pineconeVersion, "DELETE", "/indexes/support-tickets", "", 403, "Deletion protection"},
		{"not protected", pineconeVersion, "DELETE", "/indexes/faq", "", 202, ""},
		{"so it is gone", pineconeVersion, "GET", "/i/faq/vectors/list", "", 404, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := pineAsk(d, c.version, c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %.300s", status, body)
			}
		})
	}
}

func TestPineconeIsTheSameEachTime(t *testing.T) {
	a, b := NewPinecone(), NewPinecone()
	first, second := a.Snapshot(), b.Snapshot()
	if len(first) != len(second) || len(first) < 30 {
		t.Errorf("%d and %d things", len(first), len(second))
	}
	for k, v := range first {
		if second[k] != v {
			t.Errorf("%s: %.80s, then %.80s", k, v, second[k])
		}
	}
	_, one := pineAsk(a, pineconeVersion, "POST", "/embed", `{"model":"llama-text-embed-v2","inputs":[{"text":"a text"}],"parameters":{"input_type":"query"}}`)
	_, two := pineAsk(b, pineconeVersion, "POST", "/embed", `{"model":"llama-text-embed-v2","inputs":[{"text":"a text"}],"parameters":{"input_type":"query"}}`)
	if one != two || !strings.Contains(one, `"values":[`) {
		t.Errorf("%.100s, then %.100s", one, two)
	}
}

func TestPineconeLagIsPerNamespace(t *testing.T) {
	d := NewPinecone(PineconeLag(1))
	upsert := func(ns string) {
		if status, body := pineAsk(d, pineconeVersion, "POST", "/i/product-images/vectors/upsert", fmt.Sprintf(`{"namespace":%q,"vectors":[{"id":"new","values":[1,0,0,0,0,0,0,0]}]}`, ns)); status != 200 {
			t.Fatal(body)
		}
	}
	there := func(ns string) bool {
		_, body := pineAsk(d, pineconeVersion, "GET", "/i/product-images/vectors/fetch?ids=new&namespace="+ns, "")
		var answer struct {
			Vectors map[string]json.RawMessage `json:"vectors"`
		}
		if json.Unmarshal([]byte(body), &answer) != nil {
			t.Fatal(body)
		}
		return len(answer.Vectors) == 1
	}
	upsert("a")
	upsert("b")
	if got := []bool{there("a"), there("a"), there("b"), there("b")}; got[0] || !got[1] || got[2] || !got[3] {
		t.Errorf("seen: %v", got)
	}
}

func TestPineconeDescribed(t *testing.T) {
	for path, want := range map[string]string{
		"/indexes":          "pinecone/db_control_2026-04.oas.yaml /indexes",
		"/models":           "pinecone/inference_2026-04.oas.yaml /models",
		"/i/faq/query":      "pinecone/db_data_2026-04.oas.yaml /query",
		"/namespaces/i%2Fx": "pinecone/db_data_2026-04.oas.yaml /namespaces/i/x",
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if file, below := PineconeDescribed(r); file+" "+below != want {
			t.Errorf("%s: %s %s", path, file, below)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/i/help-articles/namespaces/n/documents/search", nil)
	r.Header.Set("X-Pinecone-Api-Version", pineconeDocuments)
	if file, _ := PineconeDescribed(r); file != "" {
		t.Errorf("documents: %s", file)
	}
}
