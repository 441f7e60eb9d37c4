package pinecone

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

func TestHandlersFitTheirSchemas(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestProbe(t *testing.T) {
	w := sandboxed(t)
	who, err := w.svc.Probe(context.Background(), w.client())
	if err != nil || who != "project with 7 indexes" {
		t.Errorf("got %q, %v", who, err)
	}
	w.key = "wrong"
	if _, err := w.svc.Probe(context.Background(), w.client()); toolstest.FaultOf(t, err).Kind != fault.CredentialInvalid {
		t.Errorf("with a wrong key: %v", err)
	}
}

func TestListIndexesPagesByName(t *testing.T) {
	w := sandboxed(t)
	want := "faq help-articles keyword-notes product-docs product-images release-notes support-tickets"
	var got []string
	for cursor, n := "", 0; n == 0 || cursor != ""; n++ {
		page := must[IndexList](w, "pinecone_list_indexes", fmt.Sprintf(`{"limit":3,"cursor":%q}`, cursor))
		if page.Total != 7 || len(page.Indexes) > 3 || n > 3 {
			t.Fatalf("page %d: %+v", n, page)
		}
		for _, i := range page.Indexes {
			got = append(got, i.Name)
		}
		cursor = page.Next
	}
	if strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
	list := must[IndexList](w, "pinecone_list_indexes", `{"name_contains":"TICKET"}`)
	if len(list.Indexes) != 1 || !list.Indexes[0].Searchable || list.Indexes[0].TextField != "chunk_text" || list.Indexes[0].Kind != integrated {
		t.Errorf("by name: %+v", list)
	}
	first := must[IndexList](w, "pinecone_list_indexes", `{"limit":1}`)
	for name, args := range map[string]string{
		"made up":       `{"cursor":"%%"}`,
		"of another":    fmt.Sprintf(`{"name_contains":"s","cursor":%q}`, first.Next),
		"of other tool": `{"cursor":"bm90aGluZyBoZXJl"}`,
	} {
		if _, err := w.call("pinecone_list_indexes", args); toolstest.FaultOf(t, err).Kind != fault.InvalidArguments {
			t.Errorf("a cursor that is %s: %v", name, err)
		}
	}
}

func TestDescribeIndexShowsItsNamespaces(t *testing.T) {
	w := sandboxed(t)
	must[Upserted](w, "pinecone_upsert_records", `{"index":"support-tickets","namespace":"drafts","records":[{"_id":"d1","chunk_text":"hello"}]}`)
	d := must[Description](w, "pinecone_describe_index", `{"index":"support-tickets"}`)
	if d.Model != "llama-text-embed-v2" || d.Where != "aws eu-west-1" || !d.Protected || d.Tags["team"] != "support" || d.Kind != integrated {
		t.Errorf("got %+v", d)
	}
	if len(d.Namespaces) != 2 || d.Namespaces[0] != (Namespace{"__default__", 12}) || d.Namespaces[1] != (Namespace{"drafts", 1}) {
		t.Errorf("namespaces: %+v", d.Namespaces)
	}
	if !strings.Contains(d.Text(), "namespace __default__  12 records") || !strings.Contains(d.Text(), "tag team: support") {
		t.Errorf("text: %s", d.Text())
	}
	if d := must[Description](w, "pinecone_describe_index", `{"index":"product-docs"}`); d.State != "Initializing" || d.Namespaces != nil {
		t.Errorf("an index that is being set up: %+v", d)
	}
	d = must[Description](w, "pinecone_describe_index", `{"index":"help-articles"}`)
	if d.Kind != documents || len(d.Fields) != 3 || d.Fields[1] != (Field{"embedding", "dense_vector", "8 dimensions, cosine"}) || d.Fields[2] != (Field{"title", "string", "full text"}) {
		t.Errorf("documents: %+v", d)
	}
	if d := must[Description](w, "pinecone_describe_index", `{"index":"product-images"}`); d.Kind != vectors || d.Fields != nil || len(d.Namespaces) != 2 {
		t.Errorf("vectors: %+v", d)
	}
	kinds := map[string]string{}
	for _, i := range must[IndexList](w, "pinecone_list_indexes", `{}`).Indexes {
		kinds[i.Name] = i.Kind
	}
	if kinds["help-articles"] != documents || kinds["faq"] != integrated || kinds["product-images"] != vectors || kinds["keyword-notes"] != integrated {
		t.Errorf("kinds: %v", kinds)
	}
}

// Whether the older API shows indexes with a schema is not documented: both ways
// are fine. And a control plane that does not speak the newer one has none.
func TestIndexesThatOnlyOneAPIShows(t *testing.T) {
	double := sandbox.NewPinecone()
	hidden := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		old := r.Header.Get(versionHeader) == apiVersion
		rec := httptest.NewRecorder()
		double.ServeHTTP(rec, r)
		switch {
		case old && r.URL.Path == "/indexes/help-articles":
			http.Error(rw, `{"status":404,"error":{"code":"NOT_FOUND","message":"Index help-articles not found."}}`, 404)
			return
		case old && r.URL.Path == "/indexes":
			rec.Body = bytes.NewBuffer(regexp.MustCompile(`\{[^{]*"help-articles".*?"vector_type":"dense"\},`).ReplaceAll(rec.Body.Bytes(), nil))
			if strings.Contains(rec.Body.String(), "help-articles") {
				t.Error("it is not hidden")
			}
		}
		for k, v := range rec.Header() {
			rw.Header()[k] = v
		}
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(rec.Body.Bytes())
	}))
	if d := must[Description](hidden, "pinecone_describe_index", `{"index":"help-articles"}`); d.Kind != documents || d.Where != "aws eu-west-1" || d.Namespaces[0].Records != 3 {
		t.Errorf("described: %+v", d)
	}
	if got := must[Documents](hidden, "pinecone_search_documents", `{"index":"help-articles","query":"SSO"}`); len(got.Hits) != 1 {
		t.Errorf("searched: %+v", got)
	}
	if got := must[IndexList](hidden, "pinecone_list_indexes", `{"name_contains":"help"}`); got.Total != 1 || got.Indexes[0].Kind != documents {
		t.Errorf("listed: %+v", got)
	}
	for status, want := range map[int]fault.Kind{422: "", 503: fault.UpstreamUnavailable} {
		older := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get(versionHeader) == documentsVersion {
				rw.WriteHeader(status)
				return
			}
			double.ServeHTTP(rw, r)
		}))
		_, err := older.call("pinecone_query_vectors", `{"index":"product-images","id":"img-lamp-1"}`)
		if want == "" && err != nil || want != "" && toolstest.FaultOf(t, err).Kind != want {
			t.Errorf("the newer API answers %d: %v", status, err)
		}
	}
}

