package sandbox

import (
	"net/http"
	"strings"
)

// flows registers workflows, which HubSpot has in version 4 of its API only.
func (p *hubspotPortal) flows() {
	const at = "/automation/v4/flows"
	list := []answer{
		{
			"id": "585051946", "name": "Welcome new customers", "isEnabled": true, "flowType": "WORKFLOW", "type": "CONTACT_FLOW", "objectTypeId": "0-1", "revisionId": "7",
			"createdAt": "2026-02-02T09:00:00.000Z", "updatedAt": "2026-09-14T09:00:00.000Z", "startActionId": "1", "nextAvailableActionId": "3",
			"enrollmentCriteria": answer{"type": "LIST_BASED", "shouldReEnroll": false, "listFilterBranch": answer{"filterBranchType": "AND", "filters": []answer{{"filterType": "PROPERTY", "property": "lifecyclestage", "operation": answer{"operator": "IS_ANY_OF", "values": []string{"customer"}}}}}},
			"actions": []answer{
				{"type": "SINGLE_CONNECTION", "actionId": "1", "actionTypeVersion": 0, "actionTypeId": "0-1", "connection": answer{"edgeType": "STANDARD", "nextActionId": "2"}, "fields": answer{"delta": "1440", "time_unit": "MINUTES"}},
				{"type": "SINGLE_CONNECTION", "actionId": "2", "actionTypeVersion": 0, "actionTypeId": "0-3", "fields": answer{"task_type": "TODO", "subject": "Say hello"}},
			},
		},
		{
			"id": "585051999", "name": "Renewal reminders", "isEnabled": false, "flowType": "WORKFLOW", "type": "PLATFORM_FLOW", "objectTypeId": "0-3", "revisionId": "2",
			"createdAt": "2026-05-02T09:00:00.000Z", "updatedAt": "2026-10-01T09:00:00.000Z", "startActionId": "1", "nextAvailableActionId": "2",
			"actions": []answer{{"type": "SINGLE_CONNECTION", "actionId": "1", "actionTypeVersion": 1, "actionTypeId": "0-8", "fields": answer{"subject": "A renewal is due", "body": "<p>Look at it.</p>"}}},
		},
	}
	p.mux.HandleFunc("GET "+at, p.signed([]string{"automation"}, func(w http.ResponseWriter, r *http.Request) {
		from, to, paging, ok := p.page(w, r.URL.Query(), len(list), 100, 100)
		if !ok {
			return
		}
		results := []answer{}
		for _, f := range list[from:to] {
			short := answer{}
			for _, name := range strings.Fields("id name isEnabled flowType objectTypeId revisionId createdAt updatedAt") {
				short[name] = f[name]
			}
			results = append(results, short)
		}
		body := answer{"results": results}
		if paging != nil {
			body["paging"] = paging
		}
		p.send(w, http.StatusOK, body)
	}))
	p.mux.HandleFunc("GET "+at+"/{id}", p.signed([]string{"automation"}, func(w http.ResponseWriter, r *http.Request) {
		for _, f := range list {
			if f["id"] == r.PathValue("id") {
				p.send(w, http.StatusOK, f)
				return
			}
		}
		p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Flow not found", nil)
	}))
}
