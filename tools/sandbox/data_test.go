package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

// ask sends one request to a double and returns status and body.
func ask(t *testing.T, d *double.Double, header, key, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set(header, key)
	r.Header.Set("X-Pinecone-Api-Version", pineconeVersion)
	if strings.HasSuffix(path, "/upsert") {
		r.Header.Set("Content-Type", "application/x-ndjson")
	}
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	out, _ := io.ReadAll(rec.Result().Body)
	return rec.Code, string(out)
}

func TestPineconeDouble(t *testing.T) {
	d := NewPinecone()
	for _, c := range []struct {
		name, key, method, path, body string
		status                        int
		says                          string
	}{
		{"control plane without a key", "", "GET", "/indexes", "", 401, `"UNAUTHENTICATED"`},
		{"data plane without a key", "", "GET", "/vectors/fetch?ids=a", "", 401, "Invalid API Key"},
		{"a reader looks", PineconeReader, "POST", "/records/namespaces/__default__/search", `{"query":{"top_k":1,"inputs":{"text":"vat"}}}`, 200, "TCK-1018"},
		{"a reader writes", PineconeReader, "POST", "/records/namespaces/n/upsert", `{"_id":"1","chunk_text":"x"}`, 403, "Forbidden"},
		{"half a batch is bad", d.Secret, "POST", "/records/namespaces/n/upsert", `{"_id":"1","chunk_text":"x"}` + "\n" + `{"_id":"2"}`, 400, "chunk_text"},
		{"so nothing was written", d.Secret, "GET", "/vectors/fetch?ids=1&namespace=n", "", 200, `"vectors":{}`},
		{"an alias of _id", d.Secret, "POST", "/records/namespaces/n/upsert", `{"id":"1","chunk_text":"x"}`, 201, ""},
		{"too many", d.Secret, "POST", "/records/namespaces/n/upsert", strings.Repeat(`{"_id":"1","chunk_text":"x"}`+"\n", 97), 400, "96"},
		{"nested metadata", d.Secret, "POST", "/records/namespaces/n/upsert", `{"_id":"1","chunk_text":"x","a":{}}`, 400, "Metadata"},
		{"by id", d.Secret, "POST", "/records/namespaces/__default__/search", `{"query":{"top_k":1,"id":"TCK-1025"}}`, 200, "TCK-1025"},
		{"by vector", d.Secret, "POST", "/records/namespaces/__default__/search", `{"query":{"top_k":1,"vector":{"values":[1,2]}}}`, 400, "dimension 2 does not match"},
		{"top_k", d.Secret, "POST", "/records/namespaces/__default__/search", `{"query":{"top_k":0,"inputs":{"text":"x"}}}`, 400, "top_k"},
		{"stats", d.Secret, "POST", "/describe_index_stats", `{}`, 200, `"totalVectorCount":13`},
		{"unknown path", d.Secret, "GET", "/nope", "", 404, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := ask(t, d, "Api-Key", c.key, c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %.300s", status, body)
			}
		})
	}
}

