package sandbox

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

func TestMetabaseDoubleRefuses(t *testing.T) {
	d := NewMetabase()
	before := d.Snapshot()
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"a dashboard with tabs and a card on none", "PUT", "/api/dashboard/45", `{"dashcards":[{"id":521,"row":0,"col":0,"size_x":1,"size_y":1}]}`, 400, "every card has a tab"},
		{"a tab that is not there", "PUT", "/api/dashboard/45", `{"tabs":[{"id":7,"name":"x"}]}`, 400, "ids are unique"},
		{"a parameter without a type", "PUT", "/api/dashboard/42", `{"parameters":[{"id":"x"}]}`, 400, "parameters"},
		{"a card without a query", "POST", "/api/card", `{"name":"x","display":"table","visualization_settings":{}}`, 400, "dataset_query"},
		{"a card of no collection", "PUT", "/api/card/101", `{"collection_id":99}`, 404, "Not found."},
		{"a collection into what is in it", "PUT", "/api/collection/3", `{"parent_id":6}`, 400, "descendants"},
		{"an alert of no card", "POST", "/api/notification", `{"payload_type":"notification/card","payload":{"card_id":9}}`, 404, "Not found."},
		{"an alert to nobody known", "POST", "/api/notification", `{"payload_type":"notification/card","payload":{"card_id":101},"handlers":[{"channel_type":"channel/email","recipients":[{"type":"notification-recipient/user","user_id":99}]}]}`, 400, "no such user"},
		{"a subscription without cards", "POST", "/api/pulse", `{"name":"x","channels":[]}`, 400, "cards"},
		{"another's version", "POST", "/api/revision/revert", `{"entity":"dashboard","id":43,"revision_id":20}`, 404, "Not found."},
		{"a filter that the dashboard has not", "POST", "/api/dashboard/42/dashcard/501/card/101/query", `{"parameters":[{"id":"x","value":1}]}`, 400, "does not have a parameter"},
		{"a card that is not at that place", "POST", "/api/dashboard/42/dashcard/501/card/102/query", `{}`, 404, "Not found."},
		{"a field of another table", "POST", "/api/dataset", `{"database":1,"type":"query","query":{"source-table":1,"fields":[["field",22,null]]}}`, 202, "another table"},
		{"an aggregation that is none", "POST", "/api/dataset", `{"database":1,"type":"query","query":{"source-table":1,"aggregation":[["mode",["field",11,null]]]}}`, 202, "Invalid aggregation"},
		{"a table that is none", "POST", "/api/dataset", `{"database":1,"type":"query","query":{"source-table":9}}`, 202, "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := ask(t, d, "X-Api-Key", d.Secret, c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %.400s", status, body)
			}
		})
	}
	for _, path := range []string{"POST /api/card", "PUT /api/card/101", "POST /api/card/101/copy", "POST /api/dashboard", "POST /api/dashboard/42/copy", "POST /api/collection",
		"PUT /api/collection/3", "POST /api/notification", "PUT /api/notification/7", "POST /api/pulse", "PUT /api/pulse/9", "POST /api/revision/revert"} {
		method, path, _ := strings.Cut(path, " ")
		if status, body := ask(t, d, "X-Api-Key", MetabaseReader, method, path, `{}`); status != http.StatusForbidden {
			t.Errorf("a reader: %s %s: %d %s", method, path, status, body)
		}
	}
	if !maps.Equal(before, d.Snapshot()) {
		t.Error("something changed")
	}
}

// The same from the same beginning comes to the same.
func TestMetabaseDoubleIsDeterministic(t *testing.T) {
	run := func() (string, map[string]string) {
		d := NewMetabase()
		all := ""
		for _, c := range [][3]string{
			{"POST", "/api/dashboard", `{"name":"a"}`}, {"POST", "/api/card/101/copy", ``}, {"PUT", "/api/dashboard/42", `{"name":"b"}`},
			{"POST", "/api/dashboard/45/copy", `{"is_deep_copy":true}`}, {"GET", "/api/revision?entity=dashboard&id=42", ""}, {"GET", "/api/search?q=s", ""},
		} {
			_, body := ask(t, d, "X-Api-Key", d.Secret, c[0], c[1], c[2])
			all += body
		}
		return all, d.Snapshot()
	}
	one, state := run()
	if two, again := run(); one != two || !maps.Equal(state, again) {
		t.Error("two runs differ")
	}
}
