package weaviate

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

// ask makes a request with a key, and returns status and body.
func ask(d *double.Double, method, path, key, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// A client obtains a token with its secret, in either of the two ways, and the token
// is good for an hour, or until all are ended.
func TestTokens(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	d := New(func() time.Time { return now })
	obtain := func(secret, grant string, basic bool) (int, string) {
		form := url.Values{"grant_type": {grant}}
		if !basic {
			form.Set("client_id", d.ClientID)
			form.Set("client_secret", secret)
		}
		r := httptest.NewRequest(http.MethodPost, "/oidc/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if basic {
			r.SetBasicAuth(d.ClientID, secret)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		var answer struct {
			Token string `json:"access_token"`
		}
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
		return w.Code, answer.Token
	}
	for _, c := range []struct {
		secret, grant string
		status        int
	}{{d.ClientSecret, "client_credentials", 200}, {"wrong", "client_credentials", 401}, {d.ClientSecret, "password", 400}} {
		for _, basic := range []bool{true, false} {
			status, token := obtain(c.secret, c.grant, basic)
			if status != c.status || (token != "") != (status == 200) {
				t.Errorf("%s %s: %d %q", c.secret, c.grant, status, token)
			}
		}
	}
	_, token := obtain(d.ClientSecret, "client_credentials", true)
	if status, _ := ask(d, "GET", "/v1/schema", token, ""); status != 200 {
		t.Errorf("a token: %d", status)
	}
	now = now.Add(time.Hour)
	if status, _ := ask(d, "GET", "/v1/schema", token, ""); status != 401 {
		t.Errorf("after an hour: %d", status)
	}
	_, token = obtain(d.ClientSecret, "client_credentials", true)
	d.ExpireTokens()
	if status, _ := ask(d, "GET", "/v1/schema", token, ""); status != 401 {
		t.Errorf("after all were ended: %d", status)
	}
}

// Every path but those that everybody may ask wants a key, and those that write one
// that may.
func TestKeysAndRoles(t *testing.T) {
	d := New(time.Now)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/schema", `{"class":"X"}`}, {"DELETE", "/v1/schema/Ticket", ""}, {"POST", "/v1/schema/Ticket/properties", `{"name":"x","dataType":["text"]}`},
		{"POST", "/v1/schema/CustomerNote/tenants", `[{"name":"x"}]`}, {"PUT", "/v1/schema/CustomerNote/tenants", `[{"name":"acme","activityStatus":"INACTIVE"}]`}, {"DELETE", "/v1/schema/CustomerNote/tenants", `["acme"]`},
		{"POST", "/v1/objects", `{"class":"Ticket","properties":{}}`}, {"POST", "/v1/batch/objects", `{"objects":[{"class":"Ticket","properties":{}}]}`},
		{"PATCH", "/v1/objects/Ticket/7b0f1c52-6d1e-4c1e-9c57-0a6f5a3c2001", `{"properties":{"status":"x"}}`}, {"DELETE", "/v1/objects/Ticket/7b0f1c52-6d1e-4c1e-9c57-0a6f5a3c2001", ""},
		{"DELETE", "/v1/batch/objects", `{"match":{"class":"Ticket","where":{"operator":"Equal","path":["status"],"valueText":"open"}}}`},
	} {
		before := d.Snapshot()
		for key, want := range map[string]int{Reader(): 403, Limited(): 403, "": 401, "x": 401} {
			if status, body := ask(d, c.method, c.path, key, c.body); status != want {
				t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, body, want)
			}
		}
		if after := d.Snapshot(); len(after) != len(before) {
			t.Errorf("%s %s changed something", c.method, c.path)
		}
	}
	if status, body := ask(d, "GET", "/v1/schema/CustomerNote", Limited(), ""); status != 403 || !strings.Contains(body, "read_collections") {
		t.Errorf("%d %s", status, body)
	}
}

// Whatever comes as a query, the double answers one of the server's answers.
func FuzzGraphQL(f *testing.F) {
	d := New(time.Now)
	for _, seed := range []string{
		`{Get{Ticket{subject}}}`, `query Q($q:String!){Get{SupportArticle(bm25:{query:$q,properties:["title^2"]},limit:2,offset:1){a:title _additional{id score}}}}`,
		`{Aggregate{Ticket(groupBy:["status"]){meta{count} groupedBy{value path} effort{mean sum}}}}`, `{Get{SupportArticle(where:{operator:And,operands:[{operator:Equal,path:["views"],valueInt:-3}]}){title}}}`,
		`{Get{SupportArticle(hybrid:{query:"x",alpha:0.5e0}){... on X{y}}}}`, `{Get{SupportArticle(sort:{path:["views"],order:desc}){title}}}`, `{"`, `{Get{Ticket(limit:"2"){subject}}}`, strings.Repeat("{a", 200), `{Get{SupportArticle(nearObject:{id:"x"}){title}}}`,
		`{Get{SupportArticle(where:{operator:Not}){title}}}`, `{Get{CustomerNote(tenant:"acme",where:{operator:Like,path:["note"],valueText:"*["}){note}}}`, `{Get{Ticket(where:{operator:GreaterThan,path:["subject"],valueText:"a"}){subject}}}`,
	} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, query, q string) {
		b, err := json.Marshal(map[string]any{"query": query, "variables": map[string]string{"q": q}})
		if err != nil {
			t.Fatal(err)
		}
		status, body := ask(d, "POST", "/v1/graphql", d.Secret, string(b))
		if status != 200 || body != "" && !json.Valid([]byte(body)) {
			t.Errorf("%d %s", status, body)
		}
	})
}

func TestSearchesFindWhatIsMeant(t *testing.T) {
	d := New(time.Now)
	for _, c := range []struct{ search, want string }{
		{`bm25:{query:"invoice"}`, "Invoice shows the wrong VAT"},
		{`hybrid:{query:"forgot the password"}`, "Reset a forgotten password"},
		{`hybrid:{query:"export CSV",alpha:1}`, "Export to CSV times out"},
	} {
		_, body := ask(d, "POST", "/v1/graphql", d.Secret, `{"query":`+quote(`{Get{SupportArticle(`+c.search+`,limit:1){title}}}`)+`}`)
		if !strings.Contains(body, c.want) {
			t.Errorf("%s: %s", c.search, body)
		}
	}
	if words := tokens("The Export, of CSV!", "word", true); !slices.Equal(words, []string{"export", "csv"}) {
		t.Errorf("%q", words)
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
