package hubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

func TestWhatHubSpotsErrorsMean(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		body    string
		kind    fault.Kind
		code    string
		retry   bool
		notSent bool
		after   time.Duration
		says    string
	}{
		{"expired", 401, `{"status":"error","message":"The OAuth token used to make this call expired 5 minute(s) ago.","category":"EXPIRED_AUTHENTICATION"}`, fault.CredentialInvalid, "EXPIRED_AUTHENTICATION", false, true, 0, "connect"},
		{"unknown token", 401, `{"category":"INVALID_AUTHENTICATION"}`, fault.CredentialInvalid, "INVALID_AUTHENTICATION", false, true, 0, ""},
		{"scope", 403, `{"category":"MISSING_SCOPES","errors":[{"message":"One or more of the following scopes are required.","context":{"requiredGranularScopes":["crm.objects.deals.read","x\u202ey"]}}]}`, fault.NotPermitted, "MISSING_SCOPES", false, true, 0, "crm.objects.deals.read."},
		{"scope, the other shape", 403, `{"category":"MISSING_SCOPES","context":{"missingScopes":["tickets"]}}`, fault.NotPermitted, "MISSING_SCOPES", false, true, 0, "tickets"},
		{"rights", 403, `{"category":"USER_DOES_NOT_HAVE_PERMISSIONS","message":"You may not."}`, fault.NotPermitted, "USER_DOES_NOT_HAVE_PERMISSIONS", false, true, 0, "You may not."},
		{"validation", 400, `{"category":"VALIDATION_ERROR","message":"Property values were not valid","errors":[{"message":"Property \"x\" does not exist","in":"x"}]}`, fault.InvalidArguments, "VALIDATION_ERROR", false, true, 0, `Property "x" does not exist (x)`},
		{"not found", 404, `{"category":"OBJECT_NOT_FOUND","message":"resource not found"}`, fault.NotFound, "OBJECT_NOT_FOUND", false, false, 0, "id"},
		{"there already", 409, `{"category":"CONFLICT","message":"Contact already exists. Existing ID: 84512104729"}`, fault.Conflict, "CONFLICT", false, true, 0, "84512104729"},
		{"conflict", 409, `{"category":"CONFLICT","message":"busy"}`, fault.Conflict, "CONFLICT", false, true, 0, "busy"},
		{"locked", 423, `{}`, fault.UpstreamUnavailable, "", true, true, 2 * time.Second, ""},
		{"ten seconds", 429, `{"policyName":"TEN_SECONDLY_ROLLING"}`, fault.RateLimited, "", true, true, 10 * time.Second, ""},
		{"one second", 429, `{"policyName":"SECONDLY"}`, fault.RateLimited, "", true, true, time.Second, ""},
		{"a day", 429, `{"policyName":"DAILY"}`, fault.RateLimited, "", false, true, 0, "tomorrow"},
		{"too many properties", 414, ``, fault.InvalidArguments, "", false, true, 0, ""},
		{"moving", 477, ``, fault.UpstreamUnavailable, "", true, true, 0, ""},
		{"the proxy", 530, `<html>1016</html>`, fault.UpstreamUnavailable, "", true, false, 0, ""},
		{"down", 503, `<html>`, fault.UpstreamUnavailable, "", true, false, 0, ""},
		{"broken", 500, `{"message":"stack trace"}`, fault.UpstreamError, "", true, false, 0, ""},
		{"nothing", 200, ``, fault.UpstreamError, "", false, false, 0, "JSON"},
		{"a page", 200, `<html>`, fault.UpstreamError, "", false, false, 0, "JSON"},
		{"other types", 400, `{"category":7,"message":["a"],"errors":{}}`, fault.InvalidArguments, "", false, true, 0, ""},
		{"hostile", 400, `{"category":"<b>","message":"` + strings.Repeat(`\u202eignore\u200b\n\u0007 `, 500) + `"}`, fault.InvalidArguments, "", false, true, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := readFault(&upstream.Response{Service: name, Status: c.status, Header: http.Header{}, Body: []byte(c.body)})
			if f == nil || f.Kind != c.kind || f.Code != c.code || f.Retryable != c.retry || f.NotSent != c.notSent || f.RetryAfter != c.after || !strings.Contains(f.Message, c.says) {
				t.Fatalf("got %+v", f)
			}
			toolstest.Harmless(t, f, 1500)
		})
	}
	ms := http.Header{"Retry-After": {"10000"}} // some have seen milliseconds
	if f := readFault(&upstream.Response{Status: 429, Header: ms, Body: []byte(`{"policyName":"TEN_SECONDLY_ROLLING"}`)}); f.RetryAfter != 10*time.Second {
		t.Errorf("%v", f.RetryAfter)
	}
	for _, r := range []upstream.Response{{Status: 204}, {Status: 200, Body: []byte(" {}")}} {
		if f := readFault(&r); f != nil {
			t.Errorf("a success is none: %v", f)
		}
	}
}

func FuzzFault(f *testing.F) {
	f.Add(400, []byte(`{"message":"\u202e","errors":[{"message":"a","in":"\u0007"}]}`))
	f.Add(403, []byte(`{"category":"MISSING_SCOPES","context":{"missingScopes":["a","\u200b",1]}}`))
	f.Add(200, []byte(`x`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if g := readFault(&upstream.Response{Service: name, Status: status, Header: http.Header{}, Body: body}); g != nil {
			toolstest.Harmless(t, g, 1500)
		} else if status/100 != 2 {
			t.Errorf("HTTP %d is a success", status)
		}
	})
}

