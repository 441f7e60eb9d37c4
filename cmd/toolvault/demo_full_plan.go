package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/cmd/toolvault/internal/app"
)

const (
	dayTask    = "support-day"
	leastKinds = 6 // of credential that the day has to use

	// dayGrants is all that the task needs, but for google_calendar:events.write: whom
	// to invite is for a person to say.
	dayGrants = "google_calendar:events.read google_calendar:freebusy.read grafana:alerts:read grafana:datasources:query grafana:dashboards:read grafana:annotations:write " +
		"salesforce:data.read salesforce:data.write slack:channels:read slack:channels:history slack:chat:write hubspot:contacts.read hubspot:crm.objects.notes.write " +
		"clearbit:enrich.read segment:profile.read segment:volume.read segment:tracking.write weaviate:object.read pinecone:record.read notion:content.read metabase:content.read metabase:dashboard.write"

	runbook = "Runbook: CSV exports that time out"
)

// supportDay is the plan of a day. What it looks at is in November 2026, where the
// doubles have their story; only a free hour is looked for in the days to come.
func supportDay(now time.Time) []hour {
	day := func(n int) string { return now.AddDate(0, 0, n).Format(time.DateOnly) }
	type args = map[string]any
	return []hour{
		{
			why: "08:30. What is on today, and what happened in the night? The calendar, the alerts, the open cases and the channel, all at once.",
			errands: [][]call{
				{{tool: "google_calendar_list_events", args: args{"from": "2026-11-24", "to": "2026-11-25"}}},
				{{tool: "grafana_list_alerts", args: args{}}, {tool: "grafana_query_prometheus", args: args{"query": "sum by (customer) (export_duration_seconds)", "from": "2h"}}, {tool: "grafana_render_panel", args: args{"dashboard": "Export service", "panel": "Export duration"}}},
				{{tool: "salesforce_find_records", args: args{"object": "Case", "filters": []any{
					args{"field": "Account.Name", "op": "eq", "value": "Acme"}, args{"field": "IsClosed", "op": "eq", "value": false},
				}}}},
				{{tool: "slack_read_channel", args: args{"channel": "#support-updates", "limit": 5}}},
			},
		},
		{
			why: "09:15. The alert is about exports, and so is the case of Acme. Who is it, what is the company, what did she try, are there others, and is there an article?",
			errands: [][]call{
				{{tool: "hubspot_get_object", args: args{"object_type": "contacts", "id": "dana.whitfield@acme.example"}}},
				{{tool: "clearbit_enrich_company", args: args{"domain": "acme.example"}}},
				{{tool: "segment_get_profile", args: args{"profile": "dana.whitfield@acme.example"}}, {tool: "segment_get_profile_events", args: args{"profile": "user_id:usr_2041", "limit": 3}}, {tool: "segment_event_volume", args: args{"start": "5d", "event": "CSV Export Failed"}}},
				{{tool: "weaviate_search", args: args{"collection": "SupportArticle", "query": "CSV export times out", "limit": 2}}},
			},
		},
		{
			why:    "10:00. Has anybody had this before? Two searches and the runbook. But now Weaviate is down, and an admin has taken back the credential of Notion:",
			before: breakTwo,
			errands: [][]call{
				{{tool: "weaviate_search", args: args{"collection": "Ticket", "query": "CSV export times out", "limit": 3}, fails: "upstream_unavailable"}},
				{{tool: "pinecone_search_records", args: args{"index": "support-tickets", "text": "Export to CSV times out", "top_k": 3}}},
				{{tool: "notion_read_page", args: args{"page": runbook}, fails: "needs_consent"}},
			},
		},
		{
			why: "11:00. Pinecone has answered, and that is enough to act: the case goes to Marta, the customer's record says why, the graph gets a mark, and the team hears of it.",
			errands: [][]call{
				{{tool: "salesforce_update_record", args: args{"object": "Case", "id": "1026", "fields": args{"Status": "Escalated", "OwnerId": "marta.klein@northwind.example"}}}},
				{{tool: "hubspot_search_objects", args: args{"object_type": "contacts", "query": "Dana Whitfield"}}, {tool: "hubspot_create_note", from: func(last *mcp.CallToolResult) args {
					return args{"body": "The CSV export times out above 50,000 rows. Case **1026** is with Marta Klein.", "associate_to": []any{args{"type": "contacts", "id": firstID(last)}}}
				}}},
				{{tool: "grafana_create_annotation", args: args{"text": "Case 1026 escalated: exports time out at Acme", "tags": []any{"exports", "support"}, "dashboard": "Export service"}}},
				{{tool: "slack_post_message", args: args{"channel": "#support-updates", "text": "Acme (Dana Whitfield): CSV exports above 50,000 rows time out. Case 1026 is with Marta. Weaviate is down, and the runbook cannot be read: the Notion credential was taken back."}}},
			},
		},
		{
			why: "14:00. Dana should see the fix with Jonas. SupportBot may look for a free hour; to book it, and so to invite people, its task has no right:",
			errands: [][]call{{
				{tool: "google_calendar_find_time", args: args{"calendars": []any{"primary", "jonas.brekke@northwind.example"}, "minutes": 45, "from": day(1), "to": day(8)}},
				{tool: "google_calendar_create_event", args: args{"title": "Export fix: walk-through with Dana", "start": day(1) + " 11:00", "minutes": 45, "guests": []any{"dana.whitfield@acme.example"}}, fails: "not_permitted"},
			}},
		},
		{
			why: "18:00. The day is over: the dashboard gets its line, and the product team its event.",
			errands: [][]call{
				{{tool: "metabase_get_dashboard", args: args{"id": "Support health"}}, {tool: "metabase_update_dashboard", args: args{"id": "Support health", "description": "CSV export timeouts are the top theme. Case 1026 is escalated."}}},
				{{tool: "segment_track", args: args{"event": "Support Case Escalated", "user_id": "usr_2041", "properties": args{"case": "1026", "reason": "csv export"}}}},
			},
		},
	}
}

// breakTwo has Weaviate go down, and a credential revoked as an admin revokes one.
func breakTwo(ctx context.Context, d *demo) error {
	d.app.Sandbox.Doubles["weaviate"].Down(true)
	const name = "notion/" + app.SandboxAgent
	did, err := d.app.Vault.Revoke(ctx, name)
	if err != nil {
		return err
	}
	d.note("toolvault credential revoke %s", name)
	return d.app.CredentialEvent(ctx, "credential.revoked", name, did.Version, fmt.Sprintf("%s version %d", name, did.Version))
}
