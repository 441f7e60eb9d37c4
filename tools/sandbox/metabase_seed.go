package sandbox

import (
	"fmt"
	"time"

	"toolvault/tools/sandbox/double"
)

const metaDatabaseID = 1

var metaTableOrder = []string{"tickets", "customers"}

func newMetabaseState() *metabase {
	start := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	m := &metabase{
		editor: "mb_sandbox_editor_9e42", username: "editor@sandbox.example", password: double.Fake("metabase password", 20),
		now:    start,
		tables: metaTables(),
		collections: []*metaCollection{
			{id: 3, name: "Support"},
			{id: 5, name: "Finance"},
			{id: 6, name: "Templates", parent: 3},
		},
		cards: []*metaCard{
			metaSQLCard(101, "Tickets by status", "How many tickets are in each state", 3, "bar",
				"select status, count(*) as tickets from tickets [[where status = {{status}}]] group by status order by status", "status"),
			metaSQLCard(102, "Open tickets", "All tickets that are not solved", 3, "table",
				"select id, subject, customer, created_at from tickets where status = 'open' order by id"),
			metaSQLCard(103, "Tickets of a customer", "Everything one customer has asked", 3, "table",
				"select id, subject, status from tickets where customer = {{customer}} order by id", "customer"),
			metaSQLCard(104, "Customers by plan", "", 5, "pie", "select plan, count(*) as customers from customers group by plan order by plan"),
			metaSQLCard(105, "Export queue", "Fails: its table was renamed", 3, "table", "select * from export_queue"),
			metaSQLCard(106, "Tickets before the move", "", 3, "table", "select * from tickets"),
			metaBuiltCard(107, "question", "Workload by customer", 3, "row", map[string]any{
				"source-table": int64(1), "aggregation": []any{[]any{"count"}}, "breakout": []any{[]any{"field", int64(14), nil}},
			}),
			metaBuiltCard(108, "model", "Accounts", 5, "table", map[string]any{"source-table": int64(2)}),
			metaBuiltCard(109, "metric", "Cases", 3, "scalar", map[string]any{"source-table": int64(1), "aggregation": []any{[]any{"count"}}}),
		},
		dashboards: []*metaDashboard{
			{id: 42, name: "Support health", collection: 3, updated: start.Add(-48 * time.Hour), parameters: metaFilters()},
			{id: 43, name: "Customers", collection: 5, updated: start, cards: []map[string]any{metaPlace(511, 43, 104, 0, 0, 12, 6)}},
			{id: 44, name: "Support archive", collection: 3, archived: true, updated: start},
			{id: 45, name: "Operations", collection: 3, updated: start, tabs: []map[string]any{
				{"id": int64(61), "dashboard_id": int64(45), "name": "Today", "position": int64(0)},
				{"id": int64(62), "dashboard_id": int64(45), "name": "Trends", "position": int64(1)},
			}, parameters: metaFilters()[1:]},
		},
		alerts: []map[string]any{{
			"id": int64(7), "active": true, "payload_type": "notification/card", "payload_id": int64(7), "creator_id": int64(1),
			"creator": map[string]any{"id": 1, "common_name": "Ana Costa"}, "created_at": "2026-10-01T09:00:00Z",
			"payload":       map[string]any{"card_id": int64(102), "send_condition": "has_result", "send_once": false},
			"subscriptions": []any{map[string]any{"type": "notification-subscription/cron", "cron_schedule": "0 0 8 * * ? *"}},
			"handlers": []any{map[string]any{"channel_type": "channel/email", "recipients": []any{
				map[string]any{"type": "notification-recipient/user", "user_id": int64(1)},
			}}},
		}},
		pulses: []map[string]any{{
			"id": int64(9), "name": "Support health", "dashboard_id": int64(42), "archived": false, "skip_if_empty": false, "parameters": []any{},
			"creator": map[string]any{"id": 1, "common_name": "Ana Costa"},
			"cards":   []any{map[string]any{"id": int64(101), "dashboard_card_id": int64(501), "include_csv": false, "include_xls": false}},
			"channels": []any{map[string]any{
				"channel_type": "email", "enabled": true, "schedule_type": "daily", "schedule_hour": int64(8), "schedule_day": nil, "schedule_frame": nil,
				"recipients": []any{map[string]any{"id": int64(2)}}, "details": map[string]any{},
			}},
		}},
		last: map[string]int64{"card": 119, "dashboard": 49, "collection": 9, "dashcard": 549, "tab": 69, "alert": 19, "pulse": 29, "revision": 19},
	}
	m.card(106).archived = true
	trends := metaPlace(522, 45, 107, 0, 0, 24, 8)
	trends["dashboard_tab_id"] = int64(62)
	trends["parameter_mappings"] = []any{map[string]any{"parameter_id": "c0ffee02", "card_id": int64(107), "target": []any{"dimension", []any{"field", int64(15), nil}}}}
	trends["inline_parameters"] = []any{} // of a newer version than most clients know
	today := metaPlace(521, 45, 109, 0, 0, 6, 3)
	today["dashboard_tab_id"] = int64(61)
	m.dashboard(45).cards = []map[string]any{today, trends}
	m.grow(start)
	return m
}

// grow gives dashboard 42 a history: versions 20 and 21, and 22 as it is now.
func (m *metabase) grow(start time.Time) {
	d := m.dashboard(42)
	m.now = start.Add(-48 * time.Hour)
	m.revise("dashboard", 42, "created this.")
	filtered := metaPlace(501, 42, 101, 0, 0, 12, 6)
	filtered["parameter_mappings"] = []any{map[string]any{"parameter_id": "c0ffee02", "card_id": int64(101), "target": []any{"variable", []any{"template-tag", "status"}}}}
	d.cards = []map[string]any{filtered, metaPlace(502, 42, 102, 0, 12, 12, 6), metaNote(503, 42, "Reviewed every Monday.", 6)}
	m.now = start.Add(-24 * time.Hour)
	m.revise("dashboard", 42, "added 3 cards.")
	d.description, d.updated, m.now = "Open tickets and how fast we answer", start, start
	m.revise("dashboard", 42, "added a description.")
}

// metaFilters are a dashboard's: a date that acts on nothing, and a state.
func metaFilters() []map[string]any {
	return []map[string]any{
		{"id": "c0ffee01", "name": "Created", "slug": "created", "type": "date/all-options", "sectionId": "date"},
		{"id": "c0ffee02", "name": "Status", "slug": "status", "type": "string/=", "sectionId": "string", "filteringParameters": []any{}},
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