func TestMarkdownBecomesHTML(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                            "<p>plain</p>",
		"one\ntwo\n\nthree":                "<p>one<br>two</p><p>three</p>",
		"# Title\ntext":                    "<p><strong>Title</strong></p><p>text</p>",
		"- a\n- **b**\n\nend":              "<ul><li>a</li><li><strong>b</strong></li></ul><p>end</p>",
		"1. a\n2) b":                       "<ol><li>a</li><li>b</li></ol>",
		"> said\n> more":                   "<blockquote>said<br>more</blockquote>",
		"*it* and 2*3*4":                   "<p><em>it</em> and 2*3*4</p>",
		"`a <b> **c**`":                    "<p><code>a &lt;b&gt; **c**</code></p>",
		"```go\nif a < b {\n```\nafter":    "<pre>if a &lt; b {</pre><p>after</p>",
		"[page](https://a.example/?x=\"1)": "<p><a href=\"https://a.example/?x=&#34;1\">page</a></p>",
		"[x](javascript:alert(1))":         "<p>[x](javascript:alert(1))</p>",
		"[x](data:text/html,hi)":           "<p>[x](data:text/html,hi)</p>",
		"<img src=x onerror=alert(1)>":     "<p>&lt;img src=x onerror=alert(1)&gt;</p>",
		"[<b>](https://a.example)":         "<p><a href=\"https://a.example\">&lt;b&gt;</a></p>",
		"":                                 "",
	} {
		if got := markdown(in); got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"**a** `b` [c](https://d)", "<script>", "```\n<x>", "[a](https://b\"onclick=x)", "> - 1. # *a*"} {
		f.Add(s)
	}
	known := strings.NewReplacer("<p>", "", "</p>", "", "<br>", "", "<ul>", "", "</ul>", "", "<ol>", "", "</ol>", "", "<li>", "", "</li>", "", "<strong>", "", "</strong>", "",
		"<em>", "", "</em>", "", "<code>", "", "</code>", "", "<pre>", "", "</pre>", "", "<blockquote>", "", "</blockquote>", "", "</a>", "")
	f.Fuzz(func(t *testing.T, s string) {
		got := known.Replace(markdown(s))
		for {
			at := strings.IndexByte(got, '<')
			if at < 0 {
				return
			}
			rest, ok := strings.CutPrefix(got[at:], `<a href="`)
			address, after, closed := strings.Cut(rest, `">`)
			if !ok || !closed || strings.ContainsAny(address, `"<>`) || !safeLink(strings.ReplaceAll(strings.ReplaceAll(address, "&#34;", `"`), "&amp;", "&")) {
				t.Fatalf("%q became %q", s, markdown(s))
			}
			got = after
		}
	})
}

// A record whose values were written by strangers.
func TestHostileRecords(t *testing.T) {
	value := strings.Repeat(`A\u202eB\u200b `, 3000)
	body := fmt.Sprintf(`{"id":"84512104729","properties":{"firstname":"Da\u202ena\nX","email":%q,"bad name\u200b":"x","content":"%s","empty":"","nothing":null},"createdAt":"soon","updatedAt":"2026-01-02T03:04:05.678Z","url":"https://evil.example/"}`, "a@b.example", value)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasPrefix(r.URL.Path, "/account-info"):
			_, _ = w.Write([]byte(`{"portalId":1,"uiDomain":"app.hubspot.com.evil.example"}`))
		case strings.HasSuffix(r.URL.Path, "/search"):
			_, _ = w.Write([]byte(`{"total":12000,"results":[` + strings.TrimSuffix(strings.Repeat(body+",", 60), ",") + `],"paging":{"next":{"after":"20"}}}`))
		default:
			_, _ = w.Write([]byte(body))
		}
	}))
	defer server.Close()
	c := toolstest.Client(New().Endpoint, server.URL, toolstest.Static{Scheme: vault.Bearer, Secret: "x"})
	out, err := toolstest.Call(t, New(), c, "hubspot_get_object", `{"object_type":"contacts","id":"84512104729"}`)
	if err != nil {
		t.Fatal(err)
	}
	r := out.(Whole).Record
	if r.URL != "" || r.CreatedAt != "" || r.UpdatedAt != "2026-01-02T03:04:05Z" || len(r.Properties) != 3 || r.Name != "Da[hidden]na X" {
		t.Errorf("%.500v", r)
	}
	for p, v := range r.Properties {
		if len([]rune(v)) > longValue || strings.ContainsAny(v, "\u202e\u200b") {
			t.Errorf("%s: %d characters", p, len(v))
		}
	}
	out, err = toolstest.Call(t, New(), c, "hubspot_search_objects", `{"object_type":"contacts","limit":100}`)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(out)
	if len(b) > 100<<10 || len(out.(Found).Text()) > 100<<10 {
		t.Errorf("%d bytes", len(b))
	}
	if n := out.(Found).Note; !strings.Contains(n, "10000") {
		t.Errorf("%q", n)
	}
}

func TestASuccessWithoutAnIDIsNone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	defer server.Close()
	c := toolstest.Client(New().Endpoint, server.URL, toolstest.Static{Scheme: vault.Bearer, Secret: "x"})
	for _, call := range [][2]string{
		{"hubspot_create_object", `{"object_type":"contacts","properties":{"email":"a"}}`},
		{"hubspot_update_object", `{"object_type":"contacts","id":"1","properties":{"email":"a"}}`},
		{"hubspot_get_object", `{"object_type":"contacts","id":"1"}`},
		{"hubspot_create_note", `{"body":"x","associate_to":[{"type":"contacts","id":"1"}]}`},
	} {
		if _, err := toolstest.Call(t, New(), c, call[0], call[1]); err == nil || fault.From(err).Retryable {
			t.Errorf("%s: %v", call[0], err)
		}
	}
}
