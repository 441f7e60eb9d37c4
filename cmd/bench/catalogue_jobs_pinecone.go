package main

func pineconeJobs() []task {
	documents := []string{"Invoices show the wrong VAT", "CSV export is slow for large reports", "Sign-in loops"}
	return []task{
		{
			key: "pinecone-describe", words: "How is the index made?", facts: []string{"llama-text-embed-v2", "chunk_text", "384"},
			ours:   func(s *session) { s.call("pinecone_describe_index", object{"index": "support-tickets"}) },
			theirs: func(s *session) { s.call("describe-index", object{"name": "support-tickets"}) },
		},
		{
			key: "pinecone-namespace", words: "Write a record into a namespace that is not there yet", writes: true,
			ours: func(s *session) {
				s.call("pinecone_upsert_records", object{"index": "support-tickets", "namespace": "archive", "records": []object{{"_id": "TCK-0001", "chunk_text": "The first ticket", "year": 2019}}})
			},
			theirs: func(s *session) {
				s.call("upsert-records", object{"name": "support-tickets", "namespace": "archive", "records": []object{{"_id": "TCK-0001", "chunk_text": "The first ticket", "year": 2019}}})
			},
		},
		{
			key: "pinecone-rerank", words: "Which of these texts fits best?", facts: []string{"CSV export is slow"},
			ours: func(s *session) {
				s.call("pinecone_rerank", object{"query": "export too slow", "documents": documents, "top_n": 1})
			},
			theirs: func(s *session) {
				s.call("rerank-documents", object{"model": "bge-reranker-v2-m3", "query": "export too slow", "documents": documents, "options": object{"topN": 1}})
			},
		},
		{
			key: "pinecone-create", words: "Make an index that embeds texts itself", writes: true, facts: []string{"meeting-notes"},
			ours: func(s *session) {
				s.call("pinecone_create_index", object{
					"name": "meeting-notes", "model": "llama-text-embed-v2", "text_field": "body", "region": "eu-west-1", "protect": false,
					"tags": object{"source": "mcp", "embedding_model": "llama-text-embed-v2"}, // theirs sets these by itself
				})
			},
			theirs: func(s *session) {
				s.call("create-index-for-model", object{"name": "meeting-notes", "cloud": "aws", "region": "eu-west-1", "embed": object{"model": "llama-text-embed-v2", "fieldMap": object{"text": "body"}}})
			},
		},
	}
}
