package weaviate

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	sandbox "toolvault/tools/sandbox/weaviate"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

func TestFitsSchemas(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestSizes(t *testing.T) { toolstest.Sizes(t, New(), 600) }

func TestProbe(t *testing.T) {
	w, _ := sandboxed(t)
	if who, err := w.svc.Probe(t.Context(), w.client()); err != nil || !strings.HasPrefix(who, "user admin of the cluster http://") {
		t.Errorf("%q, %v", who, err)
	}
	if _, err := w.svc.Probe(t.Context(), w.as("bad").client()); toolstest.FaultOf(t, err).Kind != fault.CredentialInvalid {
		t.Error(err)
	}
}

// With OIDC client credentials and the key of a provider, as an admin would register
// them: the token is obtained at the provider, sent as bearer, and obtained anew when
// the cluster refuses it; the provider's key goes beside it; nothing says where the
// provider is.
func TestOIDCClientCredentials(t *testing.T) {
	d := sandbox.New(time.Now)
	var providers []string
	server := httptest.NewServer(noBaseURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			providers = append(providers, r.Header.Get("X-Cohere-Api-Key"))
		}
		d.ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	svc := newService(time.Now)
	v := toolstest.Vault(t, vault.Options{HTTP: server.Client()})
	granted, err := svc.Scopes.Parse("read-write")
	if err != nil {
		t.Fatal(err)
	}
	held := d.Held(server.URL, svc.Auth)[0]
	t.Setenv("COHERE_KEY_OF_THE_TEST", sandbox.CohereKey())
	held.Params["cohere_key"] = "env:COHERE_KEY_OF_THE_TEST"
	decl := vault.Declaration{ID: "weaviate/a", Owner: vault.Owner{Agent: "a"}, Service: name, Type: held.Type, Source: "vault:weaviate/a", Scope: granted, Params: held.Params}
	if _, err := v.Put(t.Context(), "weaviate/a", vault.Stored{Type: held.Type, Secret: vault.NewSecret(held.Secret)}); err != nil {
		t.Fatal(err)
	}
	v.Configure([]vault.Declaration{decl}, map[string]vault.Service{name: {BaseURL: server.URL, Schemes: svc.Auth}})
	who := func() {
		t.Helper()
		cred, err := v.Resolve(t.Context(), decl)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second after a renewal, if the first is refused
			w := &world{t: t, svc: svc, url: server.URL, cred: &toolstest.Resolved{Vault: v, Credential: cred}}
			out, err := w.call("whoami", `{}`)
			if err == nil {
				if me := out.(Self); me.User != d.ClientID {
					t.Errorf("%+v", me)
				}
				return
			}
			if toolstest.FaultOf(t, err).Kind != fault.CredentialInvalid {
				t.Fatal(err)
			}
			if cred, err = v.Renew(t.Context(), cred); err != nil {
				t.Fatal(err)
			}
		}
		t.Error("refused after a renewal")
	}
	who()
	d.ExpireTokens()
	who()
	if slices.ContainsFunc(providers, func(key string) bool { return key != sandbox.CohereKey() }) || len(providers) < 4 {
		t.Errorf("the provider's key was sent as %q", providers)
	}
}

// Each type of credential can bring the keys of providers, and none a place to send
// them to.
func TestProviderKeys(t *testing.T) {
	for _, typ := range []string{vault.TypeAPIKey, vault.TypeServiceToken, vault.TypeClientCredentials} {
		s := New().Auth[typ]
		if s.Header != "Authorization" || s.Prefix != "Bearer " || len(s.Params) != 9 {
			t.Errorf("%s: %+v", typ, s)
		}
		for _, p := range s.Params {
			if p.Form != vault.FormSecret || !strings.HasPrefix(p.Header, "X-") || !strings.HasSuffix(p.Header, "-Api-Key") || p.Required {
				t.Errorf("%s: %+v", typ, p)
			}
			for _, known := range vault.Params(typ) {
				if known.Name == p.Name {
					t.Errorf("%s: %s is a key of the type too", typ, p.Name)
				}
			}
		}
	}
}

