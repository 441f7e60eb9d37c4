package hubspot

import (
	"testing"

	"toolvault/tools/fault"
)

// HubSpot has pseudo-properties that tell of other records: a filter on one would
// tell an agent of deals that it may not see. associated_with asks for the right.
func TestAFilterTellsNothingOfOtherTypes(t *testing.T) {
	w := newWorld(t)
	for _, property := range []string{"associations.deal", "associations.contact", "Associations.deal", " associations.deal", "associations"} {
		for _, op := range []string{`"op":"eq","value":"84513047290"`, `"op":"has"`, `"op":"in","values":["84513047290"]`} {
			for _, tool := range []string{"hubspot_search_objects", "hubspot_count_objects"} {
				c := w.client()
				c.Permit(func(scope string) bool { return scope == "crm.objects.contacts.read" })
				before := len(w.asked)
				out, err := w.callWith(c, tool, `{"object_type":"contacts","filters":[{"property":"`+property+`",`+op+`}]}`)
				if f := fault.From(err); f == nil || f.Kind != fault.InvalidArguments || len(w.asked) != before {
					t.Errorf("%s by %q %s: %+v, %v", tool, property, op, out, err)
				}
			}
		}
	}
	if _, err := w.call("hubspot_search_objects", `{"object_type":"contacts","associated_with":{"type":"deals","id":"84513047290"}}`); err != nil {
		t.Error(err)
	}
}
