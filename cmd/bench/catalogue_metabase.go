package main

import (
	"encoding/json"
	"regexp"
)

// The everyday tasks in Metabase, beside the most used npm server for it. The
// server that Metabase has built in signs people in with a browser and is a part of
// Metabase, so that it cannot be run here.
func metabaseTasks() []task {
	const perCustomer = "select customer, count(*) as tickets from tickets where status = 'open' group by customer order by customer"
	number := func(a answer, path ...any) any {
		n, _ := a.at(path...).(json.Number)
		return n
	}
	theirs := func(s *session, model, q string) any {
		return number(s.call("search_content", object{"q": q, "models": []string{model}}), "data", 0, "id")
	}
	return []task{
		{
			key: "metabase-dashboard", words: "What is on the dashboard Support health?",
			facts: []string{"Support health", "Tickets by status", "Open tickets", "Reviewed every Monday."},
			ours:  func(s *session) { s.call("metabase_get_dashboard", object{"id": "Support health"}) },
			theirs: func(s *session) {
				s.call("get_dashboard", object{"dashboard_id": theirs(s, "dashboard", "Support health")})
			},
		},
		{
			key: "metabase-question", words: "Show me the rows of the question Open tickets",
			facts:  []string{"Scheduled CSV export fails at night", "Globex AG"},
			ours:   func(s *session) { s.call("metabase_run_question", object{"id": "Open tickets"}) },
			theirs: func(s *session) { s.call("execute_card", object{"card_id": theirs(s, "card", "Open tickets")}) },
		},
		{
			key: "metabase-sql", words: "How many open tickets has each customer? Ask with SQL",
			facts: []string{"Globex AG", "Initech"},
			ours: func(s *session) {
				s.call("metabase_run_sql", object{"database": number(s.call("metabase_list_databases", object{}), "databases", 0, "id"), "sql": perCustomer})
			},
			theirs: func(s *session) {
				s.call("execute_query", object{"database_id": number(s.call("list_databases", object{}), "data", 0, "id"), "query": perCustomer})
			},
		},
		{
			key: "metabase-columns", words: "Which columns has the table tickets?", facts: []string{"customer", "created_at", "external_ref"},
			ours: func(s *session) { s.call("metabase_describe_table", object{"table": "tickets"}) },
			theirs: func(s *session) {
				s.call("get_table_query_metadata", object{"table_id": theirs(s, "table", "tickets")})
			},
		},
		{
			key: "metabase-text", words: "Add the text \"Next review on Friday\" below the cards of Support health", writes: true, explained: noAction(),
			ours: func(s *session) {
				s.call("metabase_edit_dashboard_cards", object{"id": "Support health", "ops": []object{{"op": "add_text", "text": "Next review on Friday", "row": 20, "col": 0, "width": 18, "height": 2}}})
			},
			theirs: func(s *session) {
				s.call("add_text_block", object{"dashboard_id": theirs(s, "dashboard", "Support health"), "text": "Next review on Friday", "row": 20, "col": 0, "size_x": 18, "size_y": 2})
			},
		},
	}
}

// noAction is what theirs leaves out of the cards that were there when it sends them
// all back.
func noAction() []explained {
	return []explained{{regexp.MustCompile(`"action_id":null,`), "theirs sends cards back without their action_id, which is null on both sides"}}
}
