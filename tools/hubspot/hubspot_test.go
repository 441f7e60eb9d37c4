package hubspot

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// descriptions are the official ones, by the path that they are about.
var descriptions = map[string]string{
	"/crm/lists/": "hubspot/lists-2026-09.json", "/crm-object-schemas/": "hubspot/schemas-2026-09.json", "/": "hubspot/hubspot-crm-merged-2026-09.clean.json",
}

// world is the service in front of the double, with every request checked
// against the official description on its way.
type world struct {
	t      *testing.T
	svc    tools.Service
	double *double.Double
	base   string
	secret string
	mu     sync.Mutex
	asked  []string // "GET /crm/…", in order
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, double: sandbox.NewHubSpot()}
	w.svc, w.secret = newService(func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }), w.double.Secret
	guarded := http.NewServeMux()
	guarded.Handle("/automation/", w.double) // not described with a date
	for path, file := range descriptions {
		guarded.Handle(path, toolstest.TrySpec(t, file).Guard(t, "", w.double, toolstest.Answers()))
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.URL.Path)
		w.mu.Unlock()
		guarded.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.base = server.URL
	return w
}

func (w *world) client() *upstream.Client {
	return toolstest.Client(w.svc.Endpoint, w.base, toolstest.Static{Scheme: vault.Bearer, Secret: w.secret})
}

func (w *world) call(tool, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, w.client(), tool, args)
}

func (w *world) callWith(c *upstream.Client, tool, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, c, tool, args)
}

func (w *world) must(tool, args string) any {
	w.t.Helper()
	out, err := w.call(tool, args)
	if err != nil {
		w.t.Fatalf("%s %s: %v", tool, args, err)
	}
	return out
}

func (w *world) fails(kind fault.Kind, code, tool, args string) *fault.Error {
	w.t.Helper()
	_, err := w.call(tool, args)
	f := fault.From(err)
	if f == nil || f.Kind != kind || f.Code != code {
		w.t.Fatalf("%s %s: got %v, want %s %s", tool, args, err, kind, code)
	}
	return f
}

func (w *world) id(kind, query string) string {
	w.t.Helper()
	f := w.must("hubspot_search_objects", `{"object_type":"`+kind+`","query":"`+query+`"}`).(Found)
	if len(f.Results) != 1 {
		w.t.Fatalf("%s %s: %+v", kind, query, f)
	}
	return f.Results[0].ID
}

