package salesforce

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
)

func TestCreate(t *testing.T) {
	w := newWorld(t)
	one := must[One](w, "create_record", `{"object":"Opportunity","fields":{"Name":"Acme seats","StageName":"prospecting","Amount":"1200.50","CloseDate":"tomorrow","AccountId":"Acme","OwnerId":"tomoko.nomura@northwind.example"}}`)
	f := one.Record.Fields
	if f["StageName"] != "Prospecting" || f["Amount"] != json.Number("1200.5") || f["CloseDate"] != "2026-11-25" || f["Account.Name"] != "Acme" || f["Owner.Name"] != "Tomoko Nomura" {
		t.Errorf("got %v", f)
	}
	if !strings.HasSuffix(one.Record.Link, "/lightning/r/Opportunity/"+one.Record.ID+"/view") {
		t.Errorf("the link is %s", one.Record.Link)
	}
	con := must[One](w, "create_record", `{"object":"Contact","fields":{"LastName":"Berg","Interests__c":["Exports","api"],"AccountId":"https://acme.lightning.force.com/lightning/r/Account/001Nw0000000002IAA/view"}}`)
	if got := must[One](w, "get_record", `{"object":"Contact","id":"`+con.Record.ID+`"}`).Record.Fields; got["Interests__c"] != "Exports;API" || got["Account.Name"] != "Borealis Foods" {
		t.Errorf("got %v", got)
	}

	before := w.double.Snapshot()
	for _, c := range []struct {
		kind fault.Kind
		says string
		args string
	}{
		{fault.Conflict, "Contact 003Nw0000000001IAA", `{"object":"Contact","fields":{"LastName":"Whitfield","Email":"dana.whitfield@acme.example"}}`},
		{fault.InvalidArguments, "LastName", `{"object":"Contact","fields":{"FirstName":"Dana"}}`},
		{fault.InvalidArguments, "Did you mean Subject?", `{"object":"Case","fields":{"subject":"x"}}`},
		{fault.InvalidArguments, "cannot be set", `{"object":"Case","fields":{"CaseNumber":"1"}}`},
		{fault.InvalidArguments, "There are: «High; Medium; Low»", `{"object":"Case","fields":{"Priority":"Urgent"}}`},
		{fault.InvalidArguments, "Say why it was lost", `{"object":"Opportunity","fields":{"Name":"x","StageName":"Closed Lost","CloseDate":"2027-01-01"}}`},
		{fault.InvalidArguments, "255 characters", `{"object":"Case","fields":{"Subject":"` + strings.Repeat("x", 256) + `"}}`},
		{fault.InvalidArguments, "INVALID_EMAIL_ADDRESS", `{"object":"Contact","fields":{"LastName":"x","Email":"nobody"}}`},
		{fault.InvalidArguments, "is a number", `{"object":"Opportunity","fields":{"Amount":"much"}}`},
		{fault.InvalidArguments, "give the id", `{"object":"Task","fields":{"WhatId":"Acme"}}`},
		{fault.NotFound, "no Account whose Name", `{"object":"Case","fields":{"AccountId":"Nobody Ltd"}}`},
		{fault.Conflict, "salesforce_upsert_record", `{"object":"Subscription__c","fields":{"Name":"x","External_Id__c":"SUB-1001"}}`},
		{fault.InvalidArguments, "", `{"object":"Case","fields":{}}`},
		{fault.InvalidArguments, "cannot be set", `{"object":"User","fields":{"LastName":"x"}}`},
	} {
		w.refused(c.kind, c.says, "create_record", c.args)
	}
	if !maps.Equal(before, w.double.Snapshot()) {
		t.Error("something was written")
	}
	must[One](w, "create_record", `{"object":"Contact","fields":{"LastName":"Whitfield","Email":"dana.whitfield@acme.example"},"allow_duplicates":true}`)
	w.refused(fault.InvalidArguments, "could be several", "get_record", `{"object":"Contact","id":"dana.whitfield@acme.example"}`)
}

