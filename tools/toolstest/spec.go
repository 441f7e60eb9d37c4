package toolstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Description is a vendor's official API description, against which requests
// and answers are checked. It is safe for concurrent use.
type Description struct {
	name   string
	doc    *openapi3.T
	router routers.Router
}

// loaded holds each description once a test binary: they are large.
var loaded sync.Map // rel → func() (*Description, error)

// Spec loads an OpenAPI 3 file, JSON or YAML, from the folder of vendors'
// descriptions that stands beside the repository (../shared/specs), e.g.
// "slack/slack-openapi3-from-docs-2026-08-20.json". The descriptions belong to
// their vendors and are not part of the repository: where the folder is missing
// the test is skipped and says so. Servers and security requirements of the
// description are ignored.
func Spec(t testing.TB, rel string) *Description {
	t.Helper()
	d := TrySpec(t, rel)
	if d == nil {
		t.Skipf("SKIPPED: it needs the official description %s", rel)
	}
	return d
}

// TrySpec is Spec for tests of behaviour, which are worth running without the
// descriptions too: where the file is missing it says so and returns nil, whose
// Guard lets everything through.
func TrySpec(t testing.TB, rel string) *Description {
	t.Helper()
	file := filepath.Join(repositoryRoot(t), "..", "shared", "specs", filepath.FromSlash(rel))
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		t.Logf("REQUESTS NOT CHECKED: the official description %s is not there; put it into ../shared/specs beside the repository", rel)
		return nil
	}
	load, _ := loaded.LoadOrStore(file, sync.OnceValues(func() (*Description, error) { return read(file, nil) }))
	d, err := load.(func() (*Description, error))()
	if err != nil {
		t.Fatalf("read the description %s: %v", rel, err)
	}
	return d
}

// Adjusted is TrySpec with a description that is older than the API: change brings the
// loaded one, which is the caller's own, up to date.
func Adjusted(t testing.TB, rel string, change func(doc *openapi3.T)) *Description {
	t.Helper()
	if TrySpec(t, rel) == nil {
		return nil
	}
	d, err := read(filepath.Join(repositoryRoot(t), "..", "shared", "specs", filepath.FromSlash(rel)), change)
	if err != nil {
		t.Fatalf("read the description %s: %v", rel, err)
	}
	return d
}

func read(file string, change func(doc *openapi3.T)) (*Description, error) {
	doc, err := document(file)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(doc)
	}
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
		for _, op := range item.Operations() {
			op.Servers, op.Security = nil, openapi3.NewSecurityRequirements()
			untyped(op)
		}
	}
	doc.Security = nil
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, err
	}
	return &Description{name: filepath.Base(file), doc: doc, router: router}, nil
}

// untyped lets form fields without a type be texts: the validator reads them as
// null and then refuses null.
func untyped(op *openapi3.Operation) {
	if op.RequestBody == nil || op.RequestBody.Value == nil {
		return
	}
	media := op.RequestBody.Value.Content.Get("application/x-www-form-urlencoded")
	if media == nil || media.Schema == nil || media.Schema.Value == nil {
		return
	}
	for _, p := range media.Schema.Value.Properties {
		if p.Value != nil && p.Value.Type == nil {
			p.Value.Nullable = true
		}
	}
}

func repositoryRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

// Extension lists the texts of an extension of an operation, such as
// "x-slack-errors" of POST /api/chat.postMessage.
func (d *Description) Extension(method, path, name string) []string {
	item := d.doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return nil
	}
	list, _ := item.GetOperation(method).Extensions[name].([]any)
	var texts []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// Option changes what Guard checks.
type Option func(*guard)

// Answers has the double's answers checked too, where the description has a
// schema for their status.
func Answers() Option { return func(g *guard) { g.answers = true } }

// Extra lets requests carry query parameters and body properties of these names
// though the description does not know them. A nested property is named by its
// path: "a.b", without the indexes of arrays.
func Extra(names ...string) Option {
	return func(g *guard) {
		for _, n := range names {
			g.extra[n] = true
		}
	}
}

type guard struct {
	t       testing.TB
	desc    *Description
	prefix  string
	next    http.Handler
	answers bool
	extra   map[string]bool
}

// Guard checks each request against the description before next sees it, and
// fails the test with what does not fit: path, method, parameters, headers,
// content type and body, and, since descriptions leave objects open, query
// parameters and body properties that the description does not name. prefix is
// cut from the request's path before it is looked up. Requests reach next in any
// case.
func (d *Description) Guard(t testing.TB, prefix string, next http.Handler, options ...Option) http.Handler {
	if d == nil {
		return next
	}
	g := &guard{t: t, desc: d, prefix: prefix, next: next, extra: map[string]bool{}}
	for _, o := range options {
		o(g)
	}
	return g
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Errorf("read the request %s %s: %v", r.Method, r.URL.Path, err)
		return
	}
	input, problems := g.desc.check(r, g.prefix, body, g.extra)
	for _, p := range problems {
		g.t.Errorf("%s: %s %s: %s", g.desc.name, r.Method, r.URL.Path, p)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !g.answers || input == nil {
		g.next.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	g.next.ServeHTTP(rec, r)
	if err := checkAnswer(r, input, rec); err != nil {
		g.t.Errorf("%s: answer to %s %s: %s", g.desc.name, r.Method, r.URL.Path, oneLine(err))
	}
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// check returns what does not fit, one text a problem.
func (d *Description) check(r *http.Request, prefix string, body []byte, extra map[string]bool) (*openapi3filter.RequestValidationInput, []string) {
	cl := r.Clone(r.Context())
	cl.URL.Path = strings.TrimPrefix(cl.URL.Path, prefix)
	cl.URL.RawPath = strings.TrimPrefix(cl.URL.RawPath, prefix)
	cl.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := d.router.FindRoute(cl)
	if err != nil {
		return nil, []string{"the description has no such operation: " + err.Error()}
	}
	input := &openapi3filter.RequestValidationInput{
		Request: cl, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			MultiError: true, SkipSettingDefaults: true, RejectWhenRequestBodyNotSpecified: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	var problems []string
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		var many openapi3.MultiError
		if errors.As(err, &many) {
			for _, e := range many {
				problems = append(problems, oneLine(e))
			}
		} else {
			problems = append(problems, oneLine(err))
		}
	}
	problems = append(problems, unknownParameters(cl, route, extra)...)
	problems = append(problems, unknownProperties(cl, route.Operation, body, extra)...)
	return input, problems
}

func checkAnswer(r *http.Request, input *openapi3filter.RequestValidationInput, rec *httptest.ResponseRecorder) error {
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: rec.Code, Header: rec.Header(),
		Options: &openapi3filter.Options{MultiError: true},
	}
	resp := input.Route.Operation.Responses.Status(rec.Code)
	if resp == nil || resp.Value == nil || len(resp.Value.Content) == 0 {
		return nil
	}
	out.SetBodyBytes(rec.Body.Bytes())
	return openapi3filter.ValidateResponse(r.Context(), out)
}

// oneLine shortens what the validator says: it likes to quote whole schemas.
func oneLine(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\nSchema:")
	return strings.Join(strings.Fields(fmt.Sprintf("%.600s", s)), " ")
}
