package main

// The everyday tasks in Pinecone, beside @pinecone-database/mcp.
func pineconeTasks() []task {
	const index, space = "support-tickets", "__default__"
	tickets := []object{
		{"_id": "TCK-2001", "chunk_text": "Export to PDF cuts the last page", "status": "open", "customer": "Acme GmbH"},
		{"_id": "TCK-2002", "chunk_text": "Sign-in with SSO loops", "status": "open", "customer": "Initech"},
		{"_id": "TCK-2003", "chunk_text": "The bill has the wrong address", "status": "open", "customer": "Hooli Austria"},
	}
	return []task{
		{
			key: "pinecone-overview", words: "Which indexes are there, which are ready, and how many records has support-tickets?",
			facts: []string{"product-docs", "support-tickets", "12"},
			ours: func(s *session) {
				s.call("pinecone_list_indexes", object{})
				s.call("pinecone_index_stats", object{"index": index})
			},
			theirs: func(s *session) {
				s.call("list-indexes", object{})
				s.call("describe-index-stats", object{"name": index})
			},
		},
		{
			key: "pinecone-similar", words: "Which solved tickets were like this one: \"Export to CSV times out\"?",
			facts: []string{"TCK-1041", "TCK-1057"},
			ours: func(s *session) {
				s.call("pinecone_search_records", object{"index": index, "text": "Export to CSV times out", "top_k": 3, "filter": object{"status": object{"$eq": "solved"}}})
			},
			theirs: func(s *session) {
				s.call("search-records", object{"name": index, "namespace": space, "query": object{"inputs": object{"text": "Export to CSV times out"}, "topK": 3, "filter": object{"status": object{"$eq": "solved"}}}})
			},
		},
		{
			key: "pinecone-add", words: "Add these three tickets and read them back", writes: true,
			facts:  []string{"TCK-2001", "TCK-2002", "TCK-2003", "Export to PDF cuts the last page"},
			cannot: "reads no record by its id: searches for the text of each",
			ours: func(s *session) {
				s.call("pinecone_upsert_records", object{"index": index, "namespace": space, "records": tickets})
				s.call("pinecone_fetch_records", object{"index": index, "ids": []string{"TCK-2001", "TCK-2002", "TCK-2003"}})
			},
			theirs: func(s *session) {
				s.call("describe-index", object{"name": index}) // which field takes the text
				s.call("upsert-records", object{"name": index, "namespace": space, "records": tickets})
				for _, t := range tickets {
					s.call("search-records", object{"name": index, "namespace": space, "query": object{"inputs": object{"text": t["chunk_text"]}, "topK": 1}})
				}
			},
		},
		{
			key: "pinecone-change", words: "Mark ticket TCK-1063 as solved", writes: true,
			cannot: "changes no field: finds the record and writes it whole",
			ours: func(s *session) {
				s.call("pinecone_update_record", object{"index": index, "id": "TCK-1063", "set_metadata": object{"status": "solved"}})
			},
			theirs: func(s *session) {
				s.call("describe-index", object{"name": index})
				found := s.call("search-records", object{"name": index, "namespace": space, "query": object{"inputs": object{"text": "TCK-1063 Scheduled CSV export fails at night"}, "topK": 5}})
				hits := answer{s: s, tool: "search-records", value: found.at("result")}
				record := object{"_id": "TCK-1063"}
				fields, _ := hits.where("hits", "_id", "TCK-1063").at("fields").(map[string]any)
				for k, v := range fields {
					record[k] = v
				}
				record["status"] = "solved"
				s.call("upsert-records", object{"name": index, "namespace": space, "records": []object{record}})
			},
		},
		{
			key: "pinecone-across", words: "Search the tickets and the FAQ for \"CSV export stops\", best first",
			facts: []string{"CSV export"},
			ours: func(s *session) {
				s.call("pinecone_cascading_search", object{"indexes": []object{{"index": index}, {"index": "faq"}}, "text": "CSV export stops", "top_k": 5, "top_n": 3})
			},
			theirs: func(s *session) {
				s.call("cascading-search", object{
					"indexes": []object{{"name": index, "namespace": space}, {"name": "faq", "namespace": space}},
					"query":   object{"inputs": object{"text": "CSV export stops"}, "topK": 5},
					"rerank":  object{"model": "bge-reranker-v2-m3", "rankFields": []string{"chunk_text"}, "topN": 3},
				})
			},
		},
	}
}