func TestHandlersFitTheirSchemas(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestSearches(t *testing.T) {
	w := newWorld(t)
	acme := w.id("companies", "acme")
	for args, want := range map[string]string{
		`"query":"dana"`: "Dana Whitfield",
		`"filters":[{"property":"email","op":"eq","value":"dana.whitfield@acme.example"}]`:                                                                      "Dana Whitfield",
		`"filters":[{"property":"company","op":"eq","value":"Acme"}],"sort":"lastname"`:                                                                         "Marcus Oyelaran, Dana Whitfield",
		`"filters":[{"property":"company","op":"eq","value":"Acme"}],"sort":"-lastname"`:                                                                        "Dana Whitfield, Marcus Oyelaran",
		`"filters":[{"property":"lastname","op":"in","values":["abe","solberg"]}],"sort":"lastname"`:                                                            "Yuki Abe, Ingrid Solberg",
		`"filters":[{"property":"lastname","op":"eq","value":"Abe","group":1},{"property":"lastname","op":"eq","value":"Solberg","group":2}],"sort":"lastname"`: "Yuki Abe, Ingrid Solberg",
		`"filters":[{"property":"lastname","op":"eq","value":"Abe"},{"property":"lastname","op":"eq","value":"Solberg"}]`:                                       "",
		`"filters":[{"property":"company","op":"not_has"}]`:                                                                                                     "Rafael Lindqvist",
		`"filters":[{"property":"createdate","op":"between","value":"2026-05-01","high":"2026-06-01"}]`:                                                         "Ingrid Solberg",
		`"associated_with":{"type":"companies","id":"` + acme + `"},"sort":"firstname"`:                                                                         "Dana Whitfield, Marcus Oyelaran",
		`"associated_with":{"type":"companies","id":"` + acme + `"},"filters":[{"property":"jobtitle","op":"contains","value":"analyst"}]`:                      "Marcus Oyelaran",
	} {
		f := w.must("hubspot_search_objects", `{"object_type":"contacts",`+args+`}`).(Found)
		var names []string
		for _, r := range f.Results {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, ", "); got != want || f.Total != len(names) {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	deals := w.must("hubspot_search_objects", `{"object_type":"deals","filters":[{"property":"amount","op":"gt","value":10000}]}`).(Found)
	if len(deals.Results) != 1 || deals.Results[0].Properties["amount"] != "48000" || deals.Results[0].Name != "Acme annual renewal" {
		t.Errorf("%+v: numbers are taken as numbers", deals)
	}
}

func TestSearchPagesAndWarns(t *testing.T) {
	w := newWorld(t)
	seen, cursor := map[string]bool{}, ""
	for range 10 {
		f := w.must("hubspot_search_objects", `{"object_type":"contacts","limit":2,"cursor":"`+cursor+`"}`).(Found)
		for _, r := range f.Results {
			seen[r.ID] = true
		}
		if cursor = f.Next; cursor == "" {
			break
		}
	}
	if len(seen) != 5 {
		t.Errorf("saw %d contacts, want 5", len(seen))
	}
	f := w.must("hubspot_search_objects", `{"object_type":"contacts","limit":1,"properties":["email","fistname"]}`).(Found)
	if !strings.Contains(f.Note, "fistname") || strings.Contains(f.Note, "email") {
		t.Errorf("note %q: HubSpot is silent about names that it does not know", f.Note)
	}
	w.fails(fault.InvalidArguments, "", "hubspot_search_objects", `{"object_type":"deals","limit":1,"cursor":"`+f.Next+`"}`)
	w.fails(fault.InvalidArguments, "VALIDATION_ERROR", "hubspot_search_objects", `{"object_type":"contacts","filters":[{"property":"shoe_size","op":"has"}]}`)
	w.fails(fault.InvalidArguments, "", "hubspot_search_objects", `{"object_type":"contacts","filters":[{"property":"email","op":"eq"}]}`)
	w.fails(fault.InvalidArguments, "", "hubspot_search_objects", `{"object_type":"contacts","filters":[{"property":"email","op":"in"}]}`)
	many := strings.TrimSuffix(strings.Repeat(`{"property":"email","op":"has"},`, 7), ",")
	w.fails(fault.InvalidArguments, "", "hubspot_search_objects", `{"object_type":"contacts","filters":[`+many+`]}`)
}

func TestGetsARecord(t *testing.T) {
	w := newWorld(t)
	one := w.must("hubspot_get_object", `{"object_type":"contacts","id":"dana.whitfield@acme.example","associations":["tickets","deals","companies"]}`).(Whole)
	r := one.Record
	if r.Name != "Dana Whitfield" || r.Properties["company"] != "Acme" || len(r.Associations) != 3 || !strings.HasPrefix(r.URL, "https://app.hubspot.com/contacts/48219057/record/0-1/") || r.CreatedAt != "2026-03-02T09:00:00Z" {
		t.Errorf("%+v", r)
	}
	for p := range elsewhere {
		if _, ok := r.Properties[p]; ok {
			t.Errorf("%s stands there twice", p)
		}
	}
	if line := one.Text(); !strings.HasPrefix(line, "contacts "+r.ID+` «Dana Whitfield» | firstname: «Dana» | lastname: «Whitfield» | email: «dana.whitfield@acme.example»`) {
		t.Errorf("%s", line)
	}
	for _, a := range r.Associations {
		if a.Type == "tickets" {
			ticket := w.must("hubspot_get_object", `{"object_type":"tickets","id":"`+a.ID+`"}`).(Whole)
			if ticket.Record.Name != "Export to CSV times out" {
				t.Errorf("%+v", ticket)
			}
		}
	}
	if one.Text() == "" || strings.Contains(one.Text(), "\n") {
		t.Errorf("one line a record: %q", one.Text())
	}
	w.fails(fault.NotFound, "OBJECT_NOT_FOUND", "hubspot_get_object", `{"object_type":"contacts","id":"1"}`)
	for _, id := range []string{"..", "search", "1/../../owners", "1?x=y"} {
		w.asked = nil
		w.fails(fault.InvalidArguments, "", "hubspot_get_object", `{"object_type":"contacts","id":"`+id+`"}`)
		if len(w.asked) != 0 {
			t.Errorf("%s went out as %v", id, w.asked)
		}
	}
}

// HubSpot takes "contact" and "0-1" for contacts. If such a name got through, it
// would need the permission for custom types and open contacts.
func TestATypeHasOneName(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"contact", "0-1", "CONTACTS", "Contacts", "contacts/", "company", "0-5", "cars", "2-", "p1_"} {
		for _, tool := range []string{"hubspot_search_objects", "hubspot_get_object", "hubspot_update_object", "hubspot_create_object"} {
			args := map[string]string{"hubspot_get_object": `,"id":"1"`, "hubspot_update_object": `,"id":"1","properties":{"email":"a"}`, "hubspot_create_object": `,"properties":{"email":"a"}`}[tool]
			if _, err := w.call(tool, `{"object_type":"`+name+`"`+args+`}`); err == nil {
				t.Errorf("%s takes %q", tool, name)
			}
		}
	}
	for _, asked := range w.asked { // what may be a custom type is looked up, and nothing else
		if !strings.HasPrefix(asked, "GET /crm-object-schemas/") && !strings.Contains(asked, "/2-") && !strings.Contains(asked, "/p1_") {
			t.Errorf("asked %v", asked)
		}
	}
	s := &service{portals: newPortals(time.Now), books: newBooks(time.Now), now: time.Now}
	for _, name := range append(kindNames()[:len(kinds)], "2-123", "p48219057_car") {
		if k, err := s.kind(t.Context(), w.client(), name); err != nil || k.name != name || k.custom != strings.ContainsAny(name, "12") {
			t.Errorf("%s: %+v %v", name, k, err)
		}
	}
}

func TestCreatesAndAssociates(t *testing.T) {
	w := newWorld(t)
	acme := w.id("companies", "acme")
	one := w.must("hubspot_create_object", `{"object_type":"contacts","properties":{"email":"new@acme.example","firstname":"Noor","lastname":null,"phone":"","notes_last_updated":5},"associate_to":[{"type":"companies","id":"`+acme+`"}]}`).(One)
	if one.Record.Name != "Noor" || one.Note != lags || len(one.Record.Associations) != 1 {
		t.Errorf("%+v", one)
	}
	if got := sandbox.HubSpotRecord(w.double, "contacts", one.Record.ID); got["email"] != "new@acme.example" || got["notes_last_updated"] != "5" {
		t.Errorf("%v", got)
	}
	f := w.fails(fault.Conflict, "CONFLICT", "hubspot_create_object", `{"object_type":"contacts","properties":{"email":"new@acme.example"}}`)
	if !strings.Contains(f.Message, one.Record.ID) {
		t.Errorf("%q does not name the record that is there", f.Message)
	}
	w.fails(fault.InvalidArguments, "VALIDATION_ERROR", "hubspot_create_object", `{"object_type":"contacts","properties":{"shoe_size":"44"}}`)
	w.fails(fault.InvalidArguments, "", "hubspot_create_object", `{"object_type":"contacts","properties":{"email":""}}`)

	// It is there, and one association failed: no failure, or it would be created twice.
	one = w.must("hubspot_create_object", `{"object_type":"tickets","properties":{"subject":"A"},"associate_to":[{"type":"companies","id":"`+acme+`"},{"type":"contacts","id":"1"}]}`).(One)
	if len(one.Record.Associations) != 1 || !strings.Contains(one.Note, "contacts 1") {
		t.Errorf("%+v", one)
	}
}

func TestUpdates(t *testing.T) {
	w := newWorld(t)
	id := w.id("contacts", "dana")
	one := w.must("hubspot_update_object", `{"object_type":"contacts","id":"dana.whitfield@acme.example","properties":{"jobtitle":"COO","phone":null}}`).(One)
	if one.Record.ID != id || one.Record.Properties["jobtitle"] != "COO" {
		t.Errorf("%+v", one)
	}
	if got := sandbox.HubSpotRecord(w.double, "contacts", id); got["jobtitle"] != "COO" || got["phone"] != "" || got["lastname"] != "Whitfield" {
		t.Errorf("%v", got)
	}
	w.fails(fault.NotFound, "OBJECT_NOT_FOUND", "hubspot_update_object", `{"object_type":"contacts","id":"1","properties":{"jobtitle":"x"}}`)
}

func TestWritesANote(t *testing.T) {
	w := newWorld(t)
	dana, ticket := w.id("contacts", "dana"), w.id("tickets", "export")
	n := w.must("hubspot_create_note", `{"body":"**Called back.** See <script>alert(1)</script>","associate_to":[{"type":"contacts","id":"`+dana+`"},{"type":"tickets","id":"`+ticket+`"}],"owner":"1283904522"}`).(Logged)
	if len(n.Associated) != 2 || n.Timestamp != "2026-11-24T09:00:00Z" || n.URL == "" || n.Note != "" {
		t.Errorf("%+v", n)
	}
	got := sandbox.HubSpotRecord(w.double, "notes", n.ID)
	if got["hs_note_body"] != "<p><strong>Called back.</strong> See &lt;script&gt;alert(1)&lt;/script&gt;</p>" || got["hubspot_owner_id"] != "1283904522" {
		t.Errorf("%v", got)
	}
	notes := w.must("hubspot_search_objects", `{"object_type":"notes","associated_with":{"type":"contacts","id":"`+dana+`"}}`).(Found)
	if len(notes.Results) != 2 || notes.Results[1].Properties["hs_note_body"] != "Called back. See <script>alert(1)</script>" {
		t.Errorf("%+v", notes)
	}
	if got := strings.Join(w.asked, " "); strings.Count(got, "POST /crm/objects/2026-09/notes ") != 1 || strings.Contains(got, "PUT") {
		t.Errorf("asked %v: the associations go with the note", w.asked)
	}
	for _, args := range []string{
		`{"body":"x","associate_to":[]}`, `{"body":"x"}`, `{"body":"x","associate_to":[{"type":"contacts","id":"x"}]}`,
		`{"body":"x","associate_to":[{"type":"contact","id":"1"}]}`, `{"body":"x","associate_to":[{"type":"contacts","id":"` + dana + `"}],"timestamp":"noon"}`,
	} {
		if _, err := w.call("hubspot_create_note", args); err == nil {
			t.Errorf("%s was taken", args)
		}
	}
	w.fails(fault.InvalidArguments, "VALIDATION_ERROR", "hubspot_create_note", `{"body":"x","associate_to":[{"type":"contacts","id":"1"}]}`)
	if f := w.must("hubspot_search_objects", `{"object_type":"notes"}`).(Found); f.Total != 2 {
		t.Errorf("%d notes: one hangs on nothing", f.Total)
	}
}

func TestListsOwners(t *testing.T) {
	w := newWorld(t)
	l := w.must("hubspot_list_owners", `{"limit":2}`).(OwnerList)
	if len(l.Owners) != 2 || l.Next == "" || l.Owners[0].Name != "Marta Klein" || l.Owners[0].Teams[0] != "Support" {
		t.Errorf("%+v", l)
	}
	l = w.must("hubspot_list_owners", `{"limit":2,"cursor":"`+l.Next+`"}`).(OwnerList)
	if len(l.Owners) != 1 || l.Next != "" {
		t.Errorf("%+v", l)
	}
	l = w.must("hubspot_list_owners", `{"email":"jonas.brekke@northwind.example"}`).(OwnerList)
	if len(l.Owners) != 1 || l.Owners[0].ID != "1283904522" {
		t.Errorf("%+v", l)
	}
}

func TestAMissingScopeIsNamed(t *testing.T) {
	w := newWorld(t)
	w.secret = sandbox.HubSpotToken(w.double, "crm.objects.contacts.read")
	f := w.fails(fault.NotPermitted, "MISSING_SCOPES", "hubspot_search_objects", `{"object_type":"deals"}`)
	if len(f.Needed) != 1 || f.Needed[0] != "crm.objects.deals.read" {
		t.Errorf("%+v", f)
	}
	w.must("hubspot_search_objects", `{"object_type":"notes"}`)
	w.fails(fault.NotPermitted, "MISSING_SCOPES", "hubspot_create_object", `{"object_type":"contacts","properties":{"email":"a@b.example"}}`)
}

func TestAnEndedTokenIsACredentialFault(t *testing.T) {
	w := newWorld(t)
	w.double.ExpireTokens()
	w.fails(fault.CredentialInvalid, "EXPIRED_AUTHENTICATION", "hubspot_list_owners", `{}`)
}

func TestScopesAreWhatAdminsWrite(t *testing.T) {
	c := New().Scopes
	need := func(name string, write bool) scope.Need {
		return scope.Need{Service: "hubspot", Name: name, Write: write}
	}
	for _, x := range []struct {
		grant, need string
		write, ok   bool
	}{
		{"contacts.read", "crm.objects.contacts.read", false, true},
		{"contacts.read", "crm.objects.notes.read", false, true},
		{"crm.contacts.write", "crm.objects.notes.write", true, true},
		{"contacts.read", "crm.objects.notes.write", true, false},
		{"contacts.read", "crm.objects.deals.read", false, false},
		{"crm.deals.read", "crm.objects.deals.read", false, true},
		{"tickets", "crm.objects.tickets.write", true, true},
		{"custom.read", "crm.objects.contacts.read", false, false},
		{"read-only", "crm.objects.custom.read", false, true},
		{"owners.read", "crm.objects.owners.read", false, true},
	} {
		set, err := c.Parse(x.grant)
		if err != nil {
			t.Errorf("%s: %v", x.grant, err)
		} else if got := set.Allows(need(x.need, x.write)); got != x.ok {
			t.Errorf("%s allows %s: %v", x.grant, x.need, got)
		}
	}
}

func TestProbeSaysWhichAccount(t *testing.T) {
	w := newWorld(t)
	who, err := w.svc.Probe(t.Context(), w.client())
	if err != nil || !strings.Contains(who, "48219057") {
		t.Errorf("%q, %v", who, err)
	}
}

// newRefusing is a world whose HubSpot answers everything the same way.
func newRefusing(t *testing.T, status int, body string) *world {
	t.Helper()
	w := &world{t: t, svc: New(), secret: "x"}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	w.base = server.URL
	return w
}