func TestMetabaseDouble(t *testing.T) {
	d := NewMetabase()
	for _, c := range []struct {
		name, key, method, path, body string
		status                        int
		says                          string
	}{
		{"without a key", "", "GET", "/api/user/current", "", 401, "Unauthenticated"},
		{"no such endpoint", d.Secret, "GET", "/api/nope", "", 404, "API endpoint does not exist."},
		{"the web page", d.Secret, "GET", "/dashboard/42", "", 200, "<!DOCTYPE html>"},
		{"a reader writes", MetabaseReader, "PUT", "/api/dashboard/42", `{"name":"x"}`, 403, "You don't have permissions to do that."},
		{"a card without its size", d.Secret, "PUT", "/api/dashboard/42", `{"dashcards":[{"id":501,"row":0,"col":0}]}`, 400, "dashcards"},
		{"a card that is not there", d.Secret, "PUT", "/api/dashboard/42", `{"dashcards":[{"id":7,"row":0,"col":0,"size_x":1,"size_y":1}]}`, 400, "dashcards"},
		{"one card twice", d.Secret, "PUT", "/api/dashboard/42", `{"dashcards":[{"id":501,"row":0,"col":0,"size_x":1,"size_y":1},{"id":501,"row":0,"col":0,"size_x":1,"size_y":1}]}`, 400, "unique"},
		{"a list is the whole list", d.Secret, "PUT", "/api/dashboard/43", `{"dashcards":[{"id":-1,"card_id":101,"row":0,"col":0,"size_x":4,"size_y":4}]}`, 200, "Tickets by status"},
		{"so the other is gone", d.Secret, "GET", "/api/dashboard/43", "", 200, `"dashcards":[{"card":{"display":"bar","id":101`},
		{"a query", d.Secret, "POST", "/api/dataset", `{"database":1,"type":"native","native":{"query":"select count(*) from customers where plan = 'enterprise'"}}`, 202, `"rows":[[3]]`},
		{"a query it does not know", d.Secret, "POST", "/api/dataset", `{"database":1,"type":"native","native":{"query":"select a from b join c"}}`, 202, `"status":"failed"`},
		{"a write", d.Secret, "POST", "/api/dataset", `{"database":1,"type":"native","native":{"query":"drop table tickets"}}`, 202, "42601"},
		{"by a reader", MetabaseReader, "POST", "/api/dataset", `{"database":1,"type":"native","native":{"query":"select * from customers"}}`, 202, "missing-required-permissions"},
		{"a limit", d.Secret, "POST", "/api/dataset", `{"database":1,"type":"native","native":{"query":"select id from tickets"},"constraints":{"max-results":2}}`, 202, `"rows_truncated":2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := ask(t, d, "X-Api-Key", c.key, c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %.400s", status, body)
			}
			if strings.Contains(c.path, "dataset") && !json.Valid([]byte(body)) {
				t.Errorf("not JSON: %s", body)
			}
		})
	}
}

func TestTheSQLOfTheDouble(t *testing.T) {
	m := newMetabaseState()
	for sql, want := range map[string]string{
		"select * from customers where plan = 'starter'":                                   `[[8,"Wayne Logistics","starter"]]`,
		"select plan, count(*) as n from customers group by plan order by n desc limit 1;": `[["pro",4]]`,
		"select plan, count(*) as n from customers group by 1 order by 2 desc limit 1":     `[["pro",4]]`,
		"select name from customers where id >= 2 and id < 4 order by name desc":           `[["Northwind Ltd"],["Globex AG"]]`,
		"select name from customers where plan <> 'pro' and plan != 'enterprise'":          `[["Wayne Logistics"]]`,
		"-- a comment\nSELECT COUNT(*) FROM customers WHERE name = 'it''s'":                `[[0]]`,
		"select 1, 'it''s'": `[[1,"it's"]]`,
	} {
		got, err := m.query(sql, nil)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if raw, _ := json.Marshal(got.rows); string(raw) != want {
			t.Errorf("%s: %s", sql, raw)
		}
	}
	for _, sql := range []string{"", "select", "select * from", "select * from nope", "select nope from tickets", "select * from tickets where", "select * from tickets where id ~ 1", "select * from tickets limit x", "select id, count(*) from tickets", "select * from tickets; select 1", "select * from tickets where id = {{x}}", "select * from tickets order by nope", "select a b from tickets", "'"} {
		if got, err := m.query(sql, nil); err == nil {
			t.Errorf("%q: %v", sql, got.rows)
		}
	}
}

func TestDoublesGoDownAndLimit(t *testing.T) {
	for _, d := range []*double.Double{NewPinecone(), NewMetabase()} {
		d.Down(true)
		if status, _ := ask(t, d, "Api-Key", d.Secret, http.MethodGet, "/indexes", ""); status != 503 {
			t.Errorf("%s is down and answers %d", d.Service, status)
		}
		d.Down(false)
		d.RateLimit(1, time.Second)
		if status, _ := ask(t, d, "Api-Key", d.Secret, http.MethodGet, "/indexes", ""); status != 429 {
			t.Errorf("%s is limited and answers %d", d.Service, status)
		}
	}
}
