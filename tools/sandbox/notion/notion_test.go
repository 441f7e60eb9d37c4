package notion

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

var moment1 = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// ask makes a request as the internal connection, and returns the status and answer.
func ask(t *testing.T, d *double.Double, method, path, body string, change ...func(*http.Request)) (int, answer) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+d.Secret)
	r.Header.Set("Notion-Version", version)
	r.Header.Set("Content-Type", "application/json")
	for _, c := range change {
		c(r)
	}
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	var a answer
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, rec.Body)
	}
	return rec.Code, a
}

func fresh() *double.Double { return New(func() time.Time { return moment1 }) }

// The double refuses what Notion refuses, in its words for it.
func TestRefusals(t *testing.T) {
	d := fresh()
	page, row := "/v1/pages/"+uid("page Escalations"), "/v1/pages/"+uid("row Acme")
	data := "/v1/data_sources/" + uid("source Customers") + "/query"
	blocks := strings.Repeat(`a\n\n`, 1001)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/v1/nothing", "", 400, "invalid_request_url"},
		{"GET", "/v1/pages/abc", "", 400, "validation_error"},
		{"GET", "/v1/pages/" + uid("page Salaries 2027"), "", 404, "object_not_found"},
		{"GET", "/v1/pages/" + uid("page Salaries 2027") + "/markdown", "", 404, "object_not_found"},
		{"GET", page + "/markdown?markdown_version=v3", "", 400, "validation_error"},
		{"PATCH", page, `{"archived": true}`, 400, "validation_error"},
		{"PATCH", page, `{`, 400, "invalid_json"},
		{"PATCH", row, `{"properties": {"Status": {"status": {"name": "Gone"}}}}`, 400, "validation_error"},
		{"PATCH", row, `{"properties": {"MRR": {"number": "12"}}}`, 400, "validation_error"},
		{"PATCH", row, `{"properties": {"Yearly": {"formula": {}}}}`, 400, "validation_error"},
		{"PATCH", row, `{"properties": {"Contact": {"rich_text": [{"text": {"content": "` + strings.Repeat("x", 2001) + `"}}]}}}`, 400, "validation_error"},
		{"PATCH", page + "/markdown", `{"type": "insert_content", "insert_content": {"content": "` + blocks + `"}, "markdown_version": "v2"}`, 400, "validation_error"},
		{"PATCH", page + "/markdown", `{"type": "insert_content", "insert_content": {"content": "` + strings.Repeat("x", 520<<10) + `"}}`, 400, "validation_error"},
		{"PATCH", page + "/markdown", `{"type": "insert_content", "content": "x"}`, 400, "validation_error"},
		{"POST", "/v1/pages", `{"parent": {"page_id": "` + uid("page Archive") + `"}, "properties": {}, "markdown_version": "v2"}`, 400, "validation_error"},
		{"POST", "/v1/comments", `{"parent": {"page_id": "` + uid("page Archive") + `"}, "rich_text": [{"text": {"content": "x"}}], "markdown_version": "v2"}`, 400, "validation_error"},
		{"POST", data, `{"filter": {"property": "Status", "select": {"equals": "Healthy"}}}`, 400, "validation_error"},
		{"POST", data, `{"filter": {"property": "Status", "status": {"equals": "Gone"}}}`, 400, "validation_error"},
		{"POST", data, `{"page_size": 101}`, 400, "validation_error"},
		{"POST", data, `{"start_cursor": "x"}`, 400, "validation_error"},
		{"POST", "/v1/search", `{"filter": {"property": "object", "value": "database"}}`, 400, "validation_error"},
	} {
		status, a := ask(t, d, c.method, c.path, c.body)
		if status != c.status || a["code"] != c.code || a["object"] != "error" || a["request_id"] == nil {
			t.Errorf("%s %s %.80s: %d %v", c.method, c.path, c.body, status, a)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"missing_version":  func(r *http.Request) { r.Header.Del("Notion-Version") },
		"validation_error": func(r *http.Request) { r.Header.Set("Notion-Version", "2022-06-28") },
		"unauthorized":     func(r *http.Request) { r.Header.Set("Authorization", "Bearer ntn_x") },
	} {
		if status, a := ask(t, d, "GET", "/v1/users/me", "", change); status < 400 || a["code"] != name {
			t.Errorf("%s: %d %v", name, status, a)
		}
	}
	if status, a := ask(t, d, "GET", "/v1/users", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+Token(d, ReadContent)) }); status != 403 || a["code"] != "restricted_resource" {
		t.Errorf("without the capability: %d %v", status, a)
	}
}