func TestPages(t *testing.T) {
	w, _ := sandboxed(t)
	for args, want := range map[string]int{
		`{"collection":"SupportArticle","limit":2%s}`:                                                                         6,
		`{"collection":"SupportArticle","limit":2,"sort_by":"views"%s}`:                                                       6,
		`{"collection":"Ticket","limit":1,"filters":[{"property":"customer","op":"eq","value":"Acme"}],"sort_by":"opened"%s}`: 3,
		`{"collection":"CustomerNote","tenant":"acme","limit":1%s}`:                                                           2,
	} {
		seen, cursor := map[string]bool{}, ""
		for range 10 {
			page := must[Objects](w, "list_objects", fmt.Sprintf(args, cursor))
			for _, o := range page.Objects {
				if seen[o.ID] {
					t.Errorf("%s: %s twice", args, o.ID)
				}
				seen[o.ID] = true
			}
			if page.Next == "" {
				break
			}
			cursor = `,"cursor":"` + page.Next + `"`
		}
		if len(seen) != want {
			t.Errorf("%s: %d, want %d", args, len(seen), want)
		}
	}
	page := must[Objects](w, "list_objects", `{"collection":"Ticket","limit":1}`)
	w.fails("list_objects", `{"collection":"SupportArticle","limit":1,"cursor":"`+page.Next+`"}`, fault.InvalidArguments, "another query")
	tenants := must[Tenants](w, "list_tenants", `{"collection":"CustomerNote","limit":2}`)
	if len(tenants.Tenants) != 2 || tenants.Total != 3 || tenants.Next == "" {
		t.Errorf("%+v", tenants)
	}
}

func TestSearchByMeaning(t *testing.T) {
	w, _ := sandboxed(t)
	hits := must[Hits](w, "search", `{"collection":"SupportArticle","query":"forgotten password","mode":"semantic","limit":2,"properties":["title"]}`)
	if len(hits.Hits) != 2 || hits.Hits[0].Properties["title"] != "Reset a forgotten password" || hits.Hits[0].Distance == nil {
		t.Errorf("%+v", hits)
	}
}

func TestNamedVectors(t *testing.T) {
	w, _ := sandboxed(t)
	if status, body := w.send("POST", "/v1/schema", `{"class":"Guide","properties":[{"name":"title","dataType":["text"]}],"vectorConfig":{"title_vec":{"vectorizer":{"text2vec-bigram":{}},"vectorIndexType":"hnsw"},"own":{"vectorizer":{"none":{}},"vectorIndexType":"hnsw"}}}`); status != 200 {
		t.Fatal(body)
	}
	must[Upserted](w, "upsert_objects", `{"collection":"Guide","objects":[{"id":"`+suiteID(1)+`","properties":{"title":"exports"}},{"properties":{"title":"passwords"}}]}`)
	if got := must[Schema](w, "get_collection", `{"collection":"Guide"}`); len(got.Vectors) != 2 || !strings.Contains(got.Text(), "vector title_vec: made by text2vec-bigram") {
		t.Errorf("%+v", got)
	}
	if hits := must[Hits](w, "search", `{"collection":"Guide","query":"exports","limit":1}`); len(hits.Hits) != 1 || hits.Hits[0].ID != suiteID(1) {
		t.Errorf("the only vector that the server makes: %+v", hits)
	}
	w.fails("search", `{"collection":"Guide","query":"x","vector":"own"}`, fault.InvalidArguments, "title_vec")
	w.fails("find_similar", `{"collection":"Guide","id":"`+suiteID(1)+`"}`, fault.InvalidArguments, "several vectors", "own, title_vec")
	must[Hits](w, "find_similar", `{"collection":"Guide","id":"`+suiteID(1)+`","vector":"title_vec"}`)
	w.fails("search", `{"collection":"SupportArticle","query":"x","vector":"title_vec"}`, fault.InvalidArguments, "one vector, without a name")
}

// What is remembered of a collection is asked for anew where a call does not fit it,
// after a while, and for another credential; and no more often.
func TestTheSchemaIsRemembered(t *testing.T) {
	d := sandbox.New(now)
	asked := 0
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/schema") {
			asked++
		}
		d.ServeHTTP(rw, r)
	}))
	at := moment
	w.svc, w.cred = newService(func() time.Time { return at }), bearer{key: d.Secret}
	count := func(want int, why string) {
		t.Helper()
		must[Aggregate](w, "aggregate", `{"collection":"Ticket"}`)
		if asked != want {
			t.Errorf("%s: asked %d times, want %d", why, asked, want)
		}
	}
	count(1, "first")
	count(1, "again")
	if status, body := w.send("POST", "/v1/schema/Ticket/properties", `{"name":"severity","dataType":["int"]}`); status != 200 {
		t.Fatal(body)
	}
	must[Aggregate](w, "aggregate", `{"collection":"Ticket","figures":["severity"]}`)
	count(2, "a property that somebody else has added")
	at = at.Add(schemaFor + time.Second)
	count(3, "after a while")
	must[Aggregate](w.as(sandbox.Reader()), "aggregate", `{"collection":"Ticket"}`)
	count(4, "another credential")
}