func TestANameThatIsNearlyAnIndex(t *testing.T) {
	w := sandboxed(t)
	for index, want := range map[string]string{
		"nope":            "There are: faq, help-articles",
		"suport-tickets":  `Did you mean "support-tickets"?`,
		"Support Tickets": `Did you mean "support-tickets"?`,
		"tickets":         `Did you mean "support-tickets"?`,
		"product":         "Did you mean one of product-docs, product-images?",
		"../faq":          `Did you mean "faq"?`,
	} {
		for tool, more := range map[string]string{"pinecone_describe_index": "", "pinecone_search_records": `,"text":"x"`, "pinecone_delete_index": fmt.Sprintf(`,"confirm":%q`, index)} {
			_, err := w.call(tool, fmt.Sprintf(`{"index":%q%s}`, index, more))
			if f := toolstest.FaultOf(t, err); f.Kind != fault.NotFound || !strings.Contains(f.Message, want) {
				t.Errorf("%s %s: %v", tool, index, err)
			}
		}
	}
}

func TestSearchFindsWhatIsMeant(t *testing.T) {
	w := sandboxed(t)
	got := must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"Export to CSV times out","top_k":3}`)
	if len(got.Hits) != 3 || got.ReadUnits != 0 || got.IndexedLSN == nil {
		t.Fatalf("got %+v", got)
	}
	for i, h := range got.Hits {
		if text := fmt.Sprint(h.Fields["chunk_text"]); !strings.Contains(text, "CSV") {
			t.Errorf("hit %d is not about CSV exports: %s", i, text)
		}
		if h.Score <= 0 || h.Score > 1 || i > 0 && h.Score > got.Hits[i-1].Score {
			t.Errorf("hit %d: score %v", i, h.Score)
		}
	}
	if !strings.Contains(got.Text(), got.Hits[0].ID+"  chunk_text: «") {
		t.Errorf("text: %s", got.Text())
	}
	got = must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"Export to CSV times out","top_k":3,"response_format":"detailed","rerank":{"model":"bge-reranker-v2-m3"}}`)
	if got.ReadUnits != 1 || got.EmbedTokens != 5 || got.RerankUnits != 1 || !strings.Contains(got.Text(), "1 read units") {
		t.Errorf("detailed: %+v", got)
	}
}

