package main

func metabaseJobs() []task {
	const sql = "select status, count(*) as tickets from tickets group by status order by status"
	return []task{
		{
			key: "metabase-search", words: "Find what there is about tickets", facts: []string{"Tickets by status", "Open tickets"},
			ours:   func(s *session) { s.call("metabase_search", object{"query": "tickets"}) },
			theirs: func(s *session) { s.call("search_content", object{"q": "tickets"}) },
		},
		{
			key: "metabase-create-question", words: "Save a question", writes: true,
			ours: func(s *session) {
				s.call("metabase_create_question", object{"name": "States", "database": 1, "sql": sql, "display": "bar", "collection": "Support"})
			},
			theirs: func(s *session) {
				s.call("create_card", object{
					"name": "States", "display": "bar", "collection_id": 3, "visualization_settings": object{},
					"dataset_query": object{"database": 1, "type": "native", "native": object{"query": sql}},
				})
			},
		},
		{
			key: "metabase-create-dashboard", words: "Make a dashboard", writes: true,
			ours: func(s *session) {
				s.call("metabase_create_dashboard", object{"name": "Weekly review", "description": "For Mondays", "collection": "Support"})
			},
			theirs: func(s *session) {
				s.call("create_dashboard", object{"name": "Weekly review", "description": "For Mondays", "collection_id": 3})
			},
		},
		{
			key: "metabase-rename", words: "Rename a dashboard", writes: true,
			ours: func(s *session) {
				s.call("metabase_update_dashboard", object{"id": 43, "name": "Customers and plans"})
			},
			theirs: func(s *session) {
				s.call("update_dashboard", object{"dashboard_id": 43, "name": "Customers and plans"})
			},
		},
		{
			key: "metabase-add-card", words: "Put a question on a dashboard", writes: true, explained: noAction(),
			ours: func(s *session) {
				s.call("metabase_edit_dashboard_cards", object{"id": 43, "ops": []object{{"op": "add", "question": 101, "row": 6, "col": 0, "width": 12, "height": 8}}})
			},
			theirs: func(s *session) {
				s.call("add_card_to_dashboard", object{"dashboard_id": 43, "cardId": 101, "row": 6, "col": 0, "size_x": 12, "size_y": 8})
			},
		},
		{
			key: "metabase-remove-card", words: "Take a text off a dashboard", writes: true,
			ours: func(s *session) {
				s.call("metabase_edit_dashboard_cards", object{"id": 42, "ops": []object{{"op": "remove", "card": 503}}})
			},
			theirs: func(s *session) {
				s.call("remove_cards_from_dashboard", object{"dashboard_id": 42, "dashcard_ids": []int{503}})
			},
		},
		{
			key: "metabase-archive", words: "Put a question into the trash", writes: true,
			ours:   func(s *session) { s.call("metabase_archive_item", object{"type": "question", "id": 104}) },
			theirs: func(s *session) { s.call("delete_card", object{"card_id": 104}) },
		},
		{
			key: "metabase-collection", words: "Make a collection in another", writes: true,
			ours:   func(s *session) { s.call("metabase_create_collection", object{"name": "Weekly", "parent": "Support"}) },
			theirs: func(s *session) { s.call("create_collection", object{"name": "Weekly", "parent_id": 3}) },
		},
		{
			key: "metabase-copy", words: "Copy a question", writes: true,
			ours:   func(s *session) { s.call("metabase_copy_item", object{"type": "question", "id": 104}) },
			theirs: func(s *session) { s.call("copy_card", object{"card_id": 104}) },
		},
		{
			key: "metabase-sql-change", words: "Change the SQL of a question", writes: true,
			ours: func(s *session) { s.call("metabase_update_question", object{"id": 102, "sql": sql}) },
			theirs: func(s *session) {
				s.call("update_card", object{"card_id": 102, "updates": object{"dataset_query": object{"database": 1, "type": "native", "native": object{"query": sql}}}})
			},
		},
		{
			key: "metabase-items", words: "What is in the collection Support?", facts: []string{"Tickets by status", "Support health"},
			ours:   func(s *session) { s.call("metabase_list_collection", object{"collection": "Support"}) },
			theirs: func(s *session) { s.call("get_collection_items", object{"collection_id": 3}) },
		},
	}
}
