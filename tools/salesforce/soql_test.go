package salesforce

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"toolvault/tools/fault"
	sandbox "toolvault/tools/sandbox/salesforce"
	"toolvault/tools/toolstest"
)

// where is the condition of the last query that was made.
func (w *world) where() string {
	w.t.Helper()
	for i := len(w.paths) - 1; i >= 0; i-- {
		u, err := url.Parse(strings.TrimPrefix(w.paths[i], "GET "))
		if err != nil || !strings.HasSuffix(u.Path, "/query") {
			continue
		}
		q := u.Query().Get("q")
		if _, rest, ok := strings.Cut(q, " WHERE "); ok {
			rest, _, _ = strings.Cut(rest, " ORDER BY ")
			return rest
		}
		return q
	}
	return ""
}

func TestFiltersAsSOQL(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ object, filter, want string }{
		{"Case", `{"field":"Status","op":"eq","value":"Working"}`, `Status = 'Working'`},
		{"Case", `{"field":"Status","op":"eq","value":"working"}`, `Status = 'Working'`},
		{"Case", `{"field":"Subject","op":"contains","value":"50%_o'f\\"}`, `Subject LIKE '%50\%\_o\'f\\%'`},
		{"Case", `{"field":"Subject","op":"not_contains","value":"x"}`, `(NOT Subject LIKE '%x%')`},
		{"Case", `{"field":"Subject","op":"starts_with","value":"a\nb"}`, `Subject LIKE 'a\nb%'`},
		{"Case", `{"field":"IsClosed","op":"neq","value":true}`, `IsClosed != true`},
		{"Case", `{"field":"Account.Name","op":"in","value":["Acme","B'orealis"]}`, `Account.Name IN ('Acme', 'B\'orealis')`},
		{"Case", `{"field":"OwnerId","op":"eq","value":"Jonas Brekke"}`, `OwnerId = '005Nw0000000003IAA'`},
		{"Case", `{"field":"OwnerId","op":"in","value":["jonas.brekke@northwind.example","005Nw0000000002IAA"]}`, `OwnerId IN ('005Nw0000000003IAA', '005Nw0000000002IAA')`},
		{"Case", `{"field":"Contact.Email","op":"eq","value":"dana.whitfield@acme.example"}`, `Contact.Email = 'dana.whitfield@acme.example'`},
		{"Case", `{"field":"ClosedDate","op":"is_empty"}`, `ClosedDate = null`},
		{"Case", `{"field":"CreatedDate","op":"gte","value":"THIS_WEEK"}`, `CreatedDate >= THIS_WEEK`},
		{"Case", `{"field":"CreatedDate","op":"gt","value":"LAST_N_DAYS:30"}`, `CreatedDate > LAST_N_DAYS:30`},
		{"Case", `{"field":"CreatedDate","op":"lt","value":"2026-11-23T08:00:00+01:00"}`, `CreatedDate < 2026-11-23T07:00:00Z`},
		{"Case", `{"field":"CreatedDate","op":"eq","value":"2026-11-23"}`, `(CreatedDate >= 2026-11-22T23:00:00Z AND CreatedDate < 2026-11-23T23:00:00Z)`},
		{"Case", `{"field":"CreatedDate","op":"gt","value":"2026-11-22"}`, `CreatedDate >= 2026-11-22T23:00:00Z`},
		{"Case", `{"field":"CreatedDate","op":"gte","value":"yesterday 9:00"}`, `CreatedDate >= 2026-11-23T08:00:00Z`},
		{"Opportunity", `{"field":"CloseDate","op":"lte","value":"2027-01-31"}`, `CloseDate <= 2027-01-31`},
		{"Opportunity", `{"field":"Amount","op":"gt","value":10000.5}`, `Amount > 10000.5`},
		{"Opportunity", `{"field":"Amount","op":"gt","value":"10000"}`, `Amount > 10000`},
		{"Contact", `{"field":"Interests__c","op":"includes","value":["Exports","api"]}`, `Interests__c INCLUDES ('Exports', 'API')`},
		{"Subscription__c", `{"field":"Account__r.Owner.Name","op":"eq","value":"Tomoko Nomura"}`, `Account__r.Owner.Name = 'Tomoko Nomura'`},
	} {
		must[Found](w, "find_records", `{"object":"`+c.object+`","filters":[`+c.filter+`]}`)
		if got := w.where(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.filter, got, c.want)
		}
	}
	must[Found](w, "find_records", `{"object":"Case","match":"any","filters":[{"field":"Status","op":"eq","value":"New"},{"field":"CreatedDate","op":"eq","value":"2026-11-23"}]}`)
	if got := w.where(); got != `Status = 'New' OR (CreatedDate >= 2026-11-22T23:00:00Z AND CreatedDate < 2026-11-23T23:00:00Z)` {
		t.Errorf("got %s", got)
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ args, says string }{
		{`{"object":"case"}`, "write Case"},
		{`{"object":"Cases"}`, "Did you mean Case?"},
		{`{"object":"Subscription"}`, "Did you mean Subscription__c?"},
		{`{"object":"Case WHERE Id != null"}`, "no API name"},
		{`{"object":"../Case"}`, "no API name"},
		{`{"object":"Case","filters":[{"field":"status","op":"eq","value":"New"}]}`, "Did you mean Status?"},
		{`{"object":"Case","filters":[{"field":"Status = 'New' OR Id","op":"neq","value":"x"}]}`, "no field"},
		{`{"object":"Case","filters":[{"field":"Account.Name) OR (Id","op":"neq","value":"x"}]}`, "no field"},
		{`{"object":"Case","filters":[{"field":"Acount.Name","op":"eq","value":"x"}]}`, "Did you mean Account?"},
		{`{"object":"Case","filters":[{"field":"Account.Parent.Parent.Parent.Parent.Parent.Name","op":"eq","value":"x"}]}`, "five parents"},
		{`{"object":"Case","filters":[{"field":"Description","op":"contains","value":"x"}]}`, "salesforce_search"},
		{`{"object":"Case","filters":[{"field":"IsClosed","op":"eq","value":"no"}]}`, "true or false"},
		{`{"object":"Case","filters":[{"field":"IsClosed","op":"gt","value":true}]}`, "eq and neq"},
		{`{"object":"Opportunity","filters":[{"field":"Amount","op":"gt","value":"1 OR Id != null"}]}`, "is a number"},
		{`{"object":"Opportunity","filters":[{"field":"Amount","op":"contains","value":"1"}]}`, "no text"},
		{`{"object":"Opportunity","filters":[{"field":"CloseDate","op":"gt","value":"TODAY OR Id != null"}]}`, "is no time"},
		{`{"object":"Case","filters":[{"field":"Id","op":"eq","value":"' OR Id != '"}]}`, "no id"},
		{`{"object":"Case","filters":[{"field":"OwnerId","op":"eq","value":"' OR Name != '"}]}`, "no User whose Name"},
		{`{"object":"Case","filters":[{"field":"Subject","op":"eq","value":{"a":1}}]}`, "must be a text"},
		{`{"object":"Case","filters":[{"field":"Subject","op":"eq","value":"a\u0000b"}]}`, "control characters"},
		{`{"object":"Case","filters":[{"field":"Subject","op":"eq"}]}`, "needs one value"},
		{`{"object":"Case","filters":[{"field":"Subject","op":"in","value":[]}]}`, "a list"},
		{`{"object":"Case","filters":[{"field":"Subject","op":"includes","value":["a"]}]}`, "is no operator"},
		{`{"object":"Case","fields":["Id FROM User"]}`, "no field"},
		{`{"object":"Case","order_by":"Id DESC, (SELECT"}`, "no field"},
		{`{"object":"Case","order_by":"-Description"}`, "does not order"},
	} {
		kind := fault.InvalidArguments
		if strings.HasPrefix(c.says, "no User") { // it was looked for, as a name
			kind = fault.NotFound
		}
		w.refused(kind, c.says, "find_records", c.args)
		for _, p := range w.paths {
			u, _ := url.Parse(strings.TrimPrefix(p, "GET "))
			if q := u.Query().Get("q"); strings.Contains(q, "FROM Case") {
				t.Errorf("%s: %s was sent", c.args, q)
			}
		}
	}
}

