package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func (m *metabase) listDatabases(w http.ResponseWriter, _ *http.Request, edit bool) {
	native := map[bool]string{true: "write", false: "none"}[edit]
	metaJSON(w, http.StatusOK, map[string]any{"total": 1, "data": []map[string]any{{
		"id": metaDatabaseID, "name": "Support warehouse", "engine": "postgres", "native_permissions": native,
		"is_sample": false, "initial_sync_status": "complete", "timezone": "UTC", "features": []string{"basic-aggregations"},
	}}})
}

func (m *metabase) schemas(w http.ResponseWriter, r *http.Request, _ bool) {
	if metaID(r) != metaDatabaseID {
		metaMissing(w)
		return
	}
	metaJSON(w, http.StatusOK, []string{"public"})
}

func (m *metabase) schema(w http.ResponseWriter, r *http.Request, _ bool) {
	if metaID(r) != metaDatabaseID || r.PathValue("schema") != "public" {
		metaMissing(w)
		return
	}
	all := []map[string]any{}
	for i := range metaTableOrder {
		all = append(all, m.tableJSON(int64(i+1)))
	}
	metaJSON(w, http.StatusOK, all)
}

// A table's id is its place in metaTableOrder; a field's is ten times that and the
// place of the column, from one.

func (m *metabase) tableJSON(id int64) map[string]any {
	name := metaTableOrder[id-1]
	return map[string]any{
		"id": id, "db_id": metaDatabaseID, "name": name, "schema": "public", "display_name": metaTitle(name), "description": nil,
		"entity_type": "entity/GenericTable", "visibility_type": nil, "active": true,
	}
}

func (m *metabase) tableMetadata(w http.ResponseWriter, r *http.Request, _ bool) {
	id := metaID(r)
	if id < 1 || int(id) > len(metaTableOrder) {
		metaMissing(w)
		return
	}
	out := m.tableJSON(id)
	out["db"] = map[string]any{"id": metaDatabaseID, "name": "Support warehouse", "engine": "postgres"}
	fields := []map[string]any{}
	for i := range m.tables[metaTableOrder[id-1]].columns {
		fields = append(fields, m.fieldJSON(id*10+int64(i)+1))
	}
	out["fields"] = fields
	metaJSON(w, http.StatusOK, out)
}

// fieldOf finds a field: its table and the place of its column; nil where there is
// none.
func (m *metabase) fieldOf(id int64) (*metaTable, int) {
	table, col := id/10, int(id%10)-1
	if table < 1 || int(table) > len(metaTableOrder) {
		return nil, 0
	}
	t := m.tables[metaTableOrder[table-1]]
	if col < 0 || col >= len(t.columns) {
		return nil, 0
	}
	return t, col
}

// metaForeign are the foreign keys: tickets.customer is a customer's name.
var metaForeign = map[int64]int64{14: 22}

func (m *metabase) fieldJSON(id int64) map[string]any {
	t, i := m.fieldOf(id)
	col := t.columns[i]
	f := map[string]any{
		"id": id, "name": col.name, "display_name": metaTitle(col.name), "base_type": col.kind, "effective_type": col.kind, "semantic_type": nil,
		"fk_target_field_id": nil, "description": nil, "visibility_type": "normal", "has_field_values": "list", "active": true,
		"position": i, "table_id": id / 10,
	}
	if col.name == "id" {
		f["semantic_type"] = "type/PK"
	}
	if target := metaForeign[id]; target > 0 {
		other, j := m.fieldOf(target)
		f["semantic_type"], f["fk_target_field_id"] = "type/FK", target
		f["target"] = map[string]any{
			"id": target, "name": other.columns[j].name, "table_id": target / 10, "table": map[string]any{"name": metaTableOrder[target/10-1]},
		}
	}
	return f
}

func (m *metabase) getField(w http.ResponseWriter, r *http.Request, _ bool) {
	if t, _ := m.fieldOf(metaID(r)); t == nil {
		metaMissing(w)
		return
	}
	metaJSON(w, http.StatusOK, m.fieldJSON(metaID(r)))
}

// distinct are the values of a field that hold a text, sorted.
func (m *metabase) distinct(id int64, part string) [][]any {
	t, i := m.fieldOf(id)
	values := [][]any{}
	seen := map[any]bool{}
	for _, row := range t.rows {
		if v := row[i]; !seen[v] && strings.Contains(strings.ToLower(fmt.Sprint(v)), strings.ToLower(part)) {
			seen[v] = true
			values = append(values, []any{v})
		}
	}
	slices.SortFunc(values, func(a, b []any) int { return metaCompare(a[0], b[0]) })
	return values
}

func (m *metabase) fieldValues(w http.ResponseWriter, r *http.Request, _ bool) {
	id := metaID(r)
	if t, _ := m.fieldOf(id); t == nil {
		metaMissing(w)
		return
	}
	values := m.distinct(id, "")
	metaJSON(w, http.StatusOK, map[string]any{"field_id": id, "values": values[:min(len(values), 100)], "has_more_values": len(values) > 100})
}

func (m *metabase) searchField(w http.ResponseWriter, r *http.Request, _ bool) {
	id, part := metaID(r), r.URL.Query().Get("value")
	if t, _ := m.fieldOf(id); t == nil || metaNumber(r.PathValue("other")) != id {
		metaMissing(w)
		return
	}
	if part == "" {
		metaInvalid(w, "value", "value must be a non-blank string.")
		return
	}
	values := m.distinct(id, part)
	metaJSON(w, http.StatusOK, values[:min(len(values), 100)])
}
