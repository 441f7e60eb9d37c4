package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
	"toolvault/vault"
)

// rows is the arguments of a batch of n records.
func rows(n int, row func(i int) string) string {
	var all []string
	for i := range n {
		all = append(all, row(i))
	}
	return strings.Join(all, ",")
}

func TestABatchSaysWhichRowsFailed(t *testing.T) {
	w := newWorld(t)
	out := w.must("hubspot_batch_update_objects", `{"object_type":"contacts","records":[{"id":"`+dana+`","properties":{"city":"Rotterdam"}},{"id":"1","properties":{"city":"x"}},{"id":"`+marcus+`","properties":{"lifecyclestage":"friend"}}]}`).(Written)
	if out.Done != 1 || out.Rows[0].ID != dana || len(out.Failed) != 2 || out.Failed[0].Row != 2 || out.Failed[0].ID != "1" || out.Failed[1].Row != 3 || !strings.Contains(out.Failed[1].Error, "allowed options") {
		t.Errorf("%+v", out)
	}
	if got := sandbox.HubSpotRecord(w.double, "contacts", dana); got["city"] != "Rotterdam" {
		t.Errorf("%v", got)
	}
	out = w.must("hubspot_batch_upsert_objects", `{"object_type":"contacts","id_property":"email","records":[{"id":"dana.whitfield@acme.example","properties":{"city":"Delft"}},{"id":"noor@acme.example","properties":{"firstname":"Noor"}},{"id":"no address","properties":{"firstname":"X"}}]}`).(Written)
	if out.Done != 2 || out.Rows[0].Created || !out.Rows[1].Created || out.Rows[1].Key != "noor@acme.example" || len(out.Failed) != 1 || out.Failed[0].Row != 3 {
		t.Errorf("%+v", out)
	}
	out = w.must("hubspot_batch_create_objects", `{"object_type":"tickets","records":[{"properties":{"subject":"A","hs_pipeline_stage":"Waiting on us"},"associate_to":[{"type":"contacts","id":"`+dana+`"}]},{"properties":{"subject":"B"},"associate_to":[{"type":"contacts","id":"1"}]}]}`).(Written)
	if out.Done != 1 || !out.Rows[0].Created || out.Rows[0].Name != "A" || len(out.Failed) != 1 || out.Failed[0].Row != 2 {
		t.Errorf("%+v", out)
	}
	linked := w.must("hubspot_list_associations", `{"object_type":"tickets","id":"`+out.Rows[0].ID+`","to_type":"contacts"}`).(Associations)
	if len(linked.Results) != 1 || linked.Results[0].Name != "Dana Whitfield" {
		t.Errorf("%+v", linked)
	}
	got := w.must("hubspot_batch_get_objects", `{"object_type":"contacts","ids":["noor@acme.example","nobody@acme.example","DANA.whitfield@acme.example"],"properties":["firstname"]}`).(Read)
	if len(got.Results) != 2 || len(got.Missing) != 1 || got.Missing[0] != "nobody@acme.example" {
		t.Errorf("%+v", got)
	}
	up := w.must("hubspot_upsert_contact", `{"email":"yuki.abe@kestrel.example","properties":{"jobtitle":"CEO"}}`).(Upserted)
	if up.Created || up.Record.Properties["jobtitle"] != "CEO" {
		t.Errorf("%+v", up)
	}
	w.fails(fault.InvalidArguments, "", "hubspot_upsert_contact", `{"email":"nobody","properties":{"jobtitle":"CEO"}}`)
	w.fails(fault.InvalidArguments, "", "hubspot_batch_update_objects", `{"object_type":"contacts","records":[{"id":"x","properties":{"city":"x"}}]}`)
	w.fails(fault.InvalidArguments, "", "hubspot_batch_update_objects", `{"object_type":"contacts","records":[{"id":"1","properties":{"city":"x"}},{"id":"1","properties":{"city":"y"}}]}`)
	f := w.fails(fault.NotFound, "", "hubspot_batch_update_objects", `{"object_type":"deals","records":[{"id":"1","properties":{"dealstage":"Nowhere"}}]}`)
	if !strings.HasPrefix(f.Message, "records.0: ") {
		t.Errorf("%q", f.Message)
	}
}