// Whatever a value holds, the query that is built has it as one literal, and nothing
// more: the double's parser, which is none of this package, reads it back.
func FuzzLiterals(f *testing.F) {
	for _, v := range []string{"", "Acme", "O'Brien", `\`, `\'`, `' OR Name != '`, `%`, `_`, `\%`, "a\nb\r\t", "x') OR (Name LIKE '%", "\u2028", "é世\U0001f600", "a\x00b", "\xff", `\u0027 OR 1=1`, "--", "/*", ";", `"`, `\\' OR Id != null OR Name = '`} {
		f.Add(v, uint8(0))
		f.Add(v, uint8(5))
	}
	ops := []string{"eq", "neq", "in", "not_in", "lt", "contains", "not_contains", "starts_with"}
	soqlOps := []string{"=", "!=", "IN", "NOT IN", "<", "LIKE", "LIKE", "LIKE"}
	s := &service{now: now}
	ob := &object{name: "Account", nameField: "Name", fields: []field{{name: "Name", kind: "string", filter: true, sort: true}}}
	f.Fuzz(func(t *testing.T, value string, which uint8) {
		n := int(which) % len(ops)
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if ops[n] == "in" || ops[n] == "not_in" {
			raw, _ = json.Marshal([]string{value, "other"})
		}
		var back string
		_ = json.Unmarshal(mustJSON(value), &back) // invalid UTF-8 is replaced on the way
		where, err := s.conditions(t.Context(), nil, ob, []filter{{Field: "Name", Op: ops[n], Value: raw}})
		if err != nil {
			toolstest.Harmless(t, fault.From(err), 600)
			return
		}
		soql := selection{fields: []string{"Id", "Name"}, from: "Account", where: where, order: "CreatedDate DESC, Id", limit: 7}.String()
		q, err := sandbox.ParseSOQL(soql)
		if err != nil {
			t.Fatalf("%q: %v", soql, err)
		}
		c := q.Where
		if c != nil && c.Op == "NOT" && ops[n] == "not_contains" && len(c.Parts) == 1 {
			c = &c.Parts[0]
		}
		if q.From != "Account" || len(q.Select) != 2 || q.Limit != 7 || len(q.OrderBy) != 2 || c == nil || c.Path != "Name" || c.Op != soqlOps[n] || len(c.Parts) != 0 {
			t.Fatalf("%q is another query: %+v", soql, q)
		}
		want, count := back, 1
		switch ops[n] {
		case "contains", "not_contains":
			want = "%" + back + "%"
		case "starts_with":
			want = back + "%"
		case "in", "not_in":
			count = 2
		}
		if len(c.Values) != count || c.Values[0].Kind != 's' || c.Values[0].Text != want {
			t.Fatalf("%q has the value %+v, not %q", soql, c.Values, want)
		}
		if soqlOps[n] == "LIKE" {
			inner := strings.TrimSuffix(c.Values[0].Raw, "%")
			if ops[n] != "starts_with" {
				inner = strings.TrimPrefix(inner, "%")
			}
			for i := 0; i < len(inner); i++ {
				if inner[i] == '\\' {
					i++
				} else if inner[i] == '%' || inner[i] == '_' {
					t.Fatalf("%q has a wildcard that nobody asked for", soql)
				}
			}
		}
	})
}

