package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A program that still speaks v3, v4 and engagements v1 sees and changes the same
// portal as one that speaks the dated API.
func TestHubSpotLegacyPathsAreTheSamePortal(t *testing.T) {
	d := newHubSpot(func() time.Time { return time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC) })
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	token := HubSpotPrivateApp(d)
	ask := func(method, path, body string, want int) map[string]any {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, d.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want {
			t.Fatalf("%s %s: %s, wanted %d: %s", method, path, resp.Status, want, b)
		}
		var a map[string]any
		if err := json.Unmarshal(b, &a); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
		return a
	}
	first := func(a map[string]any) map[string]any {
		t.Helper()
		list, _ := a["results"].([]any)
		if len(list) == 0 {
			t.Fatalf("no results: %v", a)
		}
		return list[0].(map[string]any)
	}
	dated := "/crm/objects/" + hubspotVersion

	created := first(ask("POST", "/crm/v3/objects/contacts/batch/create", `{"inputs":[{"properties":{"email":"nils@borealis.example","firstname":"Nils"}}]}`, 201))
	id := created["id"].(string)
	if got := ask("GET", dated+"/contacts/"+id+"?properties=firstname", "", 200); got["properties"].(map[string]any)["firstname"] != "Nils" {
		t.Errorf("the contact of v3 is not in the dated API: %v", got)
	}
	ask("POST", "/crm/v3/objects/contacts/batch/create", `{"inputs":[{"properties":{"email":"nils@borealis.example"}}]}`, 207)
	ask("POST", "/crm/v3/objects/contacts/batch/create", `{"inputs":[]}`, 400)

	company := first(ask("POST", "/crm/v3/objects/companies/search", `{"query":"Borealis"}`, 200))["id"].(string)
	ask("POST", "/crm/v4/associations/contacts/companies/batch/create",
		`{"inputs":[{"from":{"id":"`+id+`"},"to":{"id":"`+company+`"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}]}]}`, 200)
	if got := ask("GET", dated+"/contacts/"+id+"?associations=companies", "", 200); got["associations"] == nil {
		t.Errorf("the association of v4 is not in the dated API: %v", got)
	}
	if got := first(ask("GET", "/crm/v4/objects/contacts/"+id+"/associations/companies?limit=500", "", 200)); got["toObjectId"] == nil {
		t.Errorf("v4 does not list it: %v", got)
	}

	task := ask("POST", "/engagements/v1/engagements", `{"engagement":{"type":"TASK","ownerId":1283907760,"timestamp":1795600800000},
		"associations":{"contactIds":[`+id+`]},"metadata":{"subject":"Call Nils","body":"About the invoice","status":"NOT_STARTED"}}`, 200)
	number := task["engagement"].(map[string]any)["id"].(float64)
	taskID := strconv.FormatInt(int64(number), 10)
	properties := ask("GET", dated+"/tasks/"+taskID+"?properties=hs_task_subject,hs_timestamp,hubspot_owner_id", "", 200)["properties"].(map[string]any)
	if properties["hs_task_subject"] != "Call Nils" || properties["hs_timestamp"] != "2026-11-25T10:00:00Z" || properties["hubspot_owner_id"] != "1283907760" {
		t.Errorf("the task of engagements v1 in the dated API: %v", properties)
	}
	ask("PATCH", "/engagements/v1/engagements/"+taskID, `{"metadata":{"status":"COMPLETED"}}`, 200)
	if got := ask("GET", "/engagements/v1/engagements/"+taskID, "", 200)["metadata"].(map[string]any); got["status"] != "COMPLETED" || got["subject"] != "Call Nils" {
		t.Errorf("after the change: %v", got)
	}
	ask("GET", "/engagements/v1/engagements/1", "", 404)
	ask("POST", "/engagements/v1/engagements", `{"engagement":{"type":"CALL","timestamp":1}}`, 400)

	if got := ask("POST", "/oauth/v2/private-apps/get/access-token-info", `{"tokenKey":"`+token+`"}`, 200); got["hubId"] != float64(hubspotPortalID) {
		t.Errorf("about the token: %v", got)
	}
	if got := ask("GET", "/account-info/v3/details", "", 200); got["uiDomain"] != "app.hubspot.com" {
		t.Errorf("about the account: %v", got)
	}
	token = HubSpotToken(d, "crm.objects.contacts.read")
	ask("POST", "/crm/v3/objects/contacts/batch/create", `{"inputs":[{"properties":{}}]}`, 403)
	ask("POST", "/engagements/v1/engagements", `{"engagement":{"type":"NOTE","timestamp":1}}`, 403)
	ask("POST", "/crm/v4/associations/contacts/companies/batch/create", `{"inputs":[]}`, 403)
	token = "wrong"
	ask("GET", "/crm/v3/owners", "", 401)
	ask("POST", "/oauth/v2/private-apps/get/access-token-info", `{"tokenKey":"x"}`, 401)
}
