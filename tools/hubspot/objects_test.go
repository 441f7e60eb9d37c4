package hubspot

import (
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

func TestReadsHistoryAndArchivedRecords(t *testing.T) {
	w := newWorld(t)
	w.must("hubspot_update_object", `{"object_type":"contacts","id":"`+dana+`","properties":{"jobtitle":"COO"}}`)
	got := w.must("hubspot_get_object", `{"object_type":"contacts","id":"`+dana+`","history":["jobtitle","phone"]}`).(Whole)
	if h := got.History["jobtitle"]; len(h) != 2 || h[0].Value != "COO" || h[1].Value != "Operations lead" || h[1].At != "2026-03-02T09:00:00Z" || !strings.Contains(got.Text(), "jobtitle since 2026-03-02T09:00:00Z: «Operations lead» by «API»") {
		t.Errorf("%+v\n%s", got.History, got.Text())
	}
	w.must("hubspot_archive_object", `{"object_type":"contacts","id":"`+dana+`"}`)
	w.fails(fault.NotFound, "OBJECT_NOT_FOUND", "hubspot_get_object", `{"object_type":"contacts","id":"`+dana+`"}`)
	gone := w.must("hubspot_list_objects", `{"object_type":"contacts","archived":true}`).(Listed)
	if len(gone.Results) != 1 || !gone.Results[0].Archived || !strings.Contains(gone.Text(), "| archived |") {
		t.Errorf("%+v", gone)
	}
	for _, id := range []string{"x", "..", "1/associations", ""} {
		w.asked = nil
		if _, err := w.call("hubspot_archive_object", `{"object_type":"contacts","id":"`+id+`"}`); err == nil || len(w.asked) > 0 {
			t.Errorf("%q: %v, asked %v", id, err, w.asked)
		}
	}
}

func TestListsAllRecordsPageByPage(t *testing.T) {
	w := newWorld(t)
	seen, cursor := map[string]bool{}, ""
	for range 10 {
		out := w.must("hubspot_list_objects", `{"object_type":"contacts","limit":2,"associations":["companies"],"properties":["email","shoe_size"],"cursor":"`+cursor+`"}`).(Listed)
		for _, r := range out.Results {
			seen[r.ID] = true
			if strings.HasSuffix(r.Properties["email"], "@acme.example") && len(r.Associations) != 1 {
				t.Errorf("%+v", r)
			}
		}
		if !strings.Contains(out.Note, "contacts have no property shoe_size") {
			t.Errorf("%q", out.Note)
		}
		if cursor = out.Next; cursor == "" {
			break
		}
	}
	if len(seen) != 5 {
		t.Errorf("saw %d", len(seen))
	}
}

// TestAPageIsCutAtAWholeRecord asks for more than an answer holds.
func TestAPageIsCutAtAWholeRecord(t *testing.T) {
	w := newWorld(t)
	const n = 150
	for range n {
		sandbox.HubSpotAdd(w.double, "tickets", map[string]string{"subject": "long", "content": strings.Repeat("much to say ", 100)})
	}
	for _, tool := range []string{"hubspot_list_objects", "hubspot_search_objects"} {
		seen, cursor, pages := map[string]bool{}, "", 0
		for ; pages == 0 || cursor != ""; pages++ {
			out := w.must(tool, `{"object_type":"tickets","limit":100,"properties":["subject","content"],"cursor":"`+cursor+`"}`)
			var results []Record
			switch out := out.(type) {
			case Listed:
				results, cursor = out.Results, out.Next
			case Found:
				results, cursor = out.Results, out.Next
			}
			for _, r := range results {
				if seen[r.ID] {
					t.Fatalf("%s: %s twice", tool, r.ID)
				}
				seen[r.ID] = true
			}
		}
		if len(seen) != n+2 || pages < 2 {
			t.Errorf("%s: saw %d of %d on %d pages", tool, len(seen), n+2, pages)
		}
	}
}

func TestMergesTwoRecords(t *testing.T) {
	w := newWorld(t)
	const rafael = "84512628374"
	one := w.must("hubspot_merge_objects", `{"object_type":"contacts","primary_id":"`+rafael+`","merge_id":"`+dana+`"}`).(One)
	if one.Record.ID != rafael {
		t.Errorf("%+v", one)
	}
	deals := w.must("hubspot_list_associations", `{"object_type":"contacts","id":"`+rafael+`","to_type":"deals"}`).(Associations)
	if len(deals.Results) != 1 || deals.Results[0].Name != "Acme annual renewal" {
		t.Errorf("%+v", deals)
	}
	w.fails(fault.InvalidArguments, "", "hubspot_merge_objects", `{"object_type":"contacts","primary_id":"1","merge_id":"1"}`)
	w.fails(fault.NotFound, "OBJECT_NOT_FOUND", "hubspot_merge_objects", `{"object_type":"contacts","primary_id":"`+rafael+`","merge_id":"1"}`)
}

func TestWhatHubSpotSaysOfARefusalIsKept(t *testing.T) {
	for body, want := range map[string]string{
		`{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"x was not one of the allowed options: [a, b]\",\"error\":\"INVALID_OPTION\",\"name\":\"dealtype\"}]"}`: "Property values were not valid: dealtype: x was not one of the allowed options: [a, b]",
		`{"category":"VALIDATION_ERROR","message":"Required properties are missing","errors":[{"message":"closed lost needs a reason","code":"REQUIRED","context":{"properties":["closed_lost_reason"]}}]}`:                 "Required properties are missing; closed lost needs a reason [properties: closed_lost_reason]",
		`{"category":"VALIDATION_ERROR","message":"No","context":{"rule":["stage closedlost"],"n":[1]}}`:                                                                                                                    "No; [rule: stage closedlost]",
	} {
		w := newRefusing(t, 400, body)
		_, err := w.call("hubspot_update_object", `{"object_type":"contacts","id":"1","properties":{"email":"a"}}`)
		if f := fault.From(err); f == nil || f.Kind != fault.InvalidArguments || !strings.Contains(f.Message, want) {
			t.Errorf("%v\nwant %q", err, want)
		}
	}
}
