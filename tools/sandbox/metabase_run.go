package sandbox

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// exportCard answers the whole result as CSV or as a list of objects.
func (m *metabase) exportCard(w http.ResponseWriter, r *http.Request, _ bool) {
	c := m.findCard(w, r)
	if c == nil {
		return
	}
	body := metaBody(w, r)
	if body == nil {
		return
	}
	result, err := m.execute(c.query, metaParameters(body))
	if err != nil {
		metaFailed(w, err)
		return
	}
	switch r.PathValue("format") {
	case "csv":
		w.Header().Set("Content-Type", "text/csv")
		out := csv.NewWriter(w)
		_ = out.Write(result.heads())
		for _, row := range result.rows {
			line := make([]string, len(row))
			for i, v := range row {
				if v != nil {
					line[i] = fmt.Sprint(v)
				}
			}
			_ = out.Write(line)
		}
		out.Flush()
	case "json":
		all := []json.RawMessage{}
		heads := result.heads()
		for _, row := range result.rows {
			one := map[string]any{}
			for i, v := range row {
				one[heads[i]] = v
			}
			raw, _ := json.Marshal(one)
			all = append(all, raw)
		}
		metaJSON(w, http.StatusOK, all)
	default:
		metaInvalid(w, "export-format", "value must be one of csv, json.")
	}
}

// runCard runs a question with the values that the body has for its parameters.
func (m *metabase) runCard(w http.ResponseWriter, r *http.Request, _ bool) {
	c := m.findCard(w, r)
	if c == nil {
		return
	}
	body := metaBody(w, r)
	if body == nil {
		return
	}
	m.answer(w, c.query, metaParameters(body), metaRowLimit)
}

// runDashcard runs a question as its place on a dashboard has it: the dashboard's
// filters act where they are mapped.
func (m *metabase) runDashcard(w http.ResponseWriter, r *http.Request, _ bool) {
	d, c := m.dashboard(metaID(r)), m.card(metaNumber(r.PathValue("card")))
	body := metaBody(w, r)
	if body == nil {
		return
	}
	if d == nil || c == nil {
		metaMissing(w)
		return
	}
	at := slices.IndexFunc(d.cards, func(dc map[string]any) bool { return dc["id"] == metaNumber(r.PathValue("dashcard")) })
	if at < 0 || metaInt(d.cards[at]["card_id"]) != c.id {
		metaMissing(w)
		return
	}
	list, _ := body["parameters"].([]any)
	mapped := []metaParameter{}
	for _, v := range list {
		p, _ := v.(map[string]any)
		if !slices.ContainsFunc(d.parameters, func(known map[string]any) bool { return known["id"] == p["id"] }) {
			metaInvalid(w, "parameters", fmt.Sprintf("Dashboard does not have a parameter with ID %v.", p["id"]))
			return
		}
		mappings, _ := d.cards[at]["parameter_mappings"].([]any)
		for _, v := range mappings {
			if mapping, _ := v.(map[string]any); mapping["parameter_id"] == p["id"] {
				target, _ := mapping["target"].([]any)
				mapped = append(mapped, metaParameter{Target: target, Value: p["value"]})
			}
		}
	}
	m.answer(w, c.query, mapped, metaRowLimit)
}