func TestSearchFiltersAndPicksFields(t *testing.T) {
	w := sandboxed(t)
	for _, c := range []struct {
		filter string
		want   int
	}{
		{`{"status":"open"}`, 4},
		{`{"status":{"$eq":"open"},"plan":{"$in":["enterprise","starter"]}}`, 3},
		{`{"$or":[{"customer":"Acme GmbH"},{"customer":{"$eq":"Globex AG"}}]}`, 4},
		{`{"created":{"$gte":1792227600}}`, 2},
		{`{"resolution":{"$exists":false}}`, 4},
		{`{"status":{"$ne":"open"},"$and":[{"plan":"pro"},{"plan":{"$nin":["starter"]}}]}`, 4},
	} {
		got := must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"export","top_k":100,"fields":["status"],"filter":`+c.filter+`}`)
		if len(got.Hits) != c.want {
			t.Errorf("%s: %d hits, want %d", c.filter, len(got.Hits), c.want)
		}
		for _, h := range got.Hits {
			if len(h.Fields) != 1 || h.Fields["status"] == nil {
				t.Errorf("%s: fields %v", c.filter, h.Fields)
			}
		}
	}
	_, err := w.call("pinecone_search_records", `{"index":"support-tickets","text":"x","filter":{"status":{"$like":"o"}}}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.InvalidArguments || !f.NotSent || !strings.Contains(f.Message, "$like is not a valid operator") {
		t.Errorf("an unknown operator: %+v", f)
	}
}

func TestSearchReranksOnTheTextFieldUnlessTold(t *testing.T) {
	w := sandboxed(t)
	got := must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"nightly export gateway","rerank":{"model":"bge-reranker-v2-m3","top_n":1}}`)
	if len(got.Hits) != 1 || got.Hits[0].ID != "TCK-1063" {
		t.Errorf("got %+v", got)
	}
	got = must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"VAT invoice","rerank":{"model":"bge-reranker-v2-m3","field":"subject","top_n":2}}`)
	if len(got.Hits) != 2 || got.Hits[0].ID != "TCK-1018" {
		t.Errorf("got %+v", got)
	}
}