// A name that leads elsewhere is refused: a rule about a collection would be gone round.
func TestOtherNamesOfACollectionAreRefused(t *testing.T) {
	w, _ := sandboxed(t)
	for _, tool := range []string{"search", "list_objects", "aggregate", "get_collection", "delete_collection"} {
		args := `{"collection":"HelpArticle"}`
		switch tool {
		case "search":
			args = `{"collection":"HelpArticle","query":"x"}`
		case "delete_collection":
			args = `{"collection":"HelpArticle","confirm":"HelpArticle"}`
		}
		w.fails(tool, args, fault.NotFound, "another name for the collection SupportArticle")
	}
	for _, name := range []string{"supportArticle", "SUPPORTARTICLE", "Ticket/../SupportArticle", "Ticket?x", "%53upportArticle", " Ticket", ""} {
		w.fails("list_objects", `{"collection":"`+name+`"}`, fault.NotFound)
	}
}

// An object without an id has the one that follows from what is in it.
func TestUpsertWithoutIDs(t *testing.T) {
	w, d := sandboxed(t)
	const args = `{"collection":"Ticket","objects":[{"properties":{"subject":"A","effort":1}},{"properties":{"effort":1,"subject":"B"}}]}`
	first := must[Upserted](w, "upsert_objects", args)
	there := d.Snapshot()
	second := must[Upserted](w, "upsert_objects", args)
	if !slices.Equal(first.IDs, second.IDs) || first.IDs[0] == first.IDs[1] || len(d.Snapshot()) != len(there) {
		t.Errorf("%q, then %q", first.IDs, second.IDs)
	}
	other := must[Upserted](w, "upsert_objects", `{"collection":"CustomerNote","tenant":"acme","objects":[{"properties":{"note":"A"}}]}`)
	globex := must[Upserted](w, "upsert_objects", `{"collection":"CustomerNote","tenant":"globex","objects":[{"properties":{"note":"A"}}]}`)
	if other.IDs[0] == globex.IDs[0] {
		t.Error("two tenants have an object of one id")
	}
	w.fails("upsert_objects", `{"collection":"Ticket","objects":[{"properties":{"subject":"A"}},{"properties":{"subject":"A"}}]}`, fault.InvalidArguments, "Objects 0 and 1 are the same")
}

func TestArgumentsThatCannotBe(t *testing.T) {
	w, _ := sandboxed(t)
	for _, c := range []struct{ tool, args, says string }{
		{"get_object", `{"collection":"Ticket","id":"TCK-1"}`, "no id of an object"},
		{"delete_objects", `{"collection":"Ticket"}`, "ids or filters"},
		{"delete_objects", `{"collection":"Ticket","ids":["` + suiteID(1) + `"],"filters":[{"property":"status","op":"eq","value":"open"}]}`, "one of the two"},
		{"search", `{"collection":"Ticket","query":"x","mode":"semantic"}`, "mode keyword"},
		{"search", `{"collection":"SupportArticle","query":"x","mode":"keyword","alpha":0.5}`, "alpha"},
		{"search", `{"collection":"SupportArticle","query":"x","search_in":["title^x"]}`, "weight"},
		{"list_objects", `{"collection":"Ticket","filters":[{"property":"stat","op":"eq","value":"open"}]}`, "Did you mean status"},
		{"list_objects", `{"collection":"Ticket","filters":[{"property":"effort","op":"eq","value":"much"}]}`, "effort is of the type int"},
		{"list_objects", `{"collection":"Ticket","filters":[{"property":"effort","op":"like","value":"1*"}]}`, "op like is for texts"},
		{"list_objects", `{"collection":"Ticket","filters":[{"property":"opened","op":"gt","value":"soonish"}]}`, "is no time"},
		{"list_objects", `{"collection":"Ticket","filters":[{"property":"status","op":"eq","value":["a"]}]}`, "op in"},
		{"list_objects", `{"collection":"Ticket","filters":[{"property":"assignee","op":"empty","value":"x"}]}`, "true or false"},
		{"list_objects", `{"collection":"Ticket","sort_by":"urgency"}`, "no property"},
		{"list_objects", `{"collection":"SupportArticle","sort_by":"tags"}`, "no order"},
		{"aggregate", `{"collection":"Ticket","group_by":"state"}`, "no property"},
		{"create_collection", `{"name":"X","properties":[{"name":"a","type":"int","exact":true}]}`, "Leave exact out"},
		{"list_tenants", `{"collection":"Ticket"}`, "no tenants"},
	} {
		w.fails(c.tool, c.args, fault.InvalidArguments, c.says)
	}
	got := must[Objects](w, "list_objects", `{"collection":"Ticket","filters":[{"property":"assignee","op":"empty"}]}`)
	if len(got.Objects) != 1 {
		t.Errorf("empty: %+v", got)
	}
}

