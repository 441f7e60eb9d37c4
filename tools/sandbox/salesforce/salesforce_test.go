package salesforce

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

var moment = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

type world struct {
	t *testing.T
	*double.Double
	now time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: moment}
	w.Double = New(func() time.Time { return w.now })
	return w
}

// do makes a request with the first session. Errors come as their code.
func (w *world) do(method, path, body string) (int, any, string) {
	w.t.Helper()
	r := httptest.NewRequest(method, "/services/data/v66.0"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.Secret)
	return w.send(r)
}

func (w *world) send(r *http.Request) (int, any, string) {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	var out any
	_ = json.Unmarshal(rec.Body.Bytes(), &out)
	code := ""
	if list, ok := out.([]any); ok && rec.Code >= 400 && len(list) > 0 {
		code, _ = list[0].(map[string]any)["errorCode"].(string)
	}
	return rec.Code, out, code
}

func (w *world) soql(q string) (map[string]any, string) {
	w.t.Helper()
	_, out, code := w.do("GET", "/query?q="+url.QueryEscape(q), "")
	m, _ := out.(map[string]any)
	return m, code
}

func TestSOQL(t *testing.T) {
	w := newWorld(t)
	for q, want := range map[string]int{
		"SELECT Id FROM Case":                          3,
		"select id from case where status = 'WORKING'": 1,
		"SELECT Id FROM Case WHERE Status != 'Closed' AND (Priority = 'High' OR Priority = 'Low')":                2,
		"SELECT Id FROM Case WHERE NOT Status = 'Closed'":                                                         2,
		"SELECT Id FROM Case WHERE Account.Name LIKE 'a_m%'":                                                      2,
		"SELECT Id FROM Case WHERE Subject LIKE '%50\\%%'":                                                        0,
		"SELECT Id FROM Contact WHERE Interests__c INCLUDES ('API;Exports', 'Dashboards')":                        1,
		"SELECT Id FROM Contact WHERE AccountId = '001Nw0000000001'":                                              2,
		"SELECT Id FROM Opportunity WHERE CloseDate > 2026-12-31 AND Amount >= 1000":                              1,
		"SELECT Id FROM Lead WHERE CreatedDate = LAST_N_DAYS:4 OR CreatedDate < 2026-11-19T00:00:00Z":             3,
		"SELECT Id FROM Lead WHERE CreatedDate = YESTERDAY":                                                       1,
		"SELECT Id FROM Case WHERE ClosedDate = null":                                                             2,
		"SELECT Id FROM Case WHERE Owner.Name IN ('Jonas Brekke', 'nobody') ORDER BY CreatedDate DESC LIMIT 5":    1,
		"SELECT Id FROM Group WHERE Name = 'Tier 2'":                                                              1,
		"SELECT COUNT() FROM User WHERE IsActive = true":                                                          4,
		"SELECT Status, COUNT(Id) n FROM Case GROUP BY Status ORDER BY COUNT(Id) DESC":                            3,
		"SELECT Id FROM Account ORDER BY AnnualRevenue DESC NULLS LAST, Name LIMIT 2 OFFSET 2":                    1,
		"SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName LIMIT 1) FROM Account WHERE Name = 'Acme'": 1,
	} {
		if out, code := w.soql(q); code != "" || out["totalSize"] != float64(want) {
			t.Errorf("%s: %s, %v, want %d", q, code, out["totalSize"], want)
		}
	}
	for q, want := range map[string]string{
		"":                          "MALFORMED_QUERY",
		"DELETE FROM Case":          "MALFORMED_QUERY",
		"SELECT * FROM Case":        "MALFORMED_QUERY",
		"SELECT Id FROM Case WHERE": "MALFORMED_QUERY",
		"SELECT Id FROM Case WHERE Status = 'a' AND Status = 'b' OR Status = 'c'": "MALFORMED_QUERY",
		"SELECT Id FROM Case WHERE Status = 'a\\x'":                               "MALFORMED_QUERY",
		"SELECT Id FROM Case WHERE Status = 'a":                                   "MALFORMED_QUERY",
		"SELECT Id FROM Case FOR UPDATE":                                          "MALFORMED_QUERY",
		"SELECT Id FROM Case; SELECT Id FROM Lead":                                "MALFORMED_QUERY",
		"SELECT Subject, COUNT(Id) FROM Case":                                     "MALFORMED_QUERY",
		"SELECT COUNT(Id) FROM Case LIMIT 1":                                      "MALFORMED_QUERY",
		"SELECT SUM(Subject) FROM Case":                                           "MALFORMED_QUERY",
		"SELECT Id FROM Nope":                                                     "INVALID_TYPE",
		"SELECT Nope FROM Case":                                                   "INVALID_FIELD",
		"SELECT Nope.Name FROM Case":                                              "INVALID_FIELD",
		"SELECT Id FROM Case WHERE Description = 'x'":                             "INVALID_FIELD",
		"SELECT Id FROM Case WHERE IsClosed = 'true'":                             "INVALID_FIELD",
		"SELECT Id FROM Opportunity WHERE Amount = '1'":                           "INVALID_FIELD",
		"SELECT Id FROM Opportunity WHERE CloseDate = 2026-11-24T00:00:00Z":       "INVALID_FIELD",
		"SELECT Id FROM Case WHERE Id LIKE '5%'":                                  "INVALID_OPERATOR_ON_FIELD",
		"SELECT Id FROM Case WHERE OwnerId = 'Marta'":                             "INVALID_QUERY_FILTER_OPERATOR",
		"SELECT Id FROM Case OFFSET 2001":                                         "NUMBER_OUTSIDE_VALID_RANGE",
	} {
		if out, code := w.soql(q); code != want {
			t.Errorf("%s: %q %v, want %s", q, code, out, want)
		}
	}
}