func TestSearchWhereThereIsNothing(t *testing.T) {
	w := sandboxed(t)
	got := must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","namespace":"none","text":"x"}`)
	if len(got.Hits) != 0 || !strings.Contains(got.Text(), "pinecone_describe_index") {
		t.Errorf("got %+v: %s", got, got.Text())
	}
	_, err := w.call("pinecone_search_records", `{"index":"product-docs","text":"x"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.Conflict || !f.Retryable || !strings.Contains(f.Message, "Initializing") {
		t.Errorf("an index that is not ready: %+v", f)
	}
}

func TestFetchKeepsOrderAndNamesTheMissing(t *testing.T) {
	w := sandboxed(t)
	got := must[Records](w, "pinecone_fetch_records", `{"index":"support-tickets","ids":["TCK-1057","nope","TCK-1041"]}`)
	if len(got.Records) != 2 || got.Records[0].ID != "TCK-1057" || got.Records[1].ID != "TCK-1041" {
		t.Errorf("records: %+v", got.Records)
	}
	if len(got.Missing) != 1 || got.Missing[0] != "nope" {
		t.Errorf("missing: %v", got.Missing)
	}
	if n := got.Records[0].Fields["created"]; n != json.Number("1790240400") {
		t.Errorf("a number came as %v (%T)", n, n)
	}
}

func TestFetchOfLongIDsTakesSeveralURLs(t *testing.T) {
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf("%03d", i)+strings.Repeat("ä", 200))
	}
	total := 0
	for _, p := range portions(ids) {
		if n := len(url.Values{"ids": p}.Encode()); n > maxIDsLength {
			t.Errorf("a portion has %d bytes", n)
		}
		total += len(p)
	}
	if total != len(ids) {
		t.Errorf("%d of %d ids", total, len(ids))
	}
	w := sandboxed(t)
	args, _ := json.Marshal(map[string]any{"index": "support-tickets", "ids": append(ids[:99], "TCK-1041")})
	if got := must[Records](w, "pinecone_fetch_records", string(args)); len(got.Missing) != 99 || len(got.Records) != 1 {
		t.Errorf("%d missing, %d found", len(got.Missing), len(got.Records))
	}
}

func TestUpsertIsFoundByLaterSearches(t *testing.T) {
	w := sandboxed(t)
	up := must[Upserted](w, "pinecone_upsert_records", `{"index":"support-tickets","namespace":"__default__","records":[
		{"_id":"TCK-2000","chunk_text":"Zeppelin mooring mast is bent","status":"open","tags":["air","ship"],"big":12345678901234567},
		{"_id":"TCK-1012","chunk_text":"Replaced text about zeppelins"}]}`)
	if up.Count != 2 || up.LSN == nil || !strings.Contains(up.Text(), fmt.Sprint(*up.LSN)) {
		t.Errorf("got %+v: %s", up, up.Text())
	}
	got := must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"zeppelin mast","top_k":2}`)
	if len(got.Hits) != 2 || got.Hits[0].ID != "TCK-2000" || got.Hits[1].ID != "TCK-1012" || *got.IndexedLSN < *up.LSN {
		t.Errorf("got %+v", got)
	}
	if n := got.Hits[0].Fields["big"]; n != json.Number("12345678901234567") {
		t.Errorf("a large number came as %v", n)
	}
}

// The official description has NDJSON as an array, so each line is held against
// the schema of one record, UpsertRecord, by hand: an object with a text _id.
func TestUpsertLines(t *testing.T) {
	double := sandbox.NewPinecone()
	var body []byte
	var contentType string
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/upsert") {
			contentType = r.Header.Get("Content-Type")
			body, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
		}
		double.ServeHTTP(rw, r)
	}))
	must[Upserted](w, "pinecone_upsert_records", `{"index":"support-tickets","namespace":"a/b ?","records":[{"_id":"1","chunk_text":"one\ntwo <b>"},{"_id":"2","chunk_text":"x"}]}`)
	if contentType != "application/x-ndjson" {
		t.Errorf("content type %q", contentType)
	}
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %s", len(lines), body)
	}
	for _, l := range lines {
		var rec struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal([]byte(l), &rec); err != nil || rec.ID == "" {
			t.Errorf("line %q: %v", l, err)
		}
	}
}

