package toolstest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// recorder is a testing.TB that keeps what a guard complains about.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, strings.TrimSpace(format))
	r.TB.Logf(format, args...)
}

func TestGuardComplainsOfWhatDoesNotFit(t *testing.T) {
	slack := "slack/slack-openapi3-from-docs-2026-08-20.json"
	hubspot := "hubspot/hubspot-crm-merged-2026-09.clean.json"
	const form, js = "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct {
		name, spec, prefix, method, path, kind, body string
		extra                                        []string
		wrong                                        bool
	}{
		{"a good form", slack, "", "POST", "/api/chat.postMessage", form, "channel=C1&markdown_text=x", nil, false},
		{"a prefix", slack, "/base", "POST", "/base/api/chat.postMessage", form, "channel=C1", nil, false},
		{"a missing field", slack, "", "POST", "/api/chat.postMessage", form, "markdown_text=x", nil, true},
		{"a misspelt field", slack, "", "POST", "/api/chat.postMessage", form, "channel=C1&markdown_txt=x", nil, true},
		{"a misspelt field that was allowed", slack, "", "POST", "/api/chat.postMessage", form, "channel=C1&markdown_txt=x", []string{"markdown_txt"}, false},
		{"an unknown method", slack, "", "POST", "/api/chat.postMassage", form, "channel=C1", nil, true},
		{"an unknown content type", slack, "", "POST", "/api/chat.postMessage", "text/plain", "channel=C1", nil, true},
		{"a good search", hubspot, "", "POST", "/crm/objects/2026-09/contacts/search", js, `{"query":"x","limit":5,"properties":["email"],"filterGroups":[{"filters":[{"propertyName":"email","operator":"EQ","value":"a"}]}],"sorts":["-createdate"],"after":"1"}`, nil, false},
		{"a wrong operator", hubspot, "", "POST", "/crm/objects/2026-09/contacts/search", js, `{"filterGroups":[{"filters":[{"propertyName":"email","operator":"LIKE","value":"a"}]}]}`, nil, true},
		{"a misspelt nested field", hubspot, "", "POST", "/crm/objects/2026-09/contacts/search", js, `{"query":"x","limit":5,"after":"0","sorts":[],"properties":[],"filterGroups":[{"filters":[{"propertyname":"email","propertyName":"email","operator":"EQ","value":"a"}]}]}`, nil, true},
		{"a misspelt query parameter", hubspot, "", "GET", "/crm/objects/2026-09/contacts/1?property=email", "", "", nil, true},
		{"the other method", hubspot, "", "PUT", "/crm/objects/2026-09/contacts/1", js, `{}`, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Spec(t, c.spec)
			rec := &recorder{TB: t}
			reached := false
			h := d.Guard(rec, c.prefix, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }), Extra(c.extra...))
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got := len(rec.errors) > 0; got != c.wrong {
				t.Errorf("complained: %v, want %v", got, c.wrong)
			}
			if !reached {
				t.Error("the request did not reach the service")
			}
		})
	}
}

func TestGuardComplainsOfAnAnswerThatDoesNotFit(t *testing.T) {
	d := Spec(t, "hubspot/hubspot-crm-merged-2026-09.clean.json")
	for body, wrong := range map[string]bool{
		`{"id":"1","properties":{},"createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z","archived":false}`: false,
		`{"id":1}`: true,
	} {
		rec := &recorder{TB: t}
		h := d.Guard(rec, "", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		}), Answers())
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/crm/objects/2026-09/contacts/1", nil))
		if got := len(rec.errors) > 0; got != wrong {
			t.Errorf("%s: complained %v, want %v", body, got, wrong)
		}
	}
}

func TestEveryDescriptionLoads(t *testing.T) {
	for _, rel := range []string{
		"slack/slack-openapi3-from-docs-2026-08-20.json",
		"hubspot/hubspot-crm-merged-2026-09.clean.json",
		"hubspot/oauth-2026-09.json",
		"metabase/metabase-trimmed.json",
		"pinecone/db_control_2026-04.oas.yaml",
		"pinecone/db_data_2026-04.oas.yaml",
		"pinecone/inference_2026-04.oas.yaml",
		"notion/notion-openapi.json",
	} {
		t.Run(rel, func(t *testing.T) { Spec(t, rel) })
	}
}
