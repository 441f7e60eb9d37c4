package notion

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"toolvault/tools"
	"toolvault/tools/sandbox/double"
	fake "toolvault/tools/sandbox/notion"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// morning is when the tests are: the day after what the double holds.
var morning = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func clock() time.Time { return morning }

// world is the service in front of some handler.
type world struct {
	t   *testing.T
	svc tools.Service
	url string
	key string
}

// sandboxed is the service at a double, every request held against the vendor's
// description, and the double itself.
func sandboxed(t *testing.T) (*world, *double.Double) {
	t.Helper()
	d := fake.New(clock)
	w := against(t, official(t, d))
	w.key = d.Secret
	return w, d
}

// against serves a handler.
func against(t *testing.T, h http.Handler) *world {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &world{t: t, svc: newService(clock), url: s.URL + "/v1", key: "ntn_x"}
}

// official holds requests against the description. That is of the version
// 2025-09-03, with the Markdown of pages as it was before markdown_version; what the
// newer version and the vendor's SDK (5.26) want is added to it here:
//
//   - markdown_version of pages, of their text and of comments (guide "Migrate to
//     Notion-flavored Markdown"), and markdown of pages and comments,
//   - properties of a page beside markdown; is_locked; the type of an icon,
//   - of a comment: discussion_id in place of parent, and markdown in place of rich_text,
//   - a data source as the parent of a page, new or moved, where it knows databases,
//   - sorts by timestamp.
func official(t *testing.T, next http.Handler) http.Handler {
	t.Helper()
	described.Do(func() { described.desc = describe(t) })
	guarded := described.desc.Guard(t, "", next, toolstest.Answers())
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
		var body struct {
			Markdown string `json:"markdown"`
			Version  string `json:"markdown_version"`
		}
		_ = json.Unmarshal(b, &body) // what is no JSON the description refuses
		at := r.URL.Query().Get("markdown_version") + body.Version
		if wants := strings.HasSuffix(r.URL.Path, "/markdown") || body.Markdown != ""; wants != (at == "v2") {
			t.Errorf("%s %s: markdown_version is %q", r.Method, r.URL.Path, at)
		}
		guarded.ServeHTTP(rw, r)
	})
}

// described is the description, read once.
var described struct {
	sync.Once
	desc *toolstest.Description
}

func describe(t *testing.T) *toolstest.Description {
	text := func() *openapi3.SchemaRef { return openapi3.NewStringSchema().NewRef() }
	return toolstest.Adjusted(t, "notion/notion-openapi.json", func(doc *openapi3.T) {
		body := func(path, method string) *openapi3.Schema {
			return doc.Paths.Value(path).GetOperation(method).RequestBody.Value.Content.Get("application/json").Schema.Value
		}
		icon := openapi3.NewObjectSchema().WithProperty("type", openapi3.NewStringSchema()).WithProperty("emoji", openapi3.NewStringSchema())
		create := body("/v1/pages", http.MethodPost)
		create.Properties["markdown"], create.Properties["markdown_version"], create.Properties["icon"] = text(), text(), icon.NewRef()
		update := body("/v1/pages/{page_id}", http.MethodPatch)
		update.Properties["is_locked"], update.Properties["icon"] = openapi3.NewBoolSchema().NewRef(), icon.NewRef()
		body("/v1/pages/{page_id}/markdown", http.MethodPatch).Properties["markdown_version"] = text()
		read := doc.Paths.Value("/v1/pages/{page_id}/markdown").Get
		read.Parameters = append(read.Parameters, &openapi3.ParameterRef{Value: openapi3.NewQueryParameter("markdown_version").WithSchema(openapi3.NewStringSchema())})
		comment := body("/v1/comments", http.MethodPost)
		comment.Required = nil
		comment.Properties["markdown"], comment.Properties["markdown_version"], comment.Properties["discussion_id"] = text(), text(), text()
		comment.Properties["parent"].Value.Properties["type"] = text()
		place := openapi3.NewObjectSchema().WithProperty("type", openapi3.NewStringSchema()).WithProperty("page_id", openapi3.NewUUIDSchema()).WithProperty("data_source_id", openapi3.NewUUIDSchema())
		create.Properties["parent"] = place.NewRef()
		body("/v1/pages/{page_id}/move", http.MethodPost).Properties["parent"] = place.NewRef()
		sort := openapi3.NewObjectSchema().WithProperty("property", openapi3.NewStringSchema()).WithProperty("timestamp", openapi3.NewStringSchema()).WithProperty("direction", openapi3.NewStringSchema())
		body("/v1/data_sources/{data_source_id}/query", http.MethodPost).Properties["sorts"].Value.Items = sort.NewRef()
	})
}

func (w *world) client() *upstream.Client {
	return toolstest.Client(w.svc.Endpoint, w.url, toolstest.Static{Scheme: w.svc.Auth[vault.TypeServiceToken], Secret: w.key})
}

func (w *world) call(name, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, w.client(), name, args)
}

// must is call where nothing may fail.
func must[Out any](w *world, name, args string) Out {
	w.t.Helper()
	out, err := w.call(name, args)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return out.(Out)
}