func TestALongBatchReportsProgressAndGoesOnAfterAFailure(t *testing.T) {
	w := newWorld(t)
	var told []float64
	client := w.client()
	client.Report(func(done, total float64, _ string) {
		if total != 250 {
			t.Errorf("of %v", total)
		}
		told = append(told, done)
	})
	out, err := w.callWith(client, "hubspot_batch_create_objects", `{"object_type":"companies","records":[`+rows(250, func(i int) string { return fmt.Sprintf(`{"properties":{"name":"Company %d"}}`, i) })+`]}`)
	if err != nil || out.(Written).Done != 250 || fmt.Sprint(told) != "[100 200 250]" {
		t.Errorf("%v, told %v", err, told)
	}
	n := 0
	for _, asked := range w.asked {
		if asked == "POST /crm/objects/2026-09/companies/batch/create" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d requests", n)
	}
	// Those behind the first hundred meet a property that there is not: HubSpot says
	// so of each row.
	bad := w.must("hubspot_batch_create_objects", `{"object_type":"companies","records":[`+rows(101, func(i int) string {
		return fmt.Sprintf(`{"properties":{"%s":"x"}}`, map[bool]string{true: "name", false: "nmae"}[i < 100])
	})+`]}`).(Written)
	if bad.Done != 100 || len(bad.Failed) != 1 || bad.Failed[0].Row != 101 {
		t.Errorf("%d done, %+v", bad.Done, bad.Failed)
	}
}

// TestAStoppedBatchSaysHowFarItCame cancels after the first request.
func TestAStoppedBatchSaysHowFarItCame(t *testing.T) {
	double := sandbox.NewHubSpot()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests++
		double.ServeHTTP(rw, r)
	}))
	defer server.Close()
	svc := New()
	client := toolstest.Client(svc.Endpoint, server.URL, toolstest.Static{Scheme: vault.Bearer, Secret: double.Secret})
	client.Report(func(done, _ float64, _ string) {
		if done == 100 {
			cancel()
		}
	})
	args := json.RawMessage(`{"object_type":"companies","records":[` + rows(300, func(i int) string { return fmt.Sprintf(`{"properties":{"name":"%d"}}`, i) }) + `]}`)
	for _, tool := range svc.Tools {
		if tool.Name != "hubspot_batch_create_objects" {
			continue
		}
		_, err := tool.Run(ctx, client, args)
		f := fault.From(err)
		if f == nil || f.Kind != fault.Cancelled || !strings.Contains(f.Message, "first 100 of 300") || requests != 1 {
			t.Errorf("%v after %d requests", err, requests)
		}
	}
}

// A request that fails as a whole after others have been done is told with those.
func TestABatchThatBreaksOffTellsWhatIsDone(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests++
		var in struct {
			Inputs []input `json:"inputs"`
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		if requests == 2 {
			rw.WriteHeader(http.StatusInternalServerError)
			return
		}
		results := rows(len(in.Inputs), func(i int) string {
			return fmt.Sprintf(`{"id":"%d","objectWriteTraceId":"%s"}`, i+1, in.Inputs[i].Trace)
		})
		_, _ = fmt.Fprintf(rw, `{"status":"COMPLETE","results":[%s]}`, results)
	}))
	defer server.Close()
	client := toolstest.Client(New().Endpoint, server.URL, toolstest.Static{Scheme: vault.Bearer, Secret: "x"})
	out, err := toolstest.Call(t, New(), client, "hubspot_batch_create_objects", `{"object_type":"companies","records":[`+rows(300, func(i int) string { return fmt.Sprintf(`{"properties":{"name":"%d"}}`, i) })+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	if w := out.(Written); w.Done != 100 || len(w.Failed) != 100 || w.Failed[0].Row != 101 || !strings.Contains(w.Note, "records 101 to 200") || requests != 2 {
		t.Errorf("%d done, %d failed, %q, %d requests", w.Done, len(w.Failed), w.Note, requests)
	}
}