func TestUpdate(t *testing.T) {
	w := newWorld(t)
	must[One](w, "update_record", `{"object":"Contact","id":"dana.whitfield@acme.example","fields":{"Phone":null,"Title":"Head of operations"}}`)
	got := must[One](w, "get_record", `{"object":"Contact","id":"Dana Whitfield"}`).Record.Fields
	if got["Title"] != "Head of operations" || got["Phone"] != nil {
		t.Errorf("got %v", got)
	}
	seen, _ := got["LastModifiedDate"].(string)
	must[One](w, "update_record", `{"object":"Contact","id":"Dana Whitfield","fields":{"Phone":"+31 1"},"if_unmodified_since":"`+seen+`"}`)
	w.refused(fault.Conflict, "salesforce_get_record", "update_record", `{"object":"Contact","id":"Dana Whitfield","fields":{"Phone":"+31 2"},"if_unmodified_since":"2026-11-01T00:00:00Z"}`)
	w.refused(fault.InvalidArguments, "LastModifiedDate", "update_record", `{"object":"Contact","id":"Dana Whitfield","fields":{"Phone":"+31 2"},"if_unmodified_since":"yesterday"}`)
	if must[One](w, "get_record", `{"object":"Contact","id":"Dana Whitfield","fields":["Phone"]}`).Record.Fields["Phone"] != "+31 1" {
		t.Error("a change was lost")
	}
	w.refused(fault.NotFound, "", "update_record", `{"object":"Contact","id":"003Nw0000000099IAA","fields":{"Phone":"1"}}`)
	w.refused(fault.NotPermitted, "INSUFFICIENT_ACCESS", "delete_record", `{"object":"Account","id":"Acme"}`)
	gone := must[Deleted](w, "delete_record", `{"object":"Lead","id":"https://x.my.salesforce.com/00QNw0000000001MAA"}`)
	if gone.Name != "Rafael Lindqvist" {
		t.Errorf("got %+v", gone)
	}
	w.refused(fault.NotFound, "no such Lead", "delete_record", `{"object":"Lead","id":"`+gone.ID+`"}`)
}

func TestUpsert(t *testing.T) {
	w := newWorld(t)
	const args = `{"object":"Subscription__c","external_id_field":"External_Id__c","value":"SUB/10 %s","fields":{"Name":"New","Seats__c":3}}`
	first := must[Upserted](w, "upsert_record", fmt.Sprintf(args, "é?#"))
	again := must[Upserted](w, "upsert_record", fmt.Sprintf(args, "é?#"))
	if !first.Created || again.Created || first.Record.ID != again.Record.ID {
		t.Errorf("got %+v and %+v", first, again)
	}
	one := must[One](w, "get_record", `{"object":"Subscription__c","id":"SUB/10 é?#","external_id_field":"External_Id__c"}`)
	if one.Record.ID != first.Record.ID {
		t.Errorf("got %+v", one)
	}
	w.refused(fault.InvalidArguments, "There are: External_Id__c", "upsert_record", `{"object":"Subscription__c","external_id_field":"Name","value":"x","fields":{"Seats__c":1}}`)
	w.refused(fault.InvalidArguments, "cannot be a value", "upsert_record", `{"object":"Subscription__c","external_id_field":"External_Id__c","value":"..","fields":{"Seats__c":1}}`)
	w.refused(fault.InvalidArguments, "cannot be a value", "upsert_record", `{"object":"Subscription__c","external_id_field":"External_Id__c","value":"a\u0001","fields":{"Seats__c":1}}`)
	w.refused(fault.InvalidArguments, "leave External_Id__c out", "upsert_record", `{"object":"Subscription__c","external_id_field":"External_Id__c","value":"a","fields":{"External_Id__c":"b"}}`)

	many := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			rw.WriteHeader(http.StatusMultipleChoices)
			_, _ = io.WriteString(rw, `["/services/data/v66.0/sobjects/Subscription__c/a0S1","/services/data/v66.0/sobjects/Subscription__c/a0S2"]`)
			return
		}
		r.Header.Set("Authorization", "Bearer "+w.double.Secret)
		w.double.ServeHTTP(rw, r)
	}))
	many.refused(fault.Conflict, "Several records", "upsert_record", fmt.Sprintf(args, "x"))
}

func TestMany(t *testing.T) {
	w := newWorld(t)
	before := len(w.double.Snapshot())
	b := must[Batch](w, "create_records", `{"object":"Contact","records":[{"LastName":"A"},{"FirstName":"nobody"},{"LastName":"C","FirstName":"Cleo"}]}`)
	if b.Done != 2 || b.Failed != 1 || b.Results[1].ID != "" || !strings.Contains(b.Results[1].Error, "LastName") || b.Results[2].Name != "Cleo C" || len(w.double.Snapshot()) != before+2 {
		t.Errorf("got %+v", b)
	}
	f := w.refused(fault.InvalidArguments, "records.1: «REQUIRED_FIELD_MISSING", "create_records", `{"object":"Contact","all_or_none":true,"records":[{"LastName":"A"},{"FirstName":"nobody"}]}`)
	if !f.NotSent || len(w.double.Snapshot()) != before+2 {
		t.Errorf("all or none, and %d were made: %v", len(w.double.Snapshot())-before-2, f)
	}
	many := strings.TrimSuffix(strings.Repeat(`{"LastName":"R","AccountId":"Acme","OwnerId":"Marta Klein"},`, 40), ",")
	if must[Batch](w, "create_records", `{"object":"Contact","records":[`+many+`]}`); len(w.paths) > 6 {
		t.Errorf("%d requests for names that are the same", len(w.paths))
	}
	some := ""
	for i := range 51 {
		some += fmt.Sprintf(`{"id":"name %d","fields":{"Status":"New"}},`, i)
	}
	w.refused(fault.InvalidArguments, "Give ids", "update_records", `{"object":"Case","records":[`+strings.TrimSuffix(some, ",")+`]}`)
	w.refused(fault.InvalidArguments, "twice", "update_records", `{"object":"Case","records":[{"id":"1025","fields":{"Status":"New"}},{"id":"500Nw0000000002","fields":{"Status":"Working"}}]}`)
	w.refused(fault.InvalidArguments, "records.1.Priority", "update_records", `{"object":"Case","records":[{"id":"1025","fields":{"Priority":"Low"}},{"id":"1026","fields":{"Priority":"x"}}]}`)
}