func FuzzParseSOQL(f *testing.F) {
	for _, q := range []string{"SELECT Id FROM Case", "SELECT a.b, COUNT(c) FROM d WHERE e IN ('f', 'g\\'') AND (h = 1 OR NOT i LIKE '%j') ORDER BY k DESC NULLS LAST LIMIT 1", "SELECT (SELECT Id FROM A) FROM B", "'", "\\"} {
		f.Add(q)
	}
	w := New(func() time.Time { return moment })
	f.Fuzz(func(t *testing.T, soql string) {
		r := httptest.NewRequest("GET", "/services/data/v66.0/query?q="+url.QueryEscape(soql), nil)
		r.Header.Set("Authorization", "Bearer "+w.Secret)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code >= 500 {
			t.Errorf("%q: %d", soql, rec.Code)
		}
	})
}

// A token lets in as long as it is in force, with the scope api, and is gone once it was
// taken back.
func TestTokens(t *testing.T) {
	w := newWorld(t)
	ask := func(token string) string {
		r := httptest.NewRequest("GET", "/services/data/v66.0/limits", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, _, code := w.send(r)
		return code
	}
	form := func(path string, f url.Values) map[string]any {
		r := httptest.NewRequest("POST", "/services/oauth2/"+path, strings.NewReader(f.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		_, out, _ := w.send(r)
		m, _ := out.(map[string]any)
		return m
	}
	app := url.Values{"client_id": {w.ClientID}, "client_secret": {w.ClientSecret}}
	with := func(pairs ...string) url.Values {
		f := maps.Clone(app)
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f
	}
	if ask(w.Secret) != "" || ask("nobody") != "INVALID_SESSION_ID" || ask("") != "INVALID_SESSION_ID" {
		t.Error("who is let in?")
	}
	first := form("token", with("grant_type", "refresh_token", "refresh_token", w.Refresh))
	token, _ := first["access_token"].(string)
	if ask(token) != "" || first["refresh_token"] == w.Refresh || first["instance_url"] == nil || first["expires_in"] != nil {
		t.Errorf("renewed it is %v", first)
	}
	if again := form("token", with("grant_type", "refresh_token", "refresh_token", w.Refresh)); again["error"] != "invalid_grant" {
		t.Errorf("a spent refresh token gives %v", again)
	}
	for what, f := range map[string]url.Values{
		"invalid_client":         {"grant_type": {"client_credentials"}, "client_id": {w.ClientID}, "client_secret": {"x"}},
		"unsupported_grant_type": with("grant_type", "password"),
		"invalid_grant":          with("grant_type", "authorization_code", "code", "x"),
	} {
		if got := form("token", f); got["error"] != what {
			t.Errorf("%v, want %s", got, what)
		}
	}
	form("revoke", url.Values{"token": {token}})
	if ask(token) != "INVALID_SESSION_ID" {
		t.Error("a token that was taken back lets in")
	}
	w.ExpireTokens()
	if ask(w.Secret) != "INVALID_SESSION_ID" {
		t.Error("a session that has ended lets in")
	}
}

// What fails changes nothing, and what hangs together is done as a whole.
func TestWhatFailsChangesNothing(t *testing.T) {
	w := newWorld(t)
	before := w.Snapshot()
	for _, c := range []struct{ method, path, body, code string }{
		{"POST", "/sobjects/Case", `{"Nope":1}`, "INVALID_FIELD"},
		{"POST", "/sobjects/Case", `{"CaseNumber":"1"}`, "INVALID_FIELD_FOR_INSERT_UPDATE"},
		{"POST", "/sobjects/Case", `{"Priority":"x"}`, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"},
		{"POST", "/sobjects/Case", `{"ContactId":"x"}`, "MALFORMED_ID"},
		{"POST", "/sobjects/Case", `{"ContactId":"001Nw0000000001IAA"}`, "FIELD_INTEGRITY_EXCEPTION"},
		{"POST", "/sobjects/Case", `{"ContactId":"003Nw0000000099IAA"}`, "INVALID_CROSS_REFERENCE_KEY"},
		{"POST", "/sobjects/Case", `{"IsClosed"`, "JSON_PARSER_ERROR"},
		{"POST", "/sobjects/Opportunity", `{"Amount":"x"}`, "JSON_PARSER_ERROR"},
		{"PATCH", "/sobjects/Case/500Nw0000000099IAA", `{"Status":"New"}`, "NOT_FOUND"},
		{"PATCH", "/sobjects/Contact/003Nw0000000001IAA", `{"LastName":null}`, "REQUIRED_FIELD_MISSING"},
		{"DELETE", "/sobjects/Account/001Nw0000000001IAA", ``, "INSUFFICIENT_ACCESS_OR_READONLY"},
		{"GET", "/sobjects/Nope/describe", ``, "NOT_FOUND"},
		{"GET", "/query/0r8Nw0000000000001-200", ``, "INVALID_QUERY_LOCATOR"},
		{"POST", "/parameterizedSearch", `{"q":"x"}`, "INVALID_SEARCH"},
		{"POST", "/composite", `{"compositeRequest":[` + strings.TrimSuffix(strings.Repeat(`{"method":"GET","url":"/services/data/v66.0/limits","referenceId":"a"},`, 26), ",") + `]}`, "LIMIT_EXCEEDED"},
	} {
		if _, out, code := w.do(c.method, c.path, c.body); code != c.code {
			t.Errorf("%s %s %s: %q %v, want %s", c.method, c.path, c.body, code, out, c.code)
		}
	}
	status, out, _ := w.do("POST", "/composite", `{"allOrNone":true,"compositeRequest":[
		{"method":"POST","url":"/services/data/v66.0/sobjects/Account","referenceId":"a","body":{"Name":"X"}},
		{"method":"PATCH","url":"/services/data/v66.0/sobjects/Contact/003Nw0000000001IAA","referenceId":"b","body":{"AccountId":"@{a.id}","Title":"T"}},
		{"method":"POST","url":"/services/data/v66.0/sobjects/Contact","referenceId":"c","body":{"AccountId":"@{b.nothing}"}}]}`)
	if b, _ := json.Marshal(out); status != 200 || strings.Count(string(b), "PROCESSING_HALTED") != 3 {
		t.Errorf("%d %s", status, b)
	}
	if _, out, _ := w.do("POST", "/composite/sobjects", `{"allOrNone":true,"records":[{"attributes":{"type":"Lead"},"LastName":"a","Company":"b"},{"attributes":{"type":"Lead"}}]}`); out.([]any)[0].(map[string]any)["success"] != false {
		t.Errorf("%v", out)
	}
	if !maps.Equal(before, w.Snapshot()) {
		t.Error("something was changed")
	}
	r := httptest.NewRequest("PATCH", "/services/data/v66.0/sobjects/Contact/003Nw0000000001IAA", strings.NewReader(`{"Title":"T"}`))
	r.Header.Set("Authorization", "Bearer "+w.Secret)
	r.Header.Set("If-Unmodified-Since", "Mon, 02 Mar 2026 08:59:59 GMT")
	if status, _, _ := w.send(r); status != 412 {
		t.Errorf("a record that was modified since: %d", status)
	}
	for path, want := range map[string]int{"/services/data/v30.0/limits": 410, "/services/data/v66.0/nope": 404, "/else": 404} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+w.Secret)
		if status, _, _ := w.send(r); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}
