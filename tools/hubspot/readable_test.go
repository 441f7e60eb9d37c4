package hubspot

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
)

// granted is a client of a call that was granted these scopes, though the
// credential itself may do anything.
func (w *world) granted(scopes ...string) *upstream.Client {
	c := w.client()
	c.Permit(func(scope string) bool { return slices.Contains(scopes, scope) })
	return c
}

// TestOnlyWhatWasGrantedIsSeenThroughAnotherType lets an agent that was granted
// contacts, and lists, ask for what hangs on them.
func TestOnlyWhatWasGrantedIsSeenThroughAnotherType(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ tool, args string }{
		{"hubspot_get_object", `{"object_type":"contacts","id":"` + dana + `","associations":["deals"]}`},
		{"hubspot_get_object", `{"object_type":"contacts","id":"` + dana + `","associations":["2-41987213"]}`},
		{"hubspot_list_objects", `{"object_type":"contacts","associations":["companies","deals"]}`},
		{"hubspot_search_objects", `{"object_type":"contacts","associated_with":{"type":"deals","id":"1"}}`},
		{"hubspot_search_objects", `{"object_type":"contacts","associated_with":{"type":"2-41987213","id":"1"}}`},
		{"hubspot_count_objects", `{"object_type":"contacts","associated_with":{"type":"deals","id":"` + renewal + `"}}`},
		{"hubspot_create_note", `{"body":"x","associate_to":[{"type":"deals","id":"` + renewal + `"}]}`},
		{"hubspot_create_task", `{"subject":"x","due":"friday","associate_to":[{"type":"deals","id":"` + renewal + `"}]}`},
		{"hubspot_log_call", `{"title":"x","associate_to":[{"type":"deals","id":"` + renewal + `"}]}`},
		{"hubspot_log_meeting", `{"title":"x","start":"yesterday","associate_to":[{"type":"deals","id":"` + renewal + `"}]}`},
		{"hubspot_create_object", `{"object_type":"contacts","properties":{"email":"a@b.example"},"associate_to":[{"type":"deals","id":"` + renewal + `"}]}`},
		{"hubspot_batch_create_objects", `{"object_type":"contacts","records":[{"properties":{"email":"a@b.example"},"associate_to":[{"type":"deals","id":"` + renewal + `"}]}]}`},
		{"hubspot_list_associations", `{"object_type":"contacts","id":"` + dana + `","to_type":"deals"}`},
		{"hubspot_list_association_labels", `{"from_type":"contacts","to_type":"deals"}`},
		{"hubspot_associate", `{"from_type":"contacts","from_id":"` + dana + `","to_type":"deals","to_ids":["` + renewal + `"]}`},
		{"hubspot_disassociate", `{"from_type":"contacts","from_id":"` + dana + `","to_type":"deals","to_ids":["` + renewal + `"]}`},
		{"hubspot_get_activity", `{"object_type":"contacts","id":"` + dana + `","types":["emails"]}`},
		{"hubspot_search_lists", `{"object_type":"deals"}`},
		{"hubspot_list_members", `{"list":"43"}`},
		{"hubspot_update_list_members", `{"list":"43","remove":["` + renewal + `"]}`},
		{"hubspot_get_workflow", `{"workflow":"585051999"}`},
	} {
		before := w.double.Snapshot()
		w.asked = nil
		client := w.granted("crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.notes.read", "crm.lists.read", "crm.lists.write", "automation")
		_, err := toolstest.Call(t, w.svc, client, c.tool, c.args)
		f := fault.From(err)
		if f == nil || f.Kind != fault.NotPermitted || len(f.Needed) != 1 || strings.HasPrefix(f.Needed[0], "hubspot:crm.objects.contacts.") || strings.Contains(f.Message, "Acme") {
			t.Errorf("%s %s: %v", c.tool, c.args, err)
		}
		if after := w.double.Snapshot(); len(before) != len(after) {
			t.Errorf("%s: something was done", c.tool)
		}
		for _, asked := range w.asked { // a list has to be read to know what it is of
			if asked != "GET /crm/lists/2026-09/43" && asked != "GET "+flowsPath+"/585051999" && asked != "GET "+accountPath {
				t.Errorf("%s asked %s", c.tool, asked)
			}
		}
	}
}

// TestChangingOneSideNeedsBoth: an association is a change of both records.
func TestChangingOneSideNeedsBoth(t *testing.T) {
	w := newWorld(t)
	for _, tool := range []string{"hubspot_associate", "hubspot_disassociate"} {
		client := w.granted("crm.objects.contacts.write", "crm.objects.contacts.read", "crm.objects.deals.read")
		_, err := w.callWith(client, tool, `{"from_type":"contacts","from_id":"`+dana+`","to_type":"deals","to_ids":["`+renewal+`"]}`)
		if f := fault.From(err); f == nil || f.Kind != fault.NotPermitted || f.Needed[0] != "hubspot:crm.objects.deals.write" {
			t.Errorf("%s: %v", tool, err)
		}
	}
}

// TestATypeThatWasNotGrantedLeavesNoTrace looks for deals in what a call sees that
// was not granted them.
func TestATypeThatWasNotGrantedLeavesNoTrace(t *testing.T) {
	w := newWorld(t)
	granted := []string{"crm.objects.contacts.read", "crm.objects.notes.read", "crm.objects.tasks.read", "crm.objects.calls.read", "crm.objects.meetings.read", "crm.lists.read", "automation"}
	for _, c := range []struct{ tool, args, says string }{
		{"hubspot_search_lists", `{"query":""}`, "Newsletter"},
		{"hubspot_search_lists", `{"query":"renewals"}`, "0 lists"},
		{"hubspot_list_workflows", `{}`, "Welcome new customers"},
		{"hubspot_get_activity", `{"object_type":"contacts","id":"` + dana + `"}`, "Renewal call"},
		{"hubspot_list_object_types", `{}`, "deals (0-3), may none"},
		{"hubspot_whoami", `{}`, "May change: nothing"},
	} {
		out, err := w.callWith(w.granted(granted...), c.tool, c.args)
		if err != nil {
			t.Errorf("%s: %v", c.tool, err)
			continue
		}
		text := out.(interface{ Text() string }).Text()
		raw, _ := json.Marshal(out)
		all := text + string(raw)
		for _, secret := range []string{"Renewals of the quarter", "Renewal reminders", "Acme annual renewal", renewal, "Export stops", "Rotterdam", "Sites", "in all"} {
			if strings.Contains(all, secret) {
				t.Errorf("%s tells of %q: %s", c.tool, secret, all)
			}
		}
		if !strings.Contains(text, c.says) {
			t.Errorf("%s: %s", c.tool, text)
		}
	}
	// A list is not found by a name either, and the failure names none.
	_, err := w.callWith(w.granted(granted...), "hubspot_list_members", `{"list":"Renewals of the quarter"}`)
	if f := fault.From(err); f == nil || f.Kind != fault.NotFound || strings.Contains(f.Message, "43") {
		t.Errorf("%v", err)
	}
	out, err := w.callWith(w.granted(granted...), "hubspot_get_activity", `{"object_type":"contacts","id":"`+dana+`"}`)
	if err != nil || !strings.Contains(out.(Timeline).Note, "emails were left out") || out.(Timeline).Total != 4 {
		t.Errorf("%+v %v", out, err)
	}
}
