package pinecone

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
)

// Whatever an index answers, each tool ends with one typed error or an answer that
// is bounded, and never with a panic.
func TestHostileAnswers(t *testing.T) {
	var body string
	kind := `"dimension":8,"metric":"cosine","vector_type":"dense"`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/indexes/") {
			_, _ = fmt.Fprintf(w, `{"name":"x","host":%q,"status":{"ready":true,"state":"Ready"},"spec":{},%s}`, r.Host, kind)
			return
		}
		_, _ = io.WriteString(w, body)
	}))
	defer s.Close()
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat(`"x",`, 50_000)
	bodies := []string{
		``, `null`, `7`, `"x"`, `[]`, `{}`, `<html>`, `{"matches":null,"vectors":null,"documents":null,"data":null,"result":null}`,
		`{"matches":[{}],"vectors":{"":{}},"documents":{"":{}},"data":[{}],"result":{"hits":[{}]},"models":[{}],"namespaces":{"":{}},"indexes":[{}]}`,
		`{"vectors":[{"id":"a"}],"documents":[{"_id":"a"}],"namespaces":[{"name":""}],"pagination":{"next":"` + strings.Repeat("n", 5000) + `"}}`,
		`{"data":[{"index":99,"score":1},{"index":-1,"score":1}],"matches":[{"id":7}],"result":{"hits":[{"_id":7}]}}`,
		`{"data":[{"index":0,"score":1e999}]}`,
		`{"result":{"hits":[{"_id":"a","_score":"high","fields":[]}]},"vectors":{"a":{"metadata":{"a":[` + long + `"x"]}}}}`,
		`{"status":{"ready":false},"name":"` + strings.Repeat("n", 3000) + `","tags":{"` + strings.Repeat("k", 3000) + `":"\u202e"},"embed":{"model":"` + strings.Repeat("m", 3000) + `"}}`,
		strings.Repeat(`{"matches":[`, 5000), strings.Repeat("[", 100_000),
	}
	for _, kind = range []string{
		`"dimension":8,"metric":"cosine","vector_type":"dense"`,
		`"embed":{"model":"m","field_map":{"text":"chunk_text"}},"dimension":384,"metric":"cosine","vector_type":"dense"`,
		`"schema":{"fields":{"title":{"type":"string","full_text_search":{}},"body":{"type":"string","full_text_search":{}}}}`,
	} {
		for _, body = range bodies {
			for _, file := range all {
				if file.Service != name {
					continue
				}
				w := &world{t: t, svc: newService(time.Now, atOnce), url: s.URL, key: "k"}
				out, err := w.call(file.Name, string(file.Example))
				var f *fault.Error
				switch {
				case err != nil && !errors.As(err, &f):
					t.Errorf("%s, %.60s: an untyped error: %v", file.Name, body, err)
				case err != nil:
					toolstest.Harmless(t, f, 2000)
				default:
					raw, _ := json.Marshal(out)
					if text := out.(tools.Texter).Text(); len(raw) > 75_000 || len(text) > 75_000 {
						t.Errorf("%s, %.60s: %d bytes, text %d", file.Name, body, len(raw), len(text))
					}
				}
			}
		}
	}
}

func TestADocumentThatWasNotSentIsNotRanked(t *testing.T) {
	for _, index := range []int{-1, 2, 1 << 30} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"model":"m","data":[{"index":%d,"score":1}],"usage":{}}`, index)
		}))
		w := &world{t: t, svc: newService(time.Now, atOnce), url: s.URL, key: "k"}
		_, err := w.call("pinecone_rerank", `{"query":"x","documents":["a","b"]}`)
		if f := toolstest.FaultOf(t, err); f.Kind != fault.UpstreamError {
			t.Errorf("%d: %v", index, err)
		}
		s.Close()
	}
}