func TestChain(t *testing.T) {
	w := newWorld(t)
	chain := must[Chain](w, "chain_writes", `{"writes":[
		{"ref":"acc","op":"create","object":"Account","fields":{"Name":"Sahel Logistics"}},
		{"ref":"con","op":"create","object":"Contact","fields":{"LastName":"Diallo","AccountId":"@{acc.id}"}},
		{"ref":"sub","op":"upsert","object":"Subscription__c","external_id_field":"External_Id__c","id":"SUB-77","fields":{"Name":"Sahel","Account__c":"@{acc.id}"}},
		{"ref":"title","op":"update","object":"Contact","id":"@{con.id}","fields":{"Title":"CEO"}}]}`)
	if chain.Done != 4 || chain.Results[1].Name != "Diallo" || chain.Results[1].Link == "" {
		t.Errorf("got %+v", chain)
	}
	got := must[One](w, "get_record", `{"object":"Contact","id":"`+chain.Results[1].ID+`","fields":["Title","Account.Name"]}`).Record.Fields
	if got["Account.Name"] != "Sahel Logistics" || got["Title"] != "CEO" {
		t.Errorf("got %v", got)
	}

	before := w.double.Snapshot()
	f := w.refused(fault.InvalidArguments, "writes.1 (con)", "chain_writes", `{"writes":[{"ref":"acc","op":"create","object":"Account","fields":{"Name":"X"}},{"ref":"con","op":"create","object":"Contact","fields":{"FirstName":"nobody","AccountId":"@{acc.id}"}}]}`)
	if !f.NotSent || !strings.Contains(f.Message, "Nothing was done") {
		t.Errorf("got %v", f)
	}
	// Salesforce would put an id in the place of a reference wherever it stands.
	for says, write := range map[string]string{
		"no earlier write":         `{"ref":"b","op":"create","object":"Contact","fields":{"LastName":"x","AccountId":"@{c.id}"}}`,
		"only as a whole value":    `{"ref":"b","op":"create","object":"Contact","fields":{"LastName":"x @{a.id}"}}`,
		"refers to no record":      `{"ref":"b","op":"create","object":"Contact","fields":{"LastName":"@{a.id}"}}`,
		"may not hold @{":          `{"ref":"b","op":"create","object":"Subscription__c","fields":{"Name":"x","Plan__c":["@{a.id}"]}}`,
		"may not hold":             `{"ref":"b","op":"upsert","object":"Subscription__c","external_id_field":"External_Id__c","id":"@{a.id}","fields":{"Name":"x"}}`,
		"another write with":       `{"ref":"a","op":"create","object":"Contact","fields":{"LastName":"x"}}`,
		"takes no id":              `{"ref":"b","op":"create","object":"Contact","id":"003Nw0000000001IAA","fields":{"LastName":"x"}}`,
		"no Contact whose Name is": `{"ref":"b","op":"update","object":"Contact","id":"nobody","fields":{"LastName":"x"}}`,
	} {
		_, err := w.call("chain_writes", `{"writes":[{"ref":"a","op":"create","object":"Account","fields":{"Name":"X"}},`+write+`]}`)
		if says == "may not hold @{" && err != nil { // a list is for several values
			says = ""
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", write, err)
		}
	}
	if !maps.Equal(before, w.double.Snapshot()) {
		t.Error("something was written")
	}
	part := must[Chain](w, "chain_writes", `{"all_or_none":false,"writes":[{"ref":"a","op":"create","object":"Account","fields":{"Name":"X"}},{"ref":"b","op":"create","object":"Contact","fields":{"FirstName":"x"}}]}`)
	if part.Done != 1 || part.Failed != 1 || part.Results[1].Error == "" {
		t.Errorf("got %+v", part)
	}
}
