package sandbox

import (
	"net/http"
	"strconv"
)

// hubspotPipeline is a pipeline of a type of record.
type hubspotPipeline struct {
	id, label string
	stages    []hubspotStage
}

type hubspotStage struct {
	id, label   string
	probability string // of deals
	closed      bool
}

func (p *hubspotPortal) seedPipelines() {
	p.pipelines = map[string][]hubspotPipeline{
		"deals": {
			{"default", "Sales Pipeline", []hubspotStage{
				{"appointmentscheduled", "Appointment scheduled", "0.2", false}, {"qualifiedtobuy", "Qualified to buy", "0.4", false},
				{"presentationscheduled", "Presentation scheduled", "0.6", false}, {"decisionmakerboughtin", "Decision maker bought-in", "0.8", false},
				{"contractsent", "Contract sent", "0.9", false}, {"closedwon", "Closed won", "1.0", true}, {"closedlost", "Closed lost", "0.0", true},
			}},
			{"9041772", "Renewals", []hubspotStage{{"1120431", "Offer sent", "0.7", false}, {"1120432", "Closed won", "1.0", true}, {"1120433", "Closed lost", "0.0", true}}},
		},
		"tickets": {{"0", "Support Pipeline", []hubspotStage{{"1", "New", "", false}, {"2", "Waiting on contact", "", false}, {"3", "Waiting on us", "", false}, {"4", "Closed", "", true}}}},
	}
}

// placed reports whether a stage is one of the pipeline; of the first where none is
// named.
func (p *hubspotPortal) placed(kind, pipeline, stage string) bool {
	for i, l := range p.pipelines[kind] {
		if l.id != pipeline && (pipeline != "" || i > 0) {
			continue
		}
		if stage == "" {
			return true
		}
		for _, st := range l.stages {
			if st.id == stage {
				return true
			}
		}
	}
	return false
}

func (l hubspotPipeline) wire(kind string, order int) answer {
	const made, changed = "2024-02-01T09:00:00.000Z", "2026-10-01T09:00:00.000Z"
	stages := []answer{}
	for i, st := range l.stages {
		meta := answer{"isClosed": strconv.FormatBool(st.closed), "probability": st.probability}
		if kind == "tickets" {
			meta = answer{"isClosed": strconv.FormatBool(st.closed), "ticketState": map[bool]string{true: "CLOSED", false: "OPEN"}[st.closed]}
		}
		stages = append(stages, answer{"id": st.id, "label": st.label, "displayOrder": i, "metadata": meta, "createdAt": made, "updatedAt": changed, "archived": false, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT"})
	}
	return answer{"id": l.id, "label": l.label, "displayOrder": order, "stages": stages, "createdAt": made, "updatedAt": changed, "archived": false}
}

func (p *hubspotPortal) listPipelines(w http.ResponseWriter, _ *http.Request, kind string) {
	results := []answer{}
	for i, l := range p.pipelines[kind] {
		results = append(results, l.wire(kind, i))
	}
	p.send(w, http.StatusOK, answer{"results": results})
}

func (p *hubspotPortal) readPipeline(w http.ResponseWriter, r *http.Request, kind string) {
	for i, l := range p.pipelines[kind] {
		if l.id == r.PathValue("pipeline") {
			p.send(w, http.StatusOK, l.wire(kind, i))
			return
		}
	}
	p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "The pipeline does not exist", nil)
}

// listSchemas names the types of record that the account has made.
func (p *hubspotPortal) listSchemas(w http.ResponseWriter, _ *http.Request) {
	p.send(w, http.StatusOK, answer{"results": []answer{p.siteSchema()}})
}

func (p *hubspotPortal) siteSchema() answer {
	return answer{
		"id": "41987213", "objectTypeId": hubspotSites, "fullyQualifiedName": "p48219057_site", "name": "site", "description": "A place where a customer uses the product.",
		"labels": answer{"singular": "Site", "plural": "Sites"}, "primaryDisplayProperty": "site_name", "secondaryDisplayProperties": []string{"site_code"},
		"requiredProperties": []string{"site_name"}, "searchableProperties": []string{"site_name", "site_code"}, "properties": []answer{}, "associations": []answer{},
		"allowsSensitiveProperties": false, "archived": false, "createdAt": "2025-06-01T09:00:00.000Z", "updatedAt": "2026-10-01T09:00:00.000Z",
	}
}

func (p *hubspotPortal) readSchema(w http.ResponseWriter, r *http.Request) {
	if hubspotType(r.PathValue("type")) == hubspotSites {
		p.send(w, http.StatusOK, p.siteSchema())
		return
	}
	p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Unable to infer object type from: "+r.PathValue("type"), nil)
}
