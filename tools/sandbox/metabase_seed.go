package sandbox

import (
	"fmt"
	"time"
)

const metaDatabaseID = 1

var metaTableOrder = []string{"tickets", "customers"}

func newMetabaseState() *metabase {
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	return &metabase{
		editor: "mb_sandbox_editor_9e42", username: "editor@sandbox.example", password: fake("metabase password", 20),
		now:    start,
		tables: metaTables(),
		collections: []metaCollection{
			{3, "Support"},
			{5, "Finance"},
		},
		cards: []*metaCard{
			{id: 101, name: "Tickets by status", description: "How many tickets are in each state", collection: 3, display: "bar",
				sql: "select status, count(*) as tickets from tickets group by status order by status"},
			{id: 102, name: "Open tickets", description: "All tickets that are not solved", collection: 3, display: "table",
				sql: "select id, subject, customer, created_at from tickets where status = 'open' order by id"},
			{id: 103, name: "Tickets of a customer", description: "Everything one customer has asked", collection: 3, display: "table",
				sql: "select id, subject, status from tickets where customer = {{customer}} order by id", tags: []string{"customer"}},
			{id: 104, name: "Customers by plan", collection: 5, display: "pie",
				sql: "select plan, count(*) as customers from customers group by plan order by plan"},
			{id: 105, name: "Export queue", description: "Fails: its table was renamed", collection: 3, display: "table",
				sql: "select * from export_queue"},
			{id: 106, name: "Tickets before the move", collection: 3, display: "table", sql: "select * from tickets", archived: true},
		},
		dashboards: []*metaDashboard{
			{id: 42, name: "Support health", description: "Open tickets and how fast we answer", collection: 3, updated: start, cards: []map[string]any{
				metaPlace(501, 42, 101, 0, 0, 12, 6), metaPlace(502, 42, 102, 0, 12, 12, 6),
				metaNote(503, 42, "Reviewed every Monday.", 6),
			}},
			{id: 43, name: "Customers", collection: 5, updated: start, cards: []map[string]any{metaPlace(511, 43, 104, 0, 0, 12, 6)}},
			{id: 44, name: "Support archive", collection: 3, archived: true, updated: start},
		},
	}
}

// metaPlace is a question on a dashboard's grid of 24 columns.
func metaPlace(id, dashboard, card, row, col, width, height int64) map[string]any {
	return map[string]any{
		"id": id, "dashboard_id": dashboard, "card_id": card, "dashboard_tab_id": nil, "action_id": nil,
		"row": row, "col": col, "size_x": width, "size_y": height, "series": []any{}, "parameter_mappings": []any{},
		"visualization_settings": map[string]any{},
	}
}

// metaNote is a text on it.
func metaNote(id, dashboard int64, text string, row int64) map[string]any {
	n := metaPlace(id, dashboard, 0, row, 0, 24, 1)
	n["card_id"] = nil
	n["visualization_settings"] = map[string]any{"text": text, "virtual_card": map[string]any{"display": "text", "archived": false}}
	return n
}

// metaTables are made from the tickets of the Pinecone double, so that the two
// tell one story, and enough older ones to fill a page.
func metaTables() map[string]*metaTable {
	tickets := &metaTable{columns: []metaColumn{
		{"id", "type/BigInteger"}, {"key", "type/Text"}, {"subject", "type/Text"}, {"customer", "type/Text"},
		{"status", "type/Text"}, {"created_at", "type/DateTimeWithTZ"}, {"external_ref", "type/BigInteger"},
	}}
	customers := &metaTable{columns: []metaColumn{{"id", "type/Integer"}, {"name", "type/Text"}, {"plan", "type/Text"}}}
	seen := map[string]bool{}
	add := func(n int64, key, subject, customer, status string, created int64) {
		tickets.rows = append(tickets.rows, []any{
			n, key, subject, customer, status, time.Unix(created, 0).UTC().Format(time.RFC3339),
			9007199254740993 + n, // more than a float64 can hold
		})
	}
	for i := range int64(60) {
		n := 900 + i
		add(n, fmt.Sprintf("TCK-%04d", n), "Question about an invoice", "Initech", "solved", 1775000000+i*86400)
	}
	for _, t := range pineconeTickets() {
		var n int64
		_, _ = fmt.Sscanf(t.id, "TCK-%d", &n)
		add(n, t.id, t.subject, t.customer, t.status, int64(t.created))
		if !seen[t.customer] {
			seen[t.customer] = true
			customers.rows = append(customers.rows, []any{int64(len(seen)), t.customer, t.plan})
		}
	}
	return map[string]*metaTable{"tickets": tickets, "customers": customers}
}
