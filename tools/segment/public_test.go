package segment

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
)

// Things are found by id, slug, name or a part of the name; a wrong one is told the
// near ones.
func TestNamesAreResolved(t *testing.T) {
	w := sandboxed(t)
	id := must[Sources](w, "segment_list_sources", `{"source":"Support app"}`).Sources[0].ID
	for _, word := range []string{id, "support_app", "SUPPORT APP", "support"} {
		got := must[Sources](w, "segment_list_sources", fmt.Sprintf(`{"source":%q}`, word)).Sources
		if len(got) != 1 || got[0].ID != id {
			t.Errorf("%q: %+v", word, got)
		}
	}
	if p := must[Sources](w, "segment_list_sources", `{"source":"Website"}`).Sources[0].Plan; !strings.HasPrefix(p, "tp_") {
		t.Errorf("tracking plan %q", p)
	}
	w.refused("segment_list_sources", `{"source":"Web site"}`, fault.NotFound, "Website")
	w.refused("segment_set_destination_enabled", `{"destination":"Amplitute","enabled":true}`, fault.NotFound, "Did you mean «Amplitude»?")
	w.refused("segment_list_sources", `{"source":"xlhRzDEYkkHSTiIkIYDLLx"}`, fault.NotFound, "segment_list_sources")
	w.refused("segment_list_tracking_plans", `{"plan":"../sources"}`, fault.NotFound, "Northwind product")
}

func TestPagesOfALists(t *testing.T) {
	w := sandboxed(t)
	var all []string
	for next := ""; ; {
		page := must[Sources](w, "segment_list_sources", fmt.Sprintf(`{"limit":1,"cursor":%q}`, next))
		all = append(all, page.Sources[0].Name)
		if next = page.Next; next == "" {
			break
		}
	}
	if strings.Join(all, ",") != "Website,Support app,Billing" {
		t.Errorf("%v", all)
	}
	first := must[TrackingPlans](w, "segment_list_tracking_plans", `{"plan":"Northwind product","limit":3}`)
	second := must[TrackingPlans](w, "segment_list_tracking_plans", fmt.Sprintf(`{"plan":"Northwind product","limit":3,"cursor":%q}`, first.Next))
	if len(first.Rules) != 3 || len(second.Rules) != 1 || second.Next != "" {
		t.Errorf("%d and %d rules", len(first.Rules), len(second.Rules))
	}
	if with := must[TrackingPlans](w, "segment_list_tracking_plans", `{"plan":"Northwind product","with_schema":true}`); !strings.Contains(with.Rules[0].Schema, `"required":["rows","reason"]`) || first.Rules[0].Schema != "" {
		t.Errorf("%+v", with.Rules[0])
	}
}

func TestADestinationIsSwitched(t *testing.T) {
	w := sandboxed(t)
	off := must[Switched](w, "segment_set_destination_enabled", `{"destination":"Amplitude","enabled":false}`)
	if off.Enabled || !strings.Contains(off.Text(), "gets no more data") {
		t.Errorf("%+v", off)
	}
	for _, d := range must[Destinations](w, "segment_list_destinations", `{"source":"Website"}`).Destinations {
		if d.Enabled != (d.Name != "Amplitude") {
			t.Errorf("%+v", d)
		}
	}
	changes := must[AuditEvents](w, "segment_list_audit_events", fmt.Sprintf(`{"resource_id":%q}`, off.ID))
	if len(changes.Events) != 1 || changes.Events[0].Resource != "Amplitude" {
		t.Errorf("%+v", changes)
	}
}

