package clearbit

import (
	"strings"
	"testing"
	"time"

	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/clearbit"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
)

func TestSchemas(t *testing.T) {
	toolstest.FitsSchemas(t, New())
	toolstest.Sizes(t, New(), 600)
}

// The example of each tool works, and its text is short and says what was found.
func TestExamples(t *testing.T) {
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{
		"clearbit_enrich_person": "Operations lead", "clearbit_enrich_company": "Machinery", "clearbit_reveal_ip": "acme.example",
		"clearbit_find_domain": "acme.example", "clearbit_suggest_companies": "borealis.example", "clearbit_search_people": "Aylin Demir",
	}
	for _, file := range all {
		if file.Service != name {
			continue
		}
		out, err := sandboxed(t).call(file.Name, string(file.Example))
		if err != nil {
			t.Errorf("%s: %v", file.Name, err)
			continue
		}
		if text := out.(tools.Texter).Text(); len(text) > 2000 || !strings.Contains(text, says[file.Name]) || says[file.Name] == "" {
			t.Errorf("%s: %d bytes: %s", file.Name, len(text), text)
		} else {
			t.Log(text)
		}
	}
}

func TestAPersonAlone(t *testing.T) {
	w := sandboxed(t)
	got := must[Enriched](w, "clearbit_enrich_person", `{"email":" Marcus <Marcus.Oyelaran@acme.example>","with_company":false,"given_name":"Marcus"}`)
	if got.Person == nil || got.Person.Title != "Data analyst" || !got.Person.Fuzzy || got.Company != nil {
		t.Errorf("%+v", got)
	}
	if q := w.asked[0].URL.Query(); q.Get("email") != "marcus.oyelaran@acme.example" || q.Get("given_name") != "Marcus" || q.Has("family_name") {
		t.Errorf("asked for %v", q)
	}
	if v := w.asked[0].Header.Get("API-Version"); v != apiVersion {
		t.Errorf("API-Version is %q", v)
	}
	w.came("/v2/people/find")

	// Nobody of that address is known, but the company is.
	got = must[Enriched](w, "clearbit_enrich_person", `{"email":"new.hire@acme.example"}`)
	if got.Status != found || got.Person != nil || got.Company == nil || !strings.Contains(got.Text(), "nobody known") {
		t.Errorf("%+v", got)
	}
}

func TestFieldsByName(t *testing.T) {
	w := sandboxed(t)
	got := must[EnrichedCompany](w, "clearbit_enrich_company", `{"domain":"https://www.acme.example/about","fields":["metrics.trafficRank","utcOffset","techCategories","metrics.nope","name.x"]}`)
	if got.Fields["metrics.trafficRank"] != "medium" || got.Fields["techCategories"] != `["crm","analytics"]` || len(got.Fields) != 3 {
		t.Errorf("fields: %v", got.Fields)
	}
	if !strings.Contains(got.Note, "Nothing at metrics.nope, name.x.") {
		t.Errorf("note: %s", got.Note)
	}
	person := must[Enriched](w, "clearbit_enrich_person", `{"email":"dana.whitfield@acme.example","fields":["person.employment.role","company.category.naicsCode"]}`)
	if len(person.Fields) != 2 || !strings.Contains(person.Text(), "person.employment.role: «operations»") {
		t.Errorf("fields: %v\n%s", person.Fields, person.Text())
	}
}

