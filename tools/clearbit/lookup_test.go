package clearbit

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/clearbit"
	"toolvault/tools/toolstest"
)

// What is queued is waited for at the host that streams, once.
func TestQueuedIsWaitedFor(t *testing.T) {
	w := sandboxed(t)
	got := must[EnrichedCompany](w, "clearbit_enrich_company", `{"domain":"kestrel.example"}`)
	if got.Status != found || got.Company.Employees != 9 {
		t.Errorf("%+v", got)
	}
	w.came("/company/v2/companies/find", "/company-stream/v2/companies/find")

	w = sandboxed(t)
	person := must[Enriched](w, "clearbit_enrich_person", `{"email":"yuki.abe@kestrel.example"}`)
	if person.Status != found || person.Person.Title != "Founder" || person.Person.Seniority != "executive" {
		t.Errorf("%+v", person)
	}
	w.came("/v2/combined/find", "/person-stream/v2/combined/find")
}

func TestQueuedWithoutWaiting(t *testing.T) {
	w := sandboxed(t)
	got := must[EnrichedCompany](w, "clearbit_enrich_company", `{"domain":"kestrel.example","wait":false}`)
	if got.Status != queued || got.Company != nil || !strings.Contains(got.Text(), "cached true") {
		t.Errorf("%+v", got)
	}
	w.came("/company/v2/companies/find")

	// What was known before comes at once.
	old := must[EnrichedCompany](sandboxed(t), "clearbit_enrich_company", `{"domain":"kestrel.example","cached":true}`)
	if old.Status != found || old.Company.Name != "Kestrel Labs" {
		t.Errorf("%+v", old)
	}
	// And where nothing was known, that is said, and nobody waits.
	w = sandboxed(t)
	none := must[Enriched](w, "clearbit_enrich_person", `{"email":"hanne.moe@fjordline.example","cached":true}`)
	if none.Status != queued || !strings.Contains(none.Note, "knew nothing") {
		t.Errorf("%+v", none)
	}
	w.came("/v2/combined/find")
}

// Waiting has an end of its own, before that of the call; the lookup then is still
// queued, and no failure.
func TestWaitingEnds(t *testing.T) {
	w := against(t, double.New(time.Now), time.Now, 50*time.Millisecond)
	began := time.Now()
	got := must[Enriched](w, "clearbit_enrich_person", `{"email":"hanne.moe@fjordline.example"}`)
	if got.Status != queued || !strings.Contains(got.Note, "few minutes") {
		t.Errorf("%+v", got)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it waited for %s", took)
	}
	w.came("/v2/combined/find", "/person-stream/v2/combined/find")
}

// Whatever becomes of the waiting, unless it says that the request is wrong: the
// lookup is queued.
func TestTheStreamFails(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   fault.Kind // "": queued
	}{
		{202, ``, ""},
		{202, `{"error":{"type":"queued","message":"Queued"}}`, ""},
		{503, `<html>`, ""},
		{500, ``, ""},
		{404, `{"error":{"type":"unknown_route","message":"x"}}`, ""},
		{200, `{"company":7}`, fault.UpstreamError},
		{401, `{"error":{"type":"invalid_api_key","message":"x"}}`, fault.CredentialInvalid},
		{402, `{"error":{"type":"over_quota","message":"x"}}`, fault.NotPermitted},
		{422, `{"error":{"type":"email_invalid","message":"x"}}`, fault.InvalidArguments},
	} {
		w := against(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/person-stream/") {
				w.WriteHeader(http.StatusAccepted)
				return
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}), time.Now, streams)
		if c.kind != "" {
			w.refused(c.kind, "clearbit_enrich_person", `{"email":"a@b.example"}`)
			continue
		}
		if got := must[Enriched](w, "clearbit_enrich_person", `{"email":"a@b.example"}`); got.Status != queued {
			t.Errorf("%d %s: %+v", c.status, c.body, got)
		}
	}
}

// "No match" is an answer; it is billed, so within a day it is not asked for again
// with the same credential.
func TestNoMatchIsNotPaidTwice(t *testing.T) {
	at := &clock{time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	w := against(t, double.New(time.Now), at.now, streams)
	const args = `{"email":"nobody@nowhere.example"}`
	got := must[Enriched](w, "clearbit_enrich_person", args)
	if got.Status != noMatch || !strings.Contains(got.Text(), "no record") || got.Note != "" {
		t.Errorf("%+v", got)
	}
	w.came("/v2/combined/find")
	at.t = at.t.Add(23 * time.Hour)
	got = must[Enriched](w, "clearbit_enrich_person", `{"email":"NOBODY@nowhere.example","cached":true}`)
	if got.Status != noMatch || !strings.Contains(got.Note, "2026-11-24 09:00 UTC") {
		t.Errorf("%+v", got)
	}
	w.came()

	// Another question, another credential, another day.
	must[Enriched](w, "clearbit_enrich_person", `{"email":"nobody@nowhere.example","given_name":"No"}`)
	w.came("/v2/combined/find")
	mine := w.cred.(toolstest.Static)
	w.cred = other{mine}
	must[Enriched](w, "clearbit_enrich_person", args)
	w.came("/v2/combined/find")
	w.cred = mine
	at.t = at.t.Add(2 * time.Hour)
	must[Enriched](w, "clearbit_enrich_person", args)
	w.came("/v2/combined/find")

	// What is found, queued or failed is not kept.
	for range 2 {
		must[EnrichedCompany](w, "clearbit_enrich_company", `{"domain":"fjordline.example","wait":false}`)
		must[FoundDomain](w, "clearbit_find_domain", `{"name":"acme"}`)
	}
	w.came("/company/v2/companies/find", "/company/v1/domains/find", "/company/v2/companies/find", "/company/v1/domains/find")
}

// An empty 200 is no record, and no word that there is none.
func TestNothingIsNoAnswer(t *testing.T) {
	answering(t, 200, "").refused(fault.UpstreamError, "clearbit_enrich_person", `{"email":"a@b.example"}`)
	if got := must[Enriched](answering(t, 200, `{"person":null,"company":null}`), "clearbit_enrich_person", `{"email":"a@b.example"}`); got.Status != noMatch {
		t.Errorf("%+v", got)
	}
}
