package weaviate

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools/fault"
	sandbox "toolvault/tools/sandbox/weaviate"
)

// raw is a request beside the tools, and what the server says to it: what the tools
// are careful about, and the double has to have as well.
type raw struct {
	name, method, path, body string
	status                   int
	says                     string // "": there is no body
}

var quirks = []raw{
	{"make a class", "POST", "/v1/schema", `{"class":"SuiteQuirk","vectorizer":"none","properties":[{"name":"title","dataType":["text"]},{"name":"tags","dataType":["text[]"]},{"name":"views","dataType":["int"]},{"name":"meta","dataType":["object"],"nestedProperties":[{"name":"lang","dataType":["text"]}]}]}`, 200, `"SuiteQuirk"`},
	{"a small letter leads to the class", "GET", "/v1/schema/suiteQuirk", "", 200, `"class":"SuiteQuirk"`},
	{"an object", "POST", "/v1/objects", `{"class":"SuiteQuirk","id":"` + suiteID(1) + `","properties":{"title":"one","tags":["a","b"],"views":1,"meta":{"lang":"en"}}}`, 200, `"one"`},
	{"its id again", "POST", "/v1/objects", `{"class":"SuiteQuirk","id":"` + suiteID(1) + `","properties":{}}`, 422, "already exists"},
	{"auto-schema makes a property", "POST", "/v1/objects", `{"class":"SuiteQuirk","properties":{"titel":"x"}}`, 200, "titel"},
	{"it is there", "GET", "/v1/schema/SuiteQuirk", "", 200, `"titel"`},
	{"auto-schema makes a class", "POST", "/v1/batch/objects", `{"objects":[{"class":"SuiteQuirc","properties":{"title":"x"}}]}`, 200, "SUCCESS"},
	{"that is there too", "GET", "/v1/schema/SuiteQuirc", "", 200, "auto-schema"},
	{"delete it", "DELETE", "/v1/schema/SuiteQuirc", "", 200, ""},
	{"and again", "DELETE", "/v1/schema/SuiteQuirc", "", 200, ""},
	{"a bad id in a path", "GET", "/v1/objects/SuiteQuirk/x", "", 422, `"code":601`},
	{"a bad id in a batch spoils it all", "POST", "/v1/batch/objects", `{"objects":[{"class":"SuiteQuirk","id":"x","properties":{}}]}`, 422, "body.objects.0.id in body must be of type uuid"},
	{"an empty batch", "POST", "/v1/batch/objects", `{"objects":[]}`, 422, "at least one object"},
	{"a batch delete without a filter", "DELETE", "/v1/batch/objects", `{"match":{"class":"SuiteQuirk"}}`, 422, "empty match.where"},
	{"a filter of another type", "DELETE", "/v1/batch/objects", `{"match":{"class":"SuiteQuirk","where":{"operator":"Equal","path":["views"],"valueText":"1"}},"dryRun":true}`, 422, `use \"valueInt\" instead`},
	{"an unknown path", "GET", "/v1/nothing", "", 404, "was not found"},
	{"REST search is off", "POST", "/v1/search/SuiteQuirk/bm25", `{"query":"x"}`, 422, "experimental and not enabled"},

	{"a variable of the type Int", "POST", "/v1/graphql", `{"query":"query($n:Int!){Get{SuiteQuirk(limit:$n){title}}}","variables":{"n":1}}`, 200, "int64, not int"},
	{"a list of variables", "POST", "/v1/graphql", `{"query":"query($a:TextGetObjectsSuiteQuirk){Get{SuiteQuirk(where:{operator:ContainsAny,path:[\"tags\"],valueText:[$a]}){title}}}","variables":{"a":"a"}}`, 200, ""}, // it panics within, and answers nothing
	{"a variable of another type", "POST", "/v1/graphql", `{"query":"query($a:String){Get{SuiteQuirk(where:{operator:Equal,path:[\"title\"],valueText:$a}){title}}}","variables":{"a":"a"}}`, 200, `expecting type \"TextGetObjectsSuiteQuirk\"`},
	{"an unused variable", "POST", "/v1/graphql", `{"query":"query($a:String){Get{SuiteQuirk{title}}}","variables":{"a":"a"}}`, 200, "never used"},
	{"an undefined variable", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(bm25:{query:$q}){title}}}"}`, 200, "not defined"},
	{"an unknown class", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuark{title}}}"}`, 200, `Cannot query field \"SuiteQuark\" on type \"GetObjectsObj\"`},
	{"an unknown field", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk{titl}}}"}`, 200, `Cannot query field \"titl\" on type \"SuiteQuirk\"`},
	{"an unknown figure", "POST", "/v1/graphql", `{"query":"{Aggregate{SuiteQuirk{title{mean}}}}"}`, 200, `Cannot query field \"mean\" on type \"AggregateSuiteQuirktitleObj\"`},
	{"an object without its fields", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk{meta}}}"}`, 200, "must have a sub selection"},
	{"a text with fields", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk{title{x}}}}"}`, 200, "must not have a sub selection"},
	{"half a query", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk{title"}`, 200, "Syntax Error GraphQL request"},
	{"tenant where there are none", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(tenant:\"x\"){title}}}"}`, 200, `Unknown argument \"tenant\"`},
	{"near text without a vectorizer", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(nearText:{concepts:[\"x\"]}){title}}}"}`, 200, `Unknown argument \"nearText\"`},
	{"hybrid by words alone needs no vectorizer", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(hybrid:{query:\"one\",alpha:0}){title}}}"}`, 200, `"title":"one"`},
	{"hybrid without a vectorizer", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(hybrid:{query:\"one\"}){title}}}"}`, 200, "called without vectorizer on class SuiteQuirk"},
	{"beyond ten thousand", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(limit:10000,offset:1){title}}}"}`, 200, "query maximum results exceeded"},
	{"groups of an unknown property", "POST", "/v1/graphql", `{"query":"{Aggregate{SuiteQuirk(groupBy:[\"nothing\"]){meta{count}}}}"}`, 200, `"SuiteQuirk":[]`},
	{"sort by an unknown property", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(sort:[{path:[\"nothing\"],order:asc}]){title}}}"}`, 200, "no such prop"},
	{"an empty keyword query", "POST", "/v1/graphql", `{"query":"{Get{SuiteQuirk(bm25:{query:\"\"}){title}}}"}`, 200, "must have query set"},
	{"tenants of a class without", "GET", "/v1/schema/SuiteQuirk/tenants", "", 422, "multi-tenancy is not enabled"},
	{"delete the class", "DELETE", "/v1/schema/SuiteQuirk", "", 200, ""},
}

// send makes a request beside the tools.
func (w *world) send(method, path, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if err := w.cred.Authorize(r); err != nil {
		w.t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

func runQuirks(t *testing.T, w *world) {
	for _, q := range quirks {
		t.Run(q.name, func(t *testing.T) {
			w := *w
			w.t = t
			status, body := w.send(q.method, q.path, q.body)
			if status != q.status || !strings.Contains(body, q.says) || q.says == "" && strings.TrimSpace(body) != "" {
				t.Errorf("%d %.600s, want %d with %s", status, body, q.status, q.says)
			}
		})
	}
}

func TestQuirks(t *testing.T) {
	d := sandbox.New(now)
	s := httptest.NewServer(d) // without the guard: some of these do not fit the description
	defer s.Close()
	runQuirks(t, &world{t: t, svc: newService(now), url: s.URL, cred: bearer{key: d.Secret}})
}

// runNearText searches by meaning alone, which needs the provider of a model: moduleURL
// says where it is, and provider has its key.
func runNearText(t *testing.T, w *world, moduleURL, provider string) {
	module, err := json.Marshal(map[string]any{"text2vec-cohere": map[string]any{"baseURL": moduleURL, "vectorizeClassName": false}})
	if err != nil {
		t.Fatal(err)
	}
	status, body := w.send("POST", "/v1/schema", `{"class":"SuiteMeaning","vectorizer":"text2vec-cohere","moduleConfig":`+string(module)+`,"properties":[{"name":"title","dataType":["text"]}]}`)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	defer w.send("DELETE", "/v1/schema/SuiteMeaning", "")
	upsert := `{"collection":"SuiteMeaning","objects":[{"id":"` + suiteID(1) + `","properties":{"title":"export to csv times out"}},{"id":"` + suiteID(2) + `","properties":{"title":"password was forgotten"}}]}`

	w.fails("upsert_objects", upsert, fault.NotPermitted, "X-Cohere-Api-Key", "cohere_key")
	with := *w
	with.cred = bearer{key: w.cred.(bearer).key, provider: http.Header{"X-Cohere-Api-Key": {provider}}}
	must[Upserted](&with, "upsert_objects", upsert)
	hits := must[Hits](&with, "search", `{"collection":"SuiteMeaning","query":"forgotten password","mode":"semantic","limit":2}`)
	if len(hits.Hits) != 2 || hits.Hits[0].ID != suiteID(2) || hits.Hits[0].Distance == nil || hits.Hits[0].Score != nil || *hits.Hits[0].Distance >= *hits.Hits[1].Distance {
		t.Errorf("near text: %+v", hits)
	}
	hits = must[Hits](&with, "search", `{"collection":"SuiteMeaning","query":"csv export","limit":1}`)
	if len(hits.Hits) != 1 || hits.Hits[0].ID != suiteID(1) || hits.Mode != hybrid {
		t.Errorf("hybrid: %+v", hits)
	}
	w.fails("search", `{"collection":"SuiteMeaning","query":"x","mode":"semantic"}`, fault.NotPermitted, "cohere_key", "mode keyword")
	if hits = must[Hits](w, "search", `{"collection":"SuiteMeaning","query":"password","mode":"keyword"}`); len(hits.Hits) != 1 {
		t.Errorf("keyword needs no provider: %+v", hits)
	}
}

func TestNearText(t *testing.T) {
	w, _ := sandboxed(t)
	runNearText(t, w, "https://api.cohere.com", sandbox.CohereKey())
}