func TestPeopleInPages(t *testing.T) {
	w := sandboxed(t)
	seen := map[string]bool{}
	cursor := ""
	for range 4 {
		got := must[Prospects](w, "clearbit_search_people", `{"domain":"acme.example","page_size":3,"cursor":"`+cursor+`"}`)
		if got.Total != 7 {
			t.Errorf("total %d", got.Total)
		}
		for _, p := range got.People {
			seen[p.ID] = true
		}
		if cursor = got.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != 7 || cursor != "" {
		t.Errorf("%d people, cursor %q", len(seen), cursor)
	}
	first := must[Prospects](w, "clearbit_search_people", `{"domain":"acme.example","page_size":3}`)
	w.refused(fault.InvalidArguments, "clearbit_search_people", `{"domain":"acme.example","page_size":4,"cursor":"`+first.NextCursor+`"}`)

	got := must[Prospects](w, "clearbit_search_people", `{"domain":"acme.example","roles":["sales","marketing"],"titles":["head of"]}`)
	if len(got.People) != 1 || got.People[0].Name != "Ruben Bakker" {
		t.Errorf("%+v", got.People)
	}
	if got := must[Prospects](w, "clearbit_search_people", `{"domain":"acme.example","roles":["legal"]}`); got.Status != noMatch || got.Total != 0 {
		t.Errorf("%+v", got)
	}
}

func TestReveal(t *testing.T) {
	w := sandboxed(t)
	if got := must[Revealed](w, "clearbit_reveal_ip", `{"ip":"203.0.113.50"}`); !got.Fuzzy || got.Company.Name != "Borealis Foods" {
		t.Errorf("%+v", got)
	}
	if got := must[Revealed](w, "clearbit_reveal_ip", `{"ip":"198.51.100.23"}`); got.Type != "isp" || got.Company != nil || got.Place != "Oslo, Norway" {
		t.Errorf("%+v", got)
	}
	if got := must[Revealed](w, "clearbit_reveal_ip", `{"ip":"203.0.113.99"}`); got.Status != noMatch {
		t.Errorf("%+v", got)
	}
}

// A name's completion goes without the key.
func TestSuggestionsGoBare(t *testing.T) {
	w := sandboxed(t)
	got := must[Suggestions](w, "clearbit_suggest_companies", `{"query":"  Kes"}`)
	if len(got.Companies) != 1 || got.Companies[0].Domain != "kestrel.example" {
		t.Errorf("%+v", got)
	}
	if a := w.asked[0].Header.Get("Authorization"); a != "" {
		t.Error("the key was sent")
	}
	if got := must[Suggestions](w, "clearbit_suggest_companies", `{"query":"zzz"}`); len(got.Companies) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestLimits(t *testing.T) {
	c := toolstest.Client(New().Endpoint, "http://x.example", toolstest.Static{})
	for api, limited := range map[string]bool{"": true, company: true, prospector: true, reveal: false, personStream: false, companyStream: false, autocomplete: false} {
		got := limits(c, &upstream.Request{API: api})
		if (len(got) == 1) != limited {
			t.Errorf("%q: %v", api, got)
			continue
		}
		// What a minute can take at most, its burst and what is refilled.
		if limited && got[0].Burst+int(time.Minute/got[0].Every) > 600 {
			t.Errorf("%q: %+v lets more than 600 a minute through", api, got[0])
		}
	}
}

func TestProbe(t *testing.T) {
	w := sandboxed(t)
	client := func() *upstream.Client { return toolstest.Client(w.svc.Endpoint, w.url, w.cred) }
	if said, err := w.svc.Probe(t.Context(), client()); err != nil || said == "" {
		t.Errorf("%q, %v", said, err)
	}
	w.cred = toolstest.Static{Scheme: w.svc.Auth["api_key"], Secret: "sk_wrong"}
	if _, err := w.svc.Probe(t.Context(), client()); fault.From(err) == nil || fault.From(err).Kind != fault.CredentialInvalid {
		t.Errorf("%v", err)
	}
}

// The double's own refusals come out as what they are.
func TestWhatTheVendorRefuses(t *testing.T) {
	w := sandboxed(t)
	f := w.refused(fault.InvalidArguments, "clearbit_enrich_person", `{"email":"info@acme.example"}`)
	if !strings.Contains(f.Message, "not of a person") || f.Code != "email_invalid" {
		t.Errorf("%+v", f)
	}
	w.cred = toolstest.Static{Scheme: w.svc.Auth["api_key"], Secret: "sk_gone"}
	f = w.refused(fault.CredentialInvalid, "clearbit_enrich_company", `{"domain":"acme.example"}`)
	if f.Code != "invalid_api_key" || !strings.Contains(f.Message, "hubspot_upsert_contact") {
		t.Errorf("%+v", f)
	}
	down := double.New(time.Now)
	down.Down(true)
	against(t, down, time.Now, streams).refused(fault.UpstreamUnavailable, "clearbit_find_domain", `{"name":"Acme"}`)
}
