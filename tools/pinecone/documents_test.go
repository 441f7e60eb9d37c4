package pinecone

import (
	"fmt"
	"strings"
	"testing"
)

func TestDocuments(t *testing.T) {
	w := sandboxed(t)
	first := func(args string) Hit {
		t.Helper()
		got := must[Documents](w, "pinecone_search_documents", args)
		if len(got.Hits) == 0 {
			t.Fatalf("%s: %+v", args, got)
		}
		return got.Hits[0]
	}
	for args, want := range map[string]string{
		`{"index":"help-articles","query":"SSO certificate"}`:                                                "art-3",
		`{"index":"help-articles","query":"limit","search_fields":["body"],"filter":{"year":{"$gte":2026}}}`: "art-2",
		`{"index":"help-articles","query":"exporting","filter":{"body":{"$match_phrase":"cut off"}}}`:        "art-2",
		`{"index":"help-articles","type":"query_string","query":"title:\"signing in\""}`:                     "art-3",
		`{"index":"help-articles","type":"dense_vector","vector":[0,0,1,0,0,0,0,0],"top_k":1}`:               "art-3",
	} {
		if got := first(args); got.ID != want {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if got := first(`{"index":"help-articles","query":"SSO"}`); got.Fields["embedding"] != nil || got.Fields["title"] != "Signing in with SSO" || got.Fields["_score"] != nil {
		t.Errorf("fields: %+v", got.Fields)
	}
	if got := first(`{"index":"help-articles","query":"SSO","fields":["title"]}`); len(got.Fields) != 1 {
		t.Errorf("fields: %+v", got.Fields)
	}
	must[Upserted](w, "pinecone_upsert_documents", `{"index":"help-articles","namespace":"__default__","documents":[{"_id":"art-4","title":"Zeppelins","embedding":[0,0,0,1,0,0,0,0],"tags":["air"]}]}`)
	rec := must[Records](w, "pinecone_fetch_records", `{"index":"help-articles","ids":["art-4","art-9"],"include_values":true}`)
	if r := rec.Records[0]; r.Dimension != 8 || r.Values[3] != 1 || r.Fields["title"] != "Zeppelins" || len(rec.Missing) != 1 {
		t.Errorf("got %+v", rec)
	}
	must[Updated](w, "pinecone_update_record", `{"index":"help-articles","id":"art-4","set_metadata":{"year":2030}}`)
	page := must[Matching](w, "pinecone_fetch_by_metadata", `{"index":"help-articles","filter":{"year":2030}}`)
	if len(page.Records) != 1 || page.Records[0].ID != "art-4" || page.Records[0].Fields["title"] != "Zeppelins" {
		t.Errorf("got %+v", page)
	}
	if got := must[UpdatedMany](w, "pinecone_update_by_metadata", `{"index":"help-articles","filter":{"category":"export"},"set_metadata":{"owner":"ops"}}`); got.Matched != 2 {
		t.Errorf("a dry run: %+v", got)
	}
	if got := must[UpdatedMany](w, "pinecone_update_by_metadata", `{"index":"help-articles","filter":{"category":"export"},"set_metadata":{"owner":"ops"},"dry_run":false}`); got.Matched != 2 {
		t.Errorf("got %+v", got)
	}
	ids := must[RecordIDs](w, "pinecone_list_record_ids", `{"index":"help-articles","limit":3}`)
	if rest := must[RecordIDs](w, "pinecone_list_record_ids", fmt.Sprintf(`{"index":"help-articles","limit":3,"cursor":%q}`, ids.Next)); len(ids.IDs) != 3 || len(rest.IDs) != 1 {
		t.Errorf("%v, %v", ids, rest)
	}
	got := must[DeletedRecords](w, "pinecone_delete_records", `{"index":"help-articles","namespace":"__default__","filter":{"owner":"ops"}}`)
	if got.Matched == nil || *got.Matched != 2 || must[Stats](w, "pinecone_index_stats", `{"index":"help-articles"}`).Total != 2 {
		t.Errorf("got %+v", got)
	}
	for tool, cases := range map[string]map[string]string{
		"pinecone_search_documents": {
			`{"index":"help-articles"}`:                                                             "query is missing",
			`{"index":"help-articles","query":"x","search_fields":["titel"]}`:                       `Did you mean "title"?`,
			`{"index":"help-articles","query":"x","search_fields":["embedding"]}`:                   "no field",
			`{"index":"help-articles","type":"sparse_vector","sparse":{"1":1}}`:                     "has no field for a search of type sparse_vector",
			`{"index":"help-articles","type":"dense_vector","vector":[1]}`:                          "8 dimensions",
			`{"index":"help-articles","type":"query_string","query":"x","search_fields":["title"]}`: "names its fields itself",
			`{"index":"help-articles","query":"x","filter":{"body":{"$match_al":"x"}}}`:             "Did you mean $match_all?",
		},
		"pinecone_upsert_documents": {
			`{"index":"help-articles","namespace":"n","documents":[{"_id":"1","embedding":[1]}]}`: "must be a list of 8 numbers",
			`{"index":"help-articles","namespace":"n","documents":[{"_id":"1","title":7}]}`:       "title must be a text",
			`{"index":"help-articles","namespace":"n","documents":[{"_id":"1","_x":7}]}`:          "reserved",
			`{"index":"help-articles","namespace":"n","documents":[{"_id":"1","x":{"y":1}}]}`:     "flat",
			`{"index":"help-articles","namespace":"n","documents":[]}`:                            "at least one",
		},
	} {
		for args, want := range cases {
			_, err := w.call(tool, args)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", args, err)
			}
		}
	}
}