func TestVolumes(t *testing.T) {
	w := sandboxed(t)
	whole := must[Volumes](w, "segment_event_volume", `{"event":"Signed Up"}`)
	if whole.Start != "2026-11-17T08:59:00Z" || whole.End != "2026-11-24T08:59:00Z" || len(whole.Volumes) != 1 || len(whole.Volumes[0].Series) != 8 {
		t.Errorf("%+v", whole)
	}
	var sum int64
	for _, p := range whole.Volumes[0].Series {
		sum += p.Count
	}
	if sum != whole.Total || sum == 0 {
		t.Errorf("the days come to %d, the total is %d", sum, whole.Total)
	}
	by := must[Volumes](w, "segment_event_volume", `{"group_by":"source"}`)
	if len(by.Volumes) != 2 || by.Volumes[0].Source != "Website" || by.Volumes[0].Series != nil {
		t.Errorf("%+v", by)
	}
	why := must[Volumes](w, "segment_delivery_overview", `{"stage":"failed-delivery","source":"Website","destination":"Amplitude","group_by":"discardReason"}`)
	if len(why.Volumes) != 2 || why.Volumes[0].Reason == "" {
		t.Errorf("%+v", why)
	}
	for args, want := range map[string]string{
		`{"granularity":"MINUTE","start":"5h"}`:     "4 hours",
		`{"granularity":"HOUR","start":"15d"}`:      "14 days",
		`{"start":"91d"}`:                           "90 days",
		`{"start":"2026-11-20","end":"2026-11-19"}`: "before end",
		`{"start":"whenever"}`:                      "is no time",
	} {
		w.refused("segment_event_volume", args, fault.InvalidArguments, want)
	}
	w.refused("segment_delivery_overview", `{"stage":"failed-delivery","source":"Website"}`, fault.InvalidArguments, "give destination")
	w.refused("segment_delivery_overview", `{"stage":"failed-on-ingest","source":"Website","destination":"Amplitude"}`, fault.InvalidArguments, "leave destination out")
	w.refused("segment_delivery_overview", `{"stage":"failed-on-ingest","source":"Website","start":"31d"}`, fault.InvalidArguments, "30 days")
}

// A regulation deletes, and keeps what comes later from being taken.
func TestARegulation(t *testing.T) {
	w := sandboxed(t)
	if a := w.files["segment_create_regulation"].Annotations; !a.Irreversible || !a.Destructive {
		t.Error("it cannot be brought back, and has to be off until an admin names it")
	}
	out := must[Regulated](w, "segment_create_regulation", `{"type":"SUPPRESS_WITH_DELETE","user_ids":["usr_2044"]}`)
	if !strings.Contains(out.Text(), "cannot be taken back") {
		t.Error(out.Text())
	}
	w.refused("segment_get_profile", `{"profile":"usr_2044"}`, fault.NotFound)
	must[Accepted](w, "segment_identify", `{"user_id":"usr_2044","traits":{"plan":"free"}}`)
	w.refused("segment_get_profile", `{"profile":"usr_2044"}`, fault.NotFound)
	list := must[Regulations](w, "segment_list_regulations", `{"status":"RUNNING"}`).Regulations
	if len(list) != 1 || list[0].ID != out.ID || list[0].Users != 1 {
		t.Errorf("%+v", list)
	}
	one := must[Regulated](w, "segment_create_regulation", `{"type":"SUPPRESS_ONLY","user_ids":["usr_2042"],"source":"Website"}`)
	if one.SourceID == "" || !strings.Contains(one.Text(), one.SourceID) {
		t.Errorf("%+v", one)
	}
	before := w.double.Requests()
	w.refused("segment_create_regulation", `{"type":"DELETE_ONLY","user_ids":["usr_1"," "]}`, fault.InvalidArguments, "user_ids[1]")
	if w.double.Requests() != before {
		t.Error("it was sent all the same")
	}
}

// Answers stay readable when a workspace is large: cut at a whole item, with a cursor.
func TestReadsChangeNothing(t *testing.T) {
	w := sandboxed(t)
	before := w.double.Snapshot()
	for tool, file := range w.files {
		if !file.Annotations.ReadOnly {
			continue
		}
		out, err := w.call(tool, string(file.Example))
		if err != nil || out.(tools.Texter).Text() == "" {
			t.Errorf("%s: %v", tool, err)
		}
	}
	if !maps.Equal(before, w.double.Snapshot()) {
		t.Error("a read changed something")
	}
}

// Names are looked up once in five minutes for each credential.
func TestNamesAreKeptForAWhile(t *testing.T) {
	w := sandboxed(t)
	now := moment
	w.svc = newService(func() time.Time { return now })
	requests := func() int {
		before := w.double.Requests()
		must[Sources](w, "segment_list_sources", `{"source":"Website"}`)
		return w.double.Requests() - before
	}
	first, second := requests(), requests()
	now = now.Add(namesFor + time.Second)
	if third := requests(); first != 2 || second != 1 || third != 2 {
		t.Errorf("%d, %d and %d requests", first, second, third)
	}
}