func mustJSON(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

func TestRawSOQL(t *testing.T) {
	w := newWorld(t)
	for _, soql := range []string{
		"SELECT Id FROM Case", "select Id, Subject from Case where Subject like '%for update%'", " SELECT COUNT() FROM Lead",
		`SELECT Id FROM Account WHERE Name = 'O\'Brien; DELETE'`, "SELECT Status, COUNT(Id) FROM Case GROUP BY Status ORDER BY COUNT(Id) DESC",
		"SELECT Name, (SELECT LastName FROM Contacts) FROM Account LIMIT 1",
	} {
		if _, err := w.call("query", string(mustJSON(map[string]string{"soql": soql}))); err != nil {
			t.Errorf("%s: %v", soql, err)
		}
	}
	for soql, says := range map[string]string{
		"DELETE FROM Case": "SELECT", "UPDATE Case SET Status = 'x'": "SELECT", "FIND {x} IN ALL FIELDS": "SELECT", "'SELECT' Id FROM Case": "SELECT", "": "", "(SELECT Id FROM Case)": "SELECT",
		"SELECT Id FROM Case FOR UPDATE": "FOR UPDATE", "SELECT Id FROM Case for\n view": "FOR VIEW", "SELECT Id FROM Case FOR REFERENCE": "FOR REFERENCE",
		"SELECT Title FROM KnowledgeArticleVersion UPDATE VIEWSTAT": "VIEWSTAT", "SELECT Id FROM Case UPDATE TRACKING": "TRACKING", "SELECT Id FROM Case; SELECT Id FROM Lead": "semicolon",
		"SELECT Id FROM Case WHERE Subject = 'x": "does not end", `SELECT Id FROM Case WHERE Subject = 'x\'`: "does not end", "SELECT Id FROM Case -- x": "comments", "SELECT Id FROM Case /* x */": "comments",
		"SELECT Id FROM Case WHERE (Id != null": "pair", "SELECT Id FROM Case)": "pair", "SELECT Id FROM Case\x00": "control",
	} {
		_, err := w.call("query", string(mustJSON(map[string]string{"soql": soql})))
		if err == nil || !strings.Contains(err.Error(), says) || len(w.paths) > 0 {
			t.Errorf("%s: %v, %d requests", soql, err, len(w.paths))
		}
	}
	w.refused(fault.InvalidArguments, "MALFORMED_QUERY", "query", `{"soql":"SELECT Id FROM Case WHERE"}`)
	w.refused(fault.InvalidArguments, "salesforce_describe_object", "query", `{"soql":"SELECT Nope FROM Case"}`)
	w.refused(fault.NotFound, "salesforce_list_objects", "query", `{"soql":"SELECT Id FROM Nope"}`)
}

// What the guard lets through begins with SELECT, and with a clause that locks rows
// behind it would not be let through.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"SELECT Id FROM Case", "SELECT Id FROM Case WHERE Subject = 'a\\'b'", "''", "SELECT '", "SELECT (", "\x00", "SELECT '\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, soql string) {
		if guard(soql) != nil {
			return
		}
		if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(soql)), "SELECT") {
			t.Errorf("%q is let through", soql)
		}
		for _, end := range []string{" FOR UPDATE", "\nfor view", " UPDATE TRACKING", "; DELETE", "'", ")"} {
			if guard(soql+end) == nil {
				t.Errorf("%q is let through", soql+end)
			}
		}
	})
}