// What is rendered is parsed to the same again, in both forms of Markdown.
func TestMarkdownRoundTrip(t *testing.T) {
	w := fresh().Handler.(*workspace)
	for _, v := range []string{"v1", "v2"} {
		blocks, refused := w.parse("# A\n\nOne\n\n- a\n\t- b\n\t- [x] c\n- d\n\n1. e\n\n> q\n\n---\n\n```go\n# no heading\n\nx\n```\n\n| a | b |\n| - | - |\n\n<toggle>\nT\n\nin it\n\n</toggle>", v)
		if refused != nil {
			t.Fatal(refused)
		}
		once, _ := w.render("", blocks, v)
		again, _ := w.parse(once, v)
		if twice, _ := w.render("", again, v); twice != once {
			t.Errorf("%s:\n%s\nbecomes\n%s", v, once, twice)
		}
	}
	two, _ := w.parse("One\nline", "v2")
	if old, _ := w.parse("One\nline", "v1"); len(two) != 1 || len(old) != 2 {
		t.Errorf("a line begins %d blocks in v2 and %d in v1", len(two), len(old))
	}
}

// A code is good once and with its redirect, and the endpoints take HTTP Basic and
// JSON only.
func TestConsent(t *testing.T) {
	const back = "http://127.0.0.1:1/connect/callback"
	d := fresh()
	token := func(body string, change ...func(*http.Request)) (int, answer) {
		basic := func(r *http.Request) { r.SetBasicAuth(d.ClientID, d.ClientSecret) }
		return ask(t, d, "POST", "/v1/oauth/token", body, append([]func(*http.Request){basic}, change...)...)
	}
	code := func() string {
		q := url.Values{"client_id": {d.ClientID}, "redirect_uri": {back}, "response_type": {"code"}, "state": {"s"}, "owner": {"user"}}
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, httptest.NewRequest("GET", d.Authorize+"?"+q.Encode(), nil))
		m := regexp.MustCompile(`name="asked" value="(\w+)"`).FindStringSubmatch(rec.Body.String())
		if m == nil {
			t.Fatal(rec.Body)
		}
		r := httptest.NewRequest("POST", d.Authorize, strings.NewReader("asked="+m[1]+"&answer=allow"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec = httptest.NewRecorder()
		d.ServeHTTP(rec, r)
		to, _ := url.Parse(rec.Header().Get("Location"))
		return to.Query().Get("code")
	}
	body := func(code string) string {
		return `{"grant_type": "authorization_code", "code": "` + code + `", "redirect_uri": "` + back + `"}`
	}
	one := code()
	status, a := token(body(one))
	if status != 200 || a["access_token"] == nil || a["refresh_token"] == nil || a["expires_in"] != nil || a["workspace_name"] != workspaceName {
		t.Fatalf("%d %v", status, a)
	}
	if status, _ := ask(t, d, "GET", "/v1/users/me", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+a["access_token"].(string)) }); status != 200 {
		t.Errorf("with the token: %d", status)
	}
	for name, status := range map[string]int{
		"a code twice": first(token(body(one))), "another redirect": first(token(strings.Replace(body(code()), "callback", "other", 1))),
		"no Basic":                first(token(body(code()), func(r *http.Request) { r.Header.Del("Authorization") })),
		"a form":                  first(token("grant_type=refresh_token", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") })),
		"a grant that it has not": first(token(`{"grant_type": "client_credentials"}`)),
	} {
		if status < 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	refresh := `{"grant_type": "refresh_token", "refresh_token": "` + a["refresh_token"].(string) + `"}`
	if status, b := token(refresh); status != 200 || b["refresh_token"] == a["refresh_token"] {
		t.Errorf("%d %v", status, b)
	}
	if status, b := token(refresh); status != 400 || b["error"] != "invalid_grant" {
		t.Errorf("a refresh token twice: %d %v", status, b)
	}
}

func first(status int, _ answer) int { return status }
