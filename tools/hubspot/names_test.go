package hubspot

import (
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

const renewal, dana, marcus = "84513047290", "84512314187", "84512418916"

func TestFiltersTakeWhatPeopleSay(t *testing.T) {
	w := newWorld(t)
	for args, want := range map[string]string{
		`"object_type":"deals","filters":[{"property":"dealstage","op":"eq","value":"contract SENT"}]`:                                                                "Acme annual renewal",
		`"object_type":"deals","filters":[{"property":"dealstage","op":"eq","value":"contractsent"}]`:                                                                 "Acme annual renewal",
		`"object_type":"deals","filters":[{"property":"dealstage","op":"in","values":["Contract sent","Qualified to buy"]}],"sort":"dealname"`:                        "Acme annual renewal, Kestrel pilot",
		`"object_type":"deals","filters":[{"property":"dealstage","op":"neq","value":"Closed won"}],"sort":"dealname"`:                                                "Acme annual renewal, Kestrel pilot",
		`"object_type":"deals","filters":[{"property":"pipeline","op":"eq","value":"Sales Pipeline"},{"property":"dealstage","op":"eq","value":"Qualified"}]`:         "Kestrel pilot",
		`"object_type":"deals","filters":[{"property":"pipeline","op":"eq","value":"renewals"}]`:                                                                      "",
		`"object_type":"tickets","filters":[{"property":"hubspot_owner_id","op":"eq","value":"Jonas Brekke"}]`:                                                        "Export to CSV times out",
		`"object_type":"tickets","filters":[{"property":"hubspot_owner_id","op":"in","values":["marta.klein@northwind.example"]}]`:                                    "Cannot invite a second admin",
		`"object_type":"tickets","filters":[{"property":"hs_pipeline_stage","op":"eq","value":"New"},{"property":"createdate","op":"gt","value":"2026-11-22 12:00"}]`: "Export to CSV times out",
		`"object_type":"tickets","filters":[{"property":"createdate","op":"gt","value":"3d"}]`:                                                                        "Export to CSV times out",
		`"object_type":"tickets","filters":[{"property":"createdate","op":"between","value":"2026-11-19","high":"yesterday 07:00"}],"sort":"-createdate"`:             "Cannot invite a second admin",
		`"object_type":"tickets","filters":[{"property":"createdate","op":"between","value":"2026-11-19","high":"2026-11-23T07:00:00.000Z"}],"sort":"-createdate"`:    "Export to CSV times out, Cannot invite a second admin",
		`"object_type":"deals","sort":"dealname desc"`:                                         "Kestrel pilot, Acme annual renewal",
		`"object_type":"Sites","query":"rotterdam"`:                                            "Rotterdam plant",
		`"object_type":"site","filters":[{"property":"employees","op":"lt","value":100}]`:      "Tromsø harbour",
		`"object_type":"2-41987213","associated_with":{"type":"companies","id":"84512104729"}`: "Rotterdam plant",
		`"object_type":"companies","associated_with":{"type":"sites","id":"` + sandbox.HubSpotAdd(w.double, "2-41987213", map[string]string{"site_name": "x"}) + `"}`: "",
	} {
		out, err := w.call("hubspot_search_objects", `{`+args+`}`)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		var names []string
		for _, r := range out.(Found).Results {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

func TestAWrongNameIsAnsweredWithTheRightOnes(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		tool, args, says string
		kind             fault.Kind
	}{
		{"hubspot_search_objects", `{"object_type":"deals","filters":[{"property":"dealstage","op":"eq","value":"Contract snet"}]}`, `«Contract sent»`, fault.NotFound},
		{"hubspot_search_objects", `{"object_type":"deals","filters":[{"property":"pipeline","op":"eq","value":"Foo"}]}`, "«Sales Pipeline» (default), «Renewals» (9041772)", fault.NotFound},
		{"hubspot_search_objects", `{"object_type":"tickets","filters":[{"property":"hubspot_owner_id","op":"eq","value":"Marta Kline"}]}`, "Marta Klein", fault.NotFound},
		{"hubspot_search_objects", `{"object_type":"tickets","filters":[{"property":"hubspot_owner_id","op":"eq","value":"nobody@northwind.example"}]}`, "hubspot_list_owners", fault.NotFound},
		{"hubspot_search_objects", `{"object_type":"contacts","filters":[{"property":"fistname","op":"has"}]}`, "did you mean firstname?", fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"contacts","filters":[{"property":"createdate","op":"gt","value":"someday"}]}`, "no time", fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"contact"}`, `Use "contacts"`, fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"0-1"}`, `Use "contacts"`, fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"Sitez"}`, `Did you mean "Sites"?`, fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"contacs"}`, `Did you mean "contacts"?`, fault.InvalidArguments},
		{"hubspot_move_deal", `{"id":"` + renewal + `","stage":"Closed","pipeline":"Sales Pipeline"}`, "«Closed won» (closedwon), «Closed lost» (closedlost)", fault.InvalidArguments},
		{"hubspot_create_object", `{"object_type":"deals","properties":{"dealname":"x","dealstage":"Closed won"}}`, "Closed won in Sales Pipeline (closedwon), Closed won in Renewals (1120432)", fault.InvalidArguments},
		{"hubspot_move_deal", `{"id":"` + renewal + `","stage":"Closed"}`, "in «Sales Pipeline» «Closed won» (closedwon), «Closed lost» (closedlost); in «Renewals» «Closed won» (1120432)", fault.InvalidArguments},
		{"hubspot_move_deal", `{"id":"` + renewal + `","stage":"Negotiation"}`, "«Contract sent» (contractsent), «Closed won» (closedwon), «Closed lost» (closedlost); in «Renewals» «Offer sent» (1120431)", fault.NotFound},
		{"hubspot_update_object", `{"object_type":"contacts","id":"` + dana + `","properties":{"lifecyclestage":"Customer"}}`, `lifecyclestage cannot be "Customer", write "customer"`, fault.InvalidArguments},
		{"hubspot_update_object", `{"object_type":"contacts","id":"` + dana + `","properties":{"lifecyclestage":"friend"}}`, "it takes subscriber, lead,", fault.InvalidArguments},
		{"hubspot_update_object", `{"object_type":"contacts","id":"` + dana + `","properties":{"jobtitel":"x"}}`, "did you mean jobtitle?", fault.InvalidArguments},
		{"hubspot_update_object", `{"object_type":"contacts","id":"` + dana + `","properties":{"Job title":"x"}}`, "did you mean jobtitle?", fault.InvalidArguments},
		{"hubspot_update_object", `{"object_type":"contacts","id":"` + dana + `","properties":{"createdate":"2026-01-01"}}`, "read only", fault.InvalidArguments},
		{"hubspot_create_object", `{"object_type":"tickets","properties":{"subject":"x"},"associate_to":[{"type":"contacts","id":"` + dana + `","label":"Friend"}]}`, "association label", fault.NotFound},
		{"hubspot_associate", `{"from_type":"contacts","from_id":"` + dana + `","to_type":"deals","to_ids":["` + renewal + `"],"label":"Decision taker"}`, "Decision maker", fault.NotFound},
		{"hubspot_create_object", `{"object_type":"deals","properties":{"dealname":"x","dealstage":"contractsent","amount":"12,000"}}`, `amount is a number, write it in digits, such as 12000 or 0.5, not "12,000"`, fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"deals","sort":"-amout"}`, "did you mean amount?", fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"deals","sort":"amount downwards"}`, "sort:", fault.InvalidArguments},
		{"hubspot_search_objects", `{"object_type":"deals","sort":"-amount desc"}`, "sort:", fault.InvalidArguments},
		{"hubspot_count_objects", `{"object_type":"contacts","by":"firstname"}`, "not a list of choices", fault.InvalidArguments},
		{"hubspot_count_objects", `{"object_type":"contacts","by":"lifecyclestag"}`, "did you mean lifecyclestage?", fault.InvalidArguments},
		{"hubspot_create_task", `{"subject":"x","due":"whenever"}`, "due:", fault.InvalidArguments},
		{"hubspot_log_meeting", `{"title":"x","start":"2026-12-24","associate_to":[{"type":"contacts","id":"` + dana + `"}]}`, "outcome scheduled", fault.InvalidArguments},
	} {
		_, err := w.call(c.tool, c.args)
		f := fault.From(err)
		if f == nil || f.Kind != c.kind || !strings.Contains(f.Message, c.says) {
			t.Errorf("%s %s:\n%v\nwant %s with %q", c.tool, c.args, err, c.kind, c.says)
		}
	}
}

// A call that may not look owners up is not told of any, by name or in an error.
func TestOwnersAreLookedUpOnlyWhereThatWasGranted(t *testing.T) {
	w := newWorld(t)
	client := w.client()
	client.Permit(func(scope string) bool { return scope != ownerScope })
	for tool, args := range map[string]string{
		"hubspot_search_objects": `{"object_type":"tickets","filters":[{"property":"hubspot_owner_id","op":"eq","value":"Jonas"}]}`,
		"hubspot_create_task":    `{"subject":"x","due":"friday","owner":"Jonas Brekke"}`,
		"hubspot_update_object":  `{"object_type":"contacts","id":"` + dana + `","properties":{"hubspot_owner_id":"jonas.brekke@northwind.example"}}`,
		"hubspot_count_objects":  `{"object_type":"tickets","by":"hubspot_owner_id"}`,
	} {
		_, err := w.callWith(client, tool, args)
		if f := fault.From(err); f == nil || f.Kind != fault.NotPermitted || strings.Contains(f.Message, "Brekke") || len(f.Needed) != 1 {
			t.Errorf("%s: %v", tool, err)
		}
	}
	for tool, args := range map[string]string{
		"hubspot_get_object":   `{"object_type":"contacts","id":"` + dana + `"}`,
		"hubspot_get_activity": `{"object_type":"contacts","id":"` + dana + `"}`,
	} {
		out, err := w.callWith(client, tool, args)
		if err != nil || strings.Contains(out.(interface{ Text() string }).Text(), "Nomura") {
			t.Errorf("%s: %v %v", tool, out, err)
		}
	}
	for _, asked := range w.asked {
		if strings.Contains(asked, "/crm/owners") {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestNamesCostOneRequest(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.must("hubspot_search_objects", `{"object_type":"deals","filters":[{"property":"dealstage","op":"eq","value":"Contract sent"},{"property":"hubspot_owner_id","op":"eq","value":"Tomoko Nomura"}]}`)
	}
	for path, want := range map[string]int{"GET /crm/pipelines/2026-09/deals": 1, "GET /crm/owners/2026-09": 1, "POST /crm/objects/2026-09/deals/search": 3, "GET /account-info/2026-09/details": 1} {
		n := 0
		for _, asked := range w.asked {
			if asked == path {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d times, want %d of %v", path, n, want, w.asked)
		}
	}
	// What cannot be had is not asked for with every answer.
	w = newWorld(t)
	w.secret = sandbox.HubSpotToken(w.double, "crm.objects.contacts.read")
	for range 3 {
		out := w.must("hubspot_get_object", `{"object_type":"contacts","id":"`+dana+`"}`).(Whole)
		if out.Record.Labels != nil {
			t.Errorf("%+v", out)
		}
	}
	if got := strings.Count(strings.Join(w.asked, " "), "/crm/owners"); got != 1 {
		t.Errorf("owners asked for %d times", got)
	}
}

func TestTimesAreThoseOfTheAccount(t *testing.T) {
	w := newWorld(t) // it is 2026-11-24T10:00 in Berlin, a Tuesday
	for due, want := range map[string]string{
		"friday 14:00": "2026-11-27T13:00:00Z", "friday": "2026-11-27T08:00:00Z", "2026-12-01": "2026-12-01T08:00:00Z", "tomorrow": "2026-11-25T08:00:00Z",
		"3d": "2026-11-27T09:00:00Z", "2026-12-01T10:00:00+02:00": "2026-12-01T08:00:00Z", "17:30": "2026-11-24T16:30:00Z",
		"next week": "2026-11-30T08:00:00Z",
	} {
		out := w.must("hubspot_create_task", `{"subject":"x","due":"`+due+`"}`).(Logged)
		if out.Timestamp != want {
			t.Errorf("%s: %s, want %s", due, out.Timestamp, want)
		}
	}
	call := w.must("hubspot_log_call", `{"title":"x","when":"yesterday 16:00","minutes":12,"outcome":"left_voicemail","associate_to":[{"type":"deals","id":"`+renewal+`"}]}`).(Logged)
	got := sandbox.HubSpotRecord(w.double, "calls", call.ID)
	if call.Timestamp != "2026-11-23T15:00:00Z" || got["hs_call_duration"] != "720000" || got["hs_call_disposition"] != "b2cf5968-551e-4856-9783-52b3da59a7d0" || got["hs_call_status"] != "COMPLETED" {
		t.Errorf("%+v %v", call, got)
	}
	meeting := w.must("hubspot_log_meeting", `{"title":"x","start":"2026-12-01 09:00","outcome":"scheduled","minutes":45,"owner":"Marta","associate_to":[{"type":"contacts","id":"`+dana+`"}]}`).(Logged)
	got = sandbox.HubSpotRecord(w.double, "meetings", meeting.ID)
	if got["hs_meeting_start_time"] != "2026-12-01T08:00:00Z" || got["hs_meeting_end_time"] != "2026-12-01T08:45:00Z" || got["hubspot_owner_id"] != "1283904417" || got["hs_meeting_outcome"] != "SCHEDULED" {
		t.Errorf("%v", got)
	}
	moved := w.must("hubspot_move_deal", `{"id":"`+renewal+`","stage":"Closed won","close_date":"today","amount":"45000"}`).(One)
	got = sandbox.HubSpotRecord(w.double, "deals", renewal)
	if got["closedate"] != "2026-11-23T23:00:00.000Z" || got["dealstage"] != "closedwon" || got["amount"] != "45000" || moved.Record.Labels["dealstage"] != "Closed won" {
		t.Errorf("%v", got)
	}
	// What is read says the day that people see, and not the one before it, as UTC would.
	read := w.must("hubspot_search_objects", `{"object_type":"deals","query":"Acme annual"}`).(Found)
	for _, r := range []Record{moved.Record, read.Results[0]} {
		if r.Properties["closedate"] != "2026-11-24T00:00:00+01:00" {
			t.Errorf("closes %s", r.Properties["closedate"])
		}
	}
}

func TestAStageBringsItsPipeline(t *testing.T) {
	w := newWorld(t)
	w.must("hubspot_move_deal", `{"id":"`+renewal+`","stage":"Offer sent"}`)
	if got := sandbox.HubSpotRecord(w.double, "deals", renewal); got["pipeline"] != "9041772" || got["dealstage"] != "1120431" {
		t.Errorf("%v", got)
	}
	// Now that the deal is there, a name that both pipelines have is the one there.
	w.must("hubspot_move_deal", `{"id":"`+renewal+`","stage":"Closed won"}`)
	if got := sandbox.HubSpotRecord(w.double, "deals", renewal); got["dealstage"] != "1120432" {
		t.Errorf("%v", got)
	}
	// One that may not read deals has to say which.
	client := w.client()
	client.Permit(func(scope string) bool { return scope == "crm.objects.deals.write" })
	_, err := w.callWith(client, "hubspot_move_deal", `{"id":"`+renewal+`","stage":"Closed lost"}`)
	if f := fault.From(err); f == nil || f.Kind != fault.InvalidArguments || !strings.Contains(f.Message, "pipeline") {
		t.Errorf("%v", err)
	}
	one := w.must("hubspot_create_object", `{"object_type":"deals","properties":{"dealname":"New","dealstage":"Offer sent","hubspot_owner_id":"Tomoko Nomura","closedate":"friday"}}`).(One)
	if got := sandbox.HubSpotRecord(w.double, "deals", one.Record.ID); got["pipeline"] != "9041772" || got["hubspot_owner_id"] != "1283907760" || got["closedate"] != "2026-11-26T23:00:00.000Z" {
		t.Errorf("%v", got)
	}
	if one.Record.Labels["pipeline"] != "Renewals" || one.Record.Labels["hubspot_owner_id"] != "Tomoko Nomura" {
		t.Errorf("%+v", one)
	}
}
