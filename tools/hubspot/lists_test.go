package hubspot

import (
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

func TestListsAreFoundByNameAndChanged(t *testing.T) {
	w := newWorld(t)
	all := w.must("hubspot_search_lists", `{}`).(SegmentList)
	if len(all.Lists) != 3 || all.Total != 3 || all.Lists[0].Size != 2 || all.Lists[0].Kind != "manual" || all.Lists[2].ObjectType != "deals" {
		t.Errorf("%+v", all)
	}
	if deals := w.must("hubspot_search_lists", `{"object_type":"deals"}`).(SegmentList); len(deals.Lists) != 1 {
		t.Errorf("%+v", deals)
	}
	page := w.must("hubspot_search_lists", `{"limit":2}`).(SegmentList)
	rest := w.must("hubspot_search_lists", `{"limit":2,"cursor":"`+page.Next+`"}`).(SegmentList)
	if len(page.Lists) != 2 || len(rest.Lists) != 1 || rest.Next != "" {
		t.Errorf("%+v %+v", page, rest)
	}
	members := w.must("hubspot_list_members", `{"list":"all customers","limit":2}`).(Members)
	if len(members.Results) != 2 || members.Total != 3 || members.Results[0].Name != "Dana Whitfield" || members.Next == "" {
		t.Errorf("%+v", members)
	}
	last := w.must("hubspot_list_members", `{"list":"42","limit":2,"cursor":"`+members.Next+`"}`).(Members)
	if len(last.Results) != 1 || last.Next != "" {
		t.Errorf("%+v", last)
	}
	done := w.must("hubspot_update_list_members", `{"list":"newsletter","add":["`+marcus+`","`+dana+`","1"]}`).(Membership)
	if len(done.Added) != 1 || len(done.Missing) != 1 || done.Note != "1 were so already" {
		t.Errorf("%+v", done)
	}
	if f := w.fails(fault.InvalidArguments, "", "hubspot_update_list_members", `{"list":"All customers","add":["`+marcus+`"]}`); !strings.Contains(f.Message, "filter chooses") {
		t.Errorf("%v", f)
	}
	if f := w.fails(fault.NotFound, "", "hubspot_list_members", `{"list":"Newsleter"}`); !strings.Contains(f.Message, "hubspot_search_lists") {
		t.Errorf("%v", f)
	}
	w.fails(fault.NotFound, "OBJECT_NOT_FOUND", "hubspot_list_members", `{"list":"99"}`)
	w.fails(fault.InvalidArguments, "", "hubspot_update_list_members", `{"list":"41"}`)
	w.fails(fault.InvalidArguments, "", "hubspot_update_list_members", `{"list":"41","add":["x"]}`)
}

func TestAssociationsHaveLabels(t *testing.T) {
	w := newWorld(t)
	w.must("hubspot_associate", `{"from_type":"contacts","from_id":"`+marcus+`","to_type":"deals","to_ids":["`+renewal+`"],"label":"decision maker"}`)
	list := w.must("hubspot_list_associations", `{"object_type":"deals","id":"`+renewal+`","to_type":"contacts","properties":["jobtitle","shoe_size"]}`).(Associations)
	if len(list.Results) != 2 || list.Results[1].As[0] != "Decision maker" || list.Results[0].As != nil || list.Results[1].Properties["jobtitle"] != "Data analyst" || !strings.Contains(list.Note, "shoe_size") {
		t.Errorf("%+v", list)
	}
	first := w.must("hubspot_list_associations", `{"object_type":"deals","id":"`+renewal+`","to_type":"contacts","limit":1}`).(Associations)
	next := w.must("hubspot_list_associations", `{"object_type":"deals","id":"`+renewal+`","to_type":"contacts","limit":1,"cursor":"`+first.Next+`"}`).(Associations)
	if first.Results[0].ID != dana || next.Results[0].ID != marcus || next.Next != "" {
		t.Errorf("%+v %+v", first, next)
	}
	// A label goes, and the association stays; then all of it goes.
	w.must("hubspot_disassociate", `{"from_type":"deals","from_id":"`+renewal+`","to_type":"contacts","to_ids":["`+marcus+`"],"label":"Decision maker"}`)
	list = w.must("hubspot_list_associations", `{"object_type":"deals","id":"`+renewal+`","to_type":"contacts"}`).(Associations)
	if len(list.Results) != 2 || list.Results[1].As != nil {
		t.Errorf("%+v", list)
	}
	w.must("hubspot_disassociate", `{"from_type":"deals","from_id":"`+renewal+`","to_type":"contacts","to_ids":["`+marcus+`","`+dana+`"]}`)
	if list = w.must("hubspot_list_associations", `{"object_type":"deals","id":"`+renewal+`","to_type":"contacts"}`).(Associations); len(list.Results) != 0 {
		t.Errorf("%+v", list)
	}
	half := w.must("hubspot_associate", `{"from_type":"deals","from_id":"`+renewal+`","to_type":"contacts","to_ids":["`+dana+`","1"]}`).(Joined)
	if len(half.ToIDs) != 1 || len(half.Failed) != 1 || half.Failed[0].ID != "1" {
		t.Errorf("%+v", half)
	}
	w.fails(fault.NotFound, "", "hubspot_associate", `{"from_type":"deals","from_id":"`+renewal+`","to_type":"contacts","to_ids":["1"]}`)
	w.fails(fault.InvalidArguments, "", "hubspot_associate", `{"from_type":"deals","from_id":"`+renewal+`","to_type":"contacts","to_ids":["x/y"]}`)
	one := w.must("hubspot_create_object", `{"object_type":"contacts","properties":{"email":"k@acme.example"},"associate_to":[{"type":"companies","id":"84512104729","label":"Billing contact"}]}`).(One)
	people := w.must("hubspot_list_associations", `{"object_type":"companies","id":"84512104729","to_type":"contacts","limit":100}`).(Associations)
	if last := people.Results[len(people.Results)-1]; last.ID != one.Record.ID || last.As[0] != "Billing contact" {
		t.Errorf("%+v", people)
	}
}

func TestCountsByStageAndChoice(t *testing.T) {
	w := newWorld(t)
	byStage := w.must("hubspot_count_objects", `{"object_type":"deals","by":"dealstage"}`).(Counted)
	if byStage.Total != 2 || len(byStage.Groups) != 2 || byStage.Groups[0].Label != "Qualified to buy in Sales Pipeline" {
		t.Errorf("%+v", byStage)
	}
	byOwner := w.must("hubspot_count_objects", `{"object_type":"contacts","by":"hubspot_owner_id","filters":[{"property":"company","op":"eq","value":"Acme"}]}`).(Counted)
	if byOwner.Total != 2 || len(byOwner.Groups) != 1 || byOwner.Groups[0].Label != "Tomoko Nomura" {
		t.Errorf("%+v", byOwner)
	}
	sandbox.HubSpotAdd(w.double, "contacts", map[string]string{"email": "x@y.example"})
	byLife := w.must("hubspot_count_objects", `{"object_type":"contacts","by":"lifecyclestage"}`).(Counted)
	if byLife.Total != 6 || byLife.Groups[0].Value != "customer" || byLife.Groups[0].Count != 3 || !strings.Contains(byLife.Text(), "without lifecyclestage: 1") {
		t.Errorf("%+v", byLife)
	}
	if plain := w.must("hubspot_count_objects", `{"object_type":"tickets"}`).(Counted); plain.Total != 2 || plain.Groups != nil {
		t.Errorf("%+v", plain)
	}
}

func TestPropertiesAreFoundMadeAndChanged(t *testing.T) {
	w := newWorld(t)
	found := w.must("hubspot_list_properties", `{"object_type":"contacts","search":"job"}`).(PropertyList)
	if found.Total != 1 || found.Properties[0].Name != "jobtitle" || found.Properties[0].Description != "" {
		t.Errorf("%+v", found)
	}
	page := w.must("hubspot_list_properties", `{"object_type":"contacts","limit":4}`).(PropertyList)
	next := w.must("hubspot_list_properties", `{"object_type":"contacts","limit":4,"cursor":"`+page.Next+`"}`).(PropertyList)
	if len(page.Properties) != 4 || len(next.Properties) != 4 || page.Properties[0].Name == next.Properties[0].Name || page.Total < 12 {
		t.Errorf("%+v %+v", page, next)
	}
	named := w.must("hubspot_list_properties", `{"object_type":"tickets","names":["hs_ticket_priority","subjekt"]}`).(PropertyList)
	if len(named.Properties) != 1 || len(named.Properties[0].Options) != 4 || named.Properties[0].Description == "" || !strings.Contains(named.Note, "did you mean subject?") {
		t.Errorf("%+v", named)
	}
	made := w.must("hubspot_create_property", `{"object_type":"contacts","name":"renewal_risk","label":"Renewal risk","type":"multi_select","options":[{"value":"low"},{"value":"high","label":"High!"}]}`).(Defined)
	if made.Property.Type != "enumeration/checkbox" || made.Property.Group != "contactinformation" || made.Property.Options[1].Label != "High!" {
		t.Errorf("%+v", made)
	}
	changed := w.must("hubspot_update_property", `{"object_type":"contacts","name":"renewal_risk","label":"Risk","add_options":[{"value":"none","label":"None"},{"value":"high","label":"High"}]}`).(Defined)
	if changed.Property.Label != "Risk" || len(changed.Property.Options) != 3 || changed.Property.Options[1].Label != "High" {
		t.Errorf("%+v", changed)
	}
	if again := w.must("hubspot_list_properties", `{"object_type":"contacts","names":["renewal_risk"]}`).(PropertyList); again.Properties[0].Label != "Risk" {
		t.Errorf("what was kept was not dropped: %+v", again)
	}
	if site := w.must("hubspot_create_property", `{"object_type":"2-41987213","name":"floor_area","label":"Floor area","type":"number"}`).(Defined); site.Property.Type != "number/number" {
		t.Errorf("%+v", site)
	}
	w.fails(fault.Conflict, "OBJECT_ALREADY_EXISTS", "hubspot_create_property", `{"object_type":"contacts","name":"renewal_risk","label":"x","type":"text"}`)
	w.fails(fault.InvalidArguments, "", "hubspot_create_property", `{"object_type":"contacts","name":"x","label":"x","type":"select"}`)
	w.fails(fault.InvalidArguments, "", "hubspot_create_property", `{"object_type":"contacts","name":"x","label":"x","type":"text","options":[{"value":"a"}]}`)
	w.fails(fault.InvalidArguments, "", "hubspot_update_property", `{"object_type":"contacts","name":"renewal_risk"}`)
	w.fails(fault.InvalidArguments, "", "hubspot_update_property", `{"object_type":"contacts","name":"renewal_risk","options":[{"value":"a"}],"add_options":[{"value":"b"}]}`)
	w.fails(fault.NotFound, "OBJECT_NOT_FOUND", "hubspot_update_property", `{"object_type":"contacts","name":"nope","label":"x"}`)
}
