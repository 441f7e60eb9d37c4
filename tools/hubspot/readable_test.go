package hubspot

import (
	"slices"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
)

// TestOnlyWhatWasGrantedIsSeenThroughAssociations lets an agent that was granted
// contacts ask for what hangs on them.
func TestOnlyWhatWasGrantedIsSeenThroughAssociations(t *testing.T) {
	w := newWorld(t)
	contact := w.id("contacts", "Dana Whitfield")
	for _, c := range []struct{ tool, args string }{
		{"hubspot_get_object", `{"object_type":"contacts","id":"` + contact + `","associations":["deals"]}`},
		{"hubspot_get_object", `{"object_type":"contacts","id":"` + contact + `","associations":["2-123"]}`},
		{"hubspot_search_objects", `{"object_type":"contacts","associated_with":{"type":"deals","id":"1"}}`},
		{"hubspot_create_note", `{"body":"x","associate_to":[{"type":"deals","id":"1"}]}`},
		{"hubspot_create_object", `{"object_type":"contacts","properties":{"email":"a@b.example"},"associate_to":[{"type":"deals","id":"1"}]}`},
	} {
		client := w.client()
		client.Permit(func(scope string) bool { return scope == "crm.objects.contacts.read" })
		_, err := toolstest.Call(t, w.svc, client, c.tool, c.args)
		f := fault.From(err)
		if f == nil || f.Kind != fault.NotPermitted || len(f.Needed) != 1 || slices.Contains(f.Needed, "hubspot:crm.objects.contacts.read") {
			t.Errorf("%s %s: %v", c.tool, c.args, f)
		}
	}
}
