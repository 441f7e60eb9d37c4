package hubspot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

func TestATimelineIsReadableAndSorted(t *testing.T) {
	w := newWorld(t)
	out := w.must("hubspot_get_activity", `{"object_type":"contacts","id":"`+dana+`"}`).(Timeline)
	var order []string
	for _, e := range out.Activities {
		order = append(order, e.Type)
		if e.At == "" || e.URL == "" || strings.ContainsAny(e.Body, "<>") {
			t.Errorf("%+v", e)
		}
	}
	if got := strings.Join(order, " "); got != "tasks emails calls notes meetings" || out.Total != 5 || out.Activities[2].Owner != "Tomoko Nomura" || out.Activities[3].Body != "Wants the annual plan again.\nBudget is approved." {
		t.Errorf("%s: %+v", got, out)
	}
	since := w.must("hubspot_get_activity", `{"object_type":"contacts","id":"`+dana+`","since":"10d","types":["calls","notes","emails"]}`).(Timeline)
	if since.Total != 2 || since.Activities[0].Type != "emails" {
		t.Errorf("%+v", since)
	}
	none := w.must("hubspot_get_activity", `{"object_type":"companies","id":"84512209458"}`).(Timeline)
	if none.Total != 0 || len(none.Activities) != 0 || none.Text() != "0 of 0 activities" {
		t.Errorf("%+v", none)
	}
	w.fails(fault.InvalidArguments, "", "hubspot_get_activity", `{"object_type":"contacts","id":"dana"}`)
	long := strings.Repeat("word ", 400)
	sandbox.HubSpotAdd(w.double, "notes", map[string]string{"hs_note_body": "<p>" + long + "</p>", "hs_timestamp": "2026-11-24T08:00:00Z"}, "contacts "+dana)
	brief := w.must("hubspot_get_activity", `{"object_type":"contacts","id":"`+dana+`","types":["notes"]}`).(Timeline).Activities[0].Body
	whole := w.must("hubspot_get_activity", `{"object_type":"contacts","id":"`+dana+`","types":["notes"],"response_format":"detailed"}`).(Timeline).Activities[0].Body
	if len([]rune(brief)) != briefBody || !strings.HasSuffix(brief, "…") || whole != strings.TrimSpace(long) {
		t.Errorf("%d and %d characters", len(brief), len(whole))
	}
}

// TestALongTimelineIsPagedWithoutGaps reads more notes than one answer of HubSpot's
// holds, some at the same moment, while another is written between the pages.
func TestALongTimelineIsPagedWithoutGaps(t *testing.T) {
	w := newWorld(t)
	company := sandbox.HubSpotAdd(w.double, "companies", map[string]string{"name": "Big"})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const n = 510
	for i := range n {
		sandbox.HubSpotAdd(w.double, "notes", map[string]string{"hs_note_body": fmt.Sprint(i), "hs_timestamp": start.Add(time.Duration(i/3) * time.Minute).Format(stampForm)}, "companies "+company)
	}
	var told []string
	seen, cursor, pages := map[string]bool{}, "", 0
	for ; pages == 0 || cursor != ""; pages++ {
		client := w.client()
		client.Report(func(done, total float64, what string) { told = append(told, fmt.Sprint(done, "/", total, " ", what)) })
		got, err := w.callWith(client, "hubspot_get_activity", `{"object_type":"companies","id":"`+company+`","limit":50,"types":["notes","calls"],"cursor":"`+cursor+`"}`)
		if err != nil {
			t.Fatal(err)
		}
		out := got.(Timeline)
		for _, e := range out.Activities {
			if seen[e.ID] {
				t.Fatalf("%s twice", e.ID)
			}
			seen[e.ID] = true
		}
		cursor = out.Next
		if pages == 3 { // newer than all: it is not seen, and nothing else is lost
			sandbox.HubSpotAdd(w.double, "notes", map[string]string{"hs_note_body": "new", "hs_timestamp": "2026-11-24T08:00:00.000Z"}, "companies "+company)
		}
	}
	if len(seen) != n || pages != 11 {
		t.Errorf("saw %d of %d on %d pages", len(seen), n, pages)
	}
	if len(told) != 2*pages || told[0] != "1/2 notes read" {
		t.Errorf("%v", told[:2])
	}
	w.fails(fault.InvalidArguments, "", "hubspot_get_activity", `{"object_type":"contacts","id":"`+dana+`","cursor":"bm8"}`)
}