// What the server says is understood, whatever the status.
func TestFaults(t *testing.T) {
	answer := func(message string) string { return `{"error":[{"message":"` + message + `"}]}` }
	for _, c := range []struct {
		status int
		body   string
		kind   fault.Kind
		says   string
		again  bool
	}{
		{401, ``, fault.CredentialInvalid, "refused", false},
		{401, `{"code":401,"message":"no authentication scheme is configured (API Key or OIDC), but an 'Authorization' header was provided."}`, fault.CredentialInvalid, "takes no credentials at all", false},
		{403, answer("rbac: authorization, forbidden action: user 'x' has insufficient permissions to read_data [[Domain: data, Collection: Ticket, Tenant: *, Object: *]]"), fault.NotPermitted, "read_data Domain: data, Collection: Ticket", false},
		{422, answer("tenant not active: 'old'"), fault.Conflict, "old is not active", false},
		{422, answer("something new"), fault.InvalidArguments, "«something new»", false},
		{429, `{"errorCode":"USAGE_LIMIT_EXCEEDED","limit":"objects","value":7,"message":"m"}`, fault.NotPermitted, "as many objects as its plan", false},
		{429, ``, fault.RateLimited, "rate", true},
		{500, answer("vectorize target vector: connection to: Cohere API failed with status: 401"), fault.UpstreamError, "provider of the model", false},
		{500, answer("put object: shard is read-only due to: disk usage too high"), fault.NotPermitted, "disk is full", false},
		{503, `<html>`, fault.UpstreamUnavailable, "not available", true},
		{404, `{"code":404,"message":"path /x was not found"}`, fault.NotFound, "", false},
	} {
		f := readFault(&upstream.Response{Service: name, Status: c.status, Body: []byte(c.body), Header: http.Header{}})
		if f == nil || f.Kind != c.kind || !strings.Contains(f.Message, c.says) || f.Retryable != c.again || f.Status != c.status {
			t.Errorf("%d %s: %+v", c.status, c.body, f)
			continue
		}
		toolstest.Harmless(t, f, 800)
	}
	for _, said := range []string{"x\u202e\x1b[2K", strings.Repeat("vectorize ", 500), "has insufficient permissions to read_data [" + strings.Repeat("x", 190) + "]", "no module with name \"text2vec-\u202e"} {
		if f := explain(said); f != nil {
			toolstest.Harmless(t, f, 900)
		}
	}
}

// A schema that holds other things than names puts none of them into a query.
func TestHostileSchema(t *testing.T) {
	var sent []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/v1/graphql" {
			b := make([]byte, 4096)
			n, _ := r.Body.Read(b)
			sent = append(sent, string(b[:n]))
			_, _ = fmt.Fprint(w, `{"data":{"Get":{"Ticket":[]}}}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"class":"Ticket","vectorizer":"text2vec-x","vectorConfig":{"a\"]}":{"vectorizer":{"m":{}}}},"properties":[
			{"name":"a){b}","dataType":["text"]},{"name":"ref","dataType":["Good","Bad}{"]},{"name":"ok","dataType":["text"]},{"name":"none","dataType":[]},
			{"name":"o","dataType":["object"],"nestedProperties":[{"name":"x}}","dataType":["text"]},{"name":"y","dataType":["text"]}]}]}`)
	}))
	defer s.Close()
	w := &world{t: t, svc: newService(now), url: s.URL, cred: bearer{key: "k"}}
	must[Hits](w, "search", `{"collection":"Ticket","query":"x","mode":"keyword","properties":["ok","o","ref"]}`)
	if len(sent) != 1 || !strings.Contains(sent[0], `{ok o{y} ref{... on Good{_additional{id}}} _additional{`) {
		t.Errorf("sent %q", sent)
	}
}