func TestUpsertRefusesBeforeItSends(t *testing.T) {
	double := sandbox.NewPinecone()
	w := against(t, double)
	for name, c := range map[string]struct{ records, want string }{
		"no text":    {`[{"_id":"1","text":"wrong field"}]`, `"chunk_text"`},
		"twice":      {`[{"_id":"1","chunk_text":"a"},{"_id":"1","chunk_text":"b"}]`, "same id as records[0]"},
		"too large":  {`[{"_id":"1","chunk_text":"a"},{"_id":"2","chunk_text":"` + strings.Repeat("x", 41000) + `"}]`, "40 kB"},
		"no id":      {`[{"chunk_text":"a"}]`, "_id"},
		"nested":     {`[{"_id":"1","chunk_text":"a","m":{"a":1}}]`, "records[0]: m is an object"},
		"numbers":    {`[{"_id":"1","chunk_text":"a","m":[1,2]}]`, "m is a list"},
		"operator":   {`[{"_id":"1","chunk_text":"a","$eq":1}]`, "begins with $"},
		"too many":   {"[" + strings.Repeat(`{"_id":"1","chunk_text":"a"},`, 1000) + `{"_id":"2","chunk_text":"a"}]`, "at most 1000"},
		"id spaces":  {`[{"_id":"a b","chunk_text":"a"}]`, "spaces"},
		"none":       {`[]`, "at least one"},
		"null field": {`[{"_id":"1","chunk_text":"a","m":null}]`, "m is null"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.call("pinecone_upsert_records", `{"index":"support-tickets","namespace":"n","records":`+c.records+`}`)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	if got := must[Description](w, "pinecone_describe_index", `{"index":"support-tickets"}`); len(got.Namespaces) != 1 {
		t.Errorf("something was written: %+v", got.Namespaces)
	}
}

func TestReadOnlyKeyMayLookAndNotWrite(t *testing.T) {
	w := against(t, sandbox.NewPinecone())
	w.key = sandbox.PineconeReader
	must[Hits](w, "pinecone_search_records", `{"index":"support-tickets","text":"export"}`)
	_, err := w.call("pinecone_upsert_records", `{"index":"support-tickets","namespace":"n","records":[{"_id":"1","chunk_text":"a"}]}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.NotPermitted || f.Status != 403 || !strings.Contains(f.Message, "DataPlaneViewer") {
		t.Errorf("got %+v", f)
	}
	w.key = "wrong"
	_, err = w.call("pinecone_search_records", `{"index":"support-tickets","text":"export"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != fault.CredentialInvalid {
		t.Errorf("a wrong key: %+v", f)
	}
}

func TestAnswersAreBoundedAndClean(t *testing.T) {
	hits := []string{}
	for i := range 100 {
		hits = append(hits, fmt.Sprintf(`{"_id":"r%d","_score":0.5,"fields":{"chunk_text":%q,"o":{"a":[1]},"n":null}}`, i, "\u202eIgnore\x1b[2J\u200b "+strings.Repeat("y", 5000)))
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/indexes") {
			_, _ = fmt.Fprintf(w, `{"name":"x","host":%q,"status":{"ready":true,"state":"Ready"},"embed":{"model":"m","field_map":{"text":"chunk_text"}},"spec":{}}`, r.Host)
			return
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(`{"result":{"hits":[`+strings.Join(hits, ",")+`]},"usage":{}}`, `\x1b`, `\u001b`))
	}))
	defer s.Close()
	w := &world{t: t, svc: New(), url: s.URL, key: "k"}
	got := must[Hits](w, "pinecone_search_records", `{"index":"x","text":"y","top_k":100}`)
	raw, _ := json.Marshal(got)
	if len(raw) > maxBudget*2 || len(got.Text()) > maxBudget*2 {
		t.Errorf("%d bytes, text %d", len(raw), len(got.Text()))
	}
	if got.Dropped == 0 || len(got.Hits)+got.Dropped != 100 || !strings.Contains(got.Text(), "did not fit") {
		t.Errorf("%d hits, %d dropped", len(got.Hits), got.Dropped)
	}
	text := got.Hits[0].Fields["chunk_text"].(string)
	if n := len([]rune(text)); n != maxValue || !strings.Contains(text, "Ignore") || strings.ContainsAny(text, "\u202e\u200b\x1b") {
		t.Errorf("%d characters: %.40q", n, text)
	}
}
