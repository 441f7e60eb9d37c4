package weaviate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"toolvault/tools"
	"toolvault/tools/fault"
	sandbox "toolvault/tools/sandbox/weaviate"
	"toolvault/tools/toolstest"
)

// The suite is what the tools do at a Weaviate server. It is run against the double
// here, and against a real server by the tests with the build tag weaviate: what the
// real one does is what the double has to do.

// step is one call, and what has to come of it.
type step struct {
	name, tool, args string
	says             []string   // that the text, or the message of the failure, holds
	ids              []int      // last digits of the ids that are found, in their order
	set              bool       // in any order
	kind             fault.Kind // of the failure; "": it works
}

// suiteID is the id of an object of the suite.
func suiteID(n int) string { return fmt.Sprintf("5e17e000-0000-4000-8000-00000000000%d", n) }

const suiteArticles = `{"collection":"SuiteArticle","objects":[
{"id":"ID1","properties":{"title":"Export to CSV times out","body":"Large exports stop after sixty seconds.","product":"Reports","tags":["export","csv"],"views":120,"helpful":0.75,"published":true,"updated":"2026-11-20T10:00:00Z"}},
{"id":"ID2","properties":{"title":"Invoice shows the wrong VAT","body":"Set the tax id, then reissue the invoice.","product":"Billing","tags":["invoice"],"views":40,"helpful":0.5,"published":true,"updated":"2026-10-01T10:00:00Z"}},
{"id":"ID3","properties":{"title":"Schedule an export","body":"Choose a night slot. The export arrives by mail.","product":"Reports","tags":["export","schedule"],"views":80,"published":false,"updated":"2026-09-01T10:00:00Z"}},
{"id":"ID4","properties":{"title":"Password was forgotten","body":"Use the link on the page for signing in.","product":"Account","views":300,"helpful":1,"published":true}}]}`

var suiteSteps = []step{
	// The schema: what is misspelt is not made.
	{name: "create", tool: "create_collection", args: `{"name":"SuiteArticle","description":"For the suite","properties":[{"name":"title","type":"text"},{"name":"body","type":"text"},{"name":"product","type":"text","exact":true},{"name":"tags","type":"text[]"},{"name":"views","type":"int"},{"name":"helpful","type":"number"},{"name":"published","type":"boolean"}],"vectorizer":"text2vec-bigram"}`, says: []string{"SuiteArticle", "text2vec-bigram", "- product: text, compared as a whole"}},
	{name: "create again", tool: "create_collection", args: `{"name":"SuiteArticle","properties":[]}`, kind: fault.Conflict, says: []string{"already"}},
	{name: "create with an unknown vectorizer", tool: "create_collection", args: `{"name":"SuiteOther","properties":[],"vectorizer":"text2vec-nope"}`, kind: fault.InvalidArguments, says: []string{"no vectorizer text2vec-nope", "weaviate_whoami"}},
	{name: "add a property", tool: "add_property", args: `{"collection":"SuiteArticle","name":"updated","type":"date"}`, says: []string{"- updated: date"}},
	{name: "add it again", tool: "add_property", args: `{"collection":"SuiteArticle","name":"updated","type":"date"}`, kind: fault.Conflict, says: []string{"updated already"}},
	{name: "get", tool: "get_collection", args: `{"collection":"SuiteArticle"}`, says: []string{"- tags: text[]", "- updated: date", "- views: int"}},
	{name: "get by other capitals", tool: "get_collection", args: `{"collection":"suiteArticle"}`, kind: fault.NotFound, says: []string{"Did you mean SuiteArticle"}},
	{name: "list", tool: "list_collections", args: `{"name_contains":"suiteart"}`, says: []string{"SuiteArticle: 8 properties, searched by meaning and by words"}},

	// Writing.
	{name: "upsert", tool: "upsert_objects", args: suiteArticles, says: []string{"4 objects are in SuiteArticle"}},
	{name: "upsert the same again", tool: "upsert_objects", args: suiteArticles, says: []string{"4 objects are in SuiteArticle"}},
	{name: "upsert, one of them wrong", tool: "upsert_objects", args: `{"collection":"SuiteArticle","objects":[{"id":"ID5","properties":{"title":"Mail does not arrive","views":9}},{"id":"ID6","properties":{"views":"many"}}]}`, says: []string{"1 objects are in", "Not written: object 1", "integer"}},
	{name: "upsert, all wrong", tool: "upsert_objects", args: `{"collection":"SuiteArticle","objects":[{"id":"ID6","properties":{"updated":"yesterday"}}]}`, kind: fault.InvalidArguments, says: []string{"None", "RFC3339"}},
	{name: "upsert into a misspelt collection", tool: "upsert_objects", args: `{"collection":"SuiteArticel","objects":[{"properties":{"title":"x"}}]}`, kind: fault.NotFound, says: []string{"Did you mean SuiteArticle"}},
	{name: "upsert a misspelt property", tool: "upsert_objects", args: `{"collection":"SuiteArticle","objects":[{"properties":{"titel":"x"}}]}`, kind: fault.InvalidArguments, says: []string{"Did you mean title", "weaviate_add_property"}},
	{name: "nothing was made of it", tool: "list_collections", args: `{"name_contains":"suitearti"}`, says: []string{"SuiteArticle: 8 properties"}},
	{name: "update", tool: "update_object", args: `{"collection":"SuiteArticle","id":"ID5","properties":{"views":10,"product":"Mail"}}`, says: []string{"Set product, views"}},
	{name: "clear", tool: "update_object", args: `{"collection":"SuiteArticle","id":"ID5","properties":{"product":null}}`, says: []string{"Set product"}},
	{name: "get what was updated", tool: "get_object", args: `{"collection":"SuiteArticle","id":"ID5"}`, says: []string{"views: 10", "Mail does not arrive"}},
	{name: "update what is not there", tool: "update_object", args: `{"collection":"SuiteArticle","id":"ID9","properties":{"views":10}}`, kind: fault.NotFound, says: []string{"no object"}},
	{name: "update to what does not fit", tool: "update_object", args: `{"collection":"SuiteArticle","id":"ID5","properties":{"views":"x"}}`, kind: fault.InvalidArguments, says: []string{"integer"}},

	// Reading.
	{name: "get by beacon", tool: "get_object", args: `{"collection":"SuiteArticle","id":"weaviate://localhost/SuiteArticle/ID1"}`, says: []string{"Export to CSV times out", "helpful: 0.75", `["export","csv"]`}},
	{name: "get what is not there", tool: "get_object", args: `{"collection":"SuiteArticle","id":"ID9"}`, kind: fault.NotFound, says: []string{"no object"}},
	{name: "get from an unknown collection", tool: "get_object", args: `{"collection":"Nothing","id":"ID9"}`, kind: fault.NotFound, says: []string{"no collection"}},
	{name: "list by id", tool: "list_objects", args: `{"collection":"SuiteArticle","limit":10}`, ids: []int{1, 2, 3, 4, 5}},
	{name: "list in an order", tool: "list_objects", args: `{"collection":"SuiteArticle","sort_by":"views","descending":true}`, ids: []int{4, 1, 3, 2, 5}},
	{name: "list by the last change", tool: "list_objects", args: `{"collection":"SuiteArticle","sort_by":"created","limit":5}`, ids: []int{1, 2, 3, 4, 5}, set: true},
	{name: "list what fits", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"eq","value":"Reports"}],"sort_by":"title"}`, ids: []int{1, 3}},

	// Filters, each typed by its property.
	{name: "words", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"title","op":"eq","value":"EXPORT csv"}]}`, ids: []int{1}},
	{name: "as a whole", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"eq","value":"reports"}]}`, ids: []int{}},
	{name: "not", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"neq","value":"Reports"}]}`, ids: []int{2, 4, 5}, set: true},
	{name: "int", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"views","op":"gte","value":80},{"property":"views","op":"lt","value":"300"}]}`, ids: []int{1, 3}, set: true},
	{name: "number", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"helpful","op":"gt","value":0.5}]}`, ids: []int{1, 4}, set: true},
	{name: "a whole number", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"helpful","op":"eq","value":1}]}`, ids: []int{4}},
	{name: "boolean", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"published","op":"eq","value":"false"}]}`, ids: []int{3}},
	{name: "date", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"updated","op":"gt","value":"2026-09-15"}]}`, ids: []int{1, 2}, set: true},
	{name: "one of several", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"in","value":["Billing","Account"]}]}`, ids: []int{2, 4}, set: true},
	{name: "none of several", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"not_in","value":["Billing","Account","Reports"]}]}`, ids: []int{5}},
	{name: "all of several", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"tags","op":"all","value":["export","csv"]}]}`, ids: []int{1}},
	{name: "like", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"title","op":"like","value":"exp* c?v"}]}`, ids: []int{1}},
	{name: "like, as a whole", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"like","value":"Rep*"}]}`, ids: []int{1, 3}, set: true},
	{name: "id", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"id","op":"in","value":["ID2","ID3","ID9"]}]}`, ids: []int{2, 3}, set: true},
	{name: "any of", tool: "list_objects", args: `{"collection":"SuiteArticle","any_of":true,"filters":[{"property":"product","op":"eq","value":"Account"},{"property":"views","op":"lt","value":20}]}`, ids: []int{4, 5}, set: true},
	{name: "only stop words", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"title","op":"eq","value":"the"}]}`, kind: fault.InvalidArguments, says: []string{"passed over"}},
	{name: "empty is not kept", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"empty"}]}`, kind: fault.InvalidArguments, says: []string{"op empty does not work"}},
	{name: "quotes and braces are text", tool: "list_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"eq","value":"Reports\"}){title}}} #"}]}`, ids: []int{}},

	// Searching.
	{name: "keyword", tool: "search", args: `{"collection":"SuiteArticle","query":"invoice VAT","mode":"keyword"}`, ids: []int{2}, says: []string{"score", "(keyword)"}},
	{name: "keyword in one property", tool: "search", args: `{"collection":"SuiteArticle","query":"export","mode":"keyword","search_in":["title^2"],"properties":["title"]}`, ids: []int{1, 3}, set: true},
	{name: "keyword in what is no text", tool: "search", args: `{"collection":"SuiteArticle","query":"export","mode":"keyword","search_in":["views"]}`, kind: fault.InvalidArguments, says: []string{"not searched for words"}},
	{name: "keyword with a filter", tool: "search", args: `{"collection":"SuiteArticle","query":"export","mode":"keyword","filters":[{"property":"published","op":"eq","value":true}]}`, ids: []int{1}},
	{name: "hybrid", tool: "search", args: `{"collection":"SuiteArticle","query":"export to CSV times out","limit":1}`, ids: []int{1}, says: []string{"(hybrid)", "score"}},
	{name: "hybrid by meaning alone", tool: "search", args: `{"collection":"SuiteArticle","query":"password was forgotten","alpha":1,"limit":1}`, ids: []int{4}},
	{name: "hybrid by words alone", tool: "search", args: `{"collection":"SuiteArticle","query":"VAT","alpha":0,"search_in":["title"]}`, ids: []int{2}},
	{name: "this vectorizer has no near text", tool: "search", args: `{"collection":"SuiteArticle","query":"x","mode":"semantic"}`, kind: fault.InvalidArguments, says: []string{"mode hybrid with alpha 1"}},
	{name: "quotes and braces are a query", tool: "search", args: `{"collection":"SuiteArticle","query":"\"}){title}}} VAT \\\" # $v0","mode":"keyword"}`, ids: []int{2}},
	{name: "similar", tool: "find_similar", args: `{"collection":"SuiteArticle","id":"ID1","limit":4}`, ids: []int{2, 3, 4, 5}, set: true, says: []string{"distance"}},
	{name: "similar, with a filter", tool: "find_similar", args: `{"collection":"SuiteArticle","id":"ID1","filters":[{"property":"product","op":"eq","value":"Reports"}]}`, ids: []int{3}},
	{name: "similar to what is not there", tool: "find_similar", args: `{"collection":"SuiteArticle","id":"ID9"}`, kind: fault.NotFound, says: []string{"no such object"}},

	// Figures.
	{name: "count", tool: "aggregate", args: `{"collection":"SuiteArticle"}`, says: []string{"5 objects in SuiteArticle"}},
	{name: "count what fits", tool: "aggregate", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"eq","value":"Reports"},{"property":"updated","op":"gte","value":"2026-09-15"}]}`, says: []string{"1 objects"}},
	{name: "groups", tool: "aggregate", args: `{"collection":"SuiteArticle","group_by":"product","figures":["views"]}`, says: []string{"«Reports»: 2\n  views: 2 values, min 80, max 120, mean 100, median 100, sum 200", "«Billing»: 1", "«Account»: 1"}},
	{name: "figures", tool: "aggregate", args: `{"collection":"SuiteArticle","figures":["helpful","published","updated","tags","views"]}`, says: []string{"helpful: 3 values, min 0.5, max 1, mean 0.75", "published: 4 values, 3 true", "min 2026-09-01T10:00:00Z, max 2026-11-20T10:00:00Z", "«export» 2", "sum 550"}},
	{name: "few groups", tool: "aggregate", args: `{"collection":"SuiteArticle","group_by":"product","limit":1}`, says: []string{"«Reports»: 2", "more groups"}},
	{name: "figures of nothing", tool: "aggregate", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"eq","value":"None"}],"figures":["views"]}`, says: []string{"0 objects", "views: 0 values"}},

	// Tenants.
	{name: "create with tenants", tool: "create_collection", args: `{"name":"SuiteNote","properties":[{"name":"note","type":"text"}],"vectorizer":"none","multi_tenant":true}`, says: []string{"SuiteNote, with tenants", "weaviate_set_tenants"}},
	{name: "no tenants yet", tool: "list_tenants", args: `{"collection":"SuiteNote"}`, says: []string{"0 tenants"}},
	{name: "make tenants", tool: "set_tenants", args: `{"collection":"SuiteNote","tenants":["acme","globex"],"action":"create"}`, says: []string{"acme, globex"}},
	{name: "make one again", tool: "set_tenants", args: `{"collection":"SuiteNote","tenants":["acme"],"action":"create"}`, says: []string{"1 tenants", "acme"}},
	{name: "write without a tenant", tool: "upsert_objects", args: `{"collection":"SuiteNote","objects":[{"properties":{"note":"x"}}]}`, kind: fault.InvalidArguments, says: []string{"Give tenant"}},
	{name: "write for one", tool: "upsert_objects", args: `{"collection":"SuiteNote","tenant":"acme","objects":[{"id":"ID1","properties":{"note":"renews in March"}}]}`, says: []string{"1 objects"}},
	{name: "write for the other", tool: "upsert_objects", args: `{"collection":"SuiteNote","tenant":"globex","objects":[{"id":"ID2","properties":{"note":"pays late"}}]}`, says: []string{"1 objects"}},
	{name: "write for nobody", tool: "upsert_objects", args: `{"collection":"SuiteNote","tenant":"nobody","objects":[{"properties":{"note":"x"}}]}`, kind: fault.NotFound, says: []string{"no tenant nobody"}},
	{name: "read one's own", tool: "list_objects", args: `{"collection":"SuiteNote","tenant":"acme"}`, ids: []int{1}},
	{name: "not the other's", tool: "get_object", args: `{"collection":"SuiteNote","tenant":"acme","id":"ID2"}`, kind: fault.NotFound, says: []string{"of this tenant"}},
	{name: "search within one", tool: "search", args: `{"collection":"SuiteNote","tenant":"globex","query":"late"}`, ids: []int{2}, says: []string{"(keyword)"}},
	{name: "by meaning without a vectorizer", tool: "search", args: `{"collection":"SuiteNote","tenant":"globex","query":"late","mode":"hybrid"}`, kind: fault.InvalidArguments, says: []string{"mode keyword"}},
	{name: "similar without vectors", tool: "find_similar", args: `{"collection":"SuiteNote","tenant":"globex","id":"ID2"}`, kind: fault.NotFound, says: []string{"no vector"}},
	{name: "count within one", tool: "aggregate", args: `{"collection":"SuiteNote","tenant":"acme","filters":[{"property":"note","op":"eq","value":"march"}]}`, says: []string{"1 objects"}},
	{name: "update within one", tool: "update_object", args: `{"collection":"SuiteNote","tenant":"acme","id":"ID1","properties":{"note":"renews in May"}}`, says: []string{"Set note"}},
	{name: "a tenant where there are none", tool: "list_objects", args: `{"collection":"SuiteArticle","tenant":"acme"}`, kind: fault.InvalidArguments, says: []string{"has no tenants"}},
	{name: "an unknown tenant", tool: "list_objects", args: `{"collection":"SuiteNote","tenant":"nobody"}`, kind: fault.NotFound, says: []string{"no tenant nobody"}},
	{name: "an unknown tenant, in a search", tool: "search", args: `{"collection":"SuiteNote","tenant":"nobody","query":"x"}`, kind: fault.NotFound, says: []string{"no tenant nobody"}},
	{name: "deactivate", tool: "set_tenants", args: `{"collection":"SuiteNote","tenants":["globex"],"action":"deactivate"}`, says: []string{"globex (inactive)"}},
	{name: "read what is not active", tool: "list_objects", args: `{"collection":"SuiteNote","tenant":"globex"}`, kind: fault.Conflict, says: []string{"globex is not active", "activate"}},
	{name: "search what is not active", tool: "search", args: `{"collection":"SuiteNote","tenant":"globex","query":"late"}`, kind: fault.Conflict, says: []string{"not active"}},
	{name: "activate", tool: "set_tenants", args: `{"collection":"SuiteNote","tenants":["globex"],"action":"activate"}`, says: []string{"globex"}},
	{name: "it is all there", tool: "aggregate", args: `{"collection":"SuiteNote","tenant":"globex"}`, says: []string{"1 objects"}},
	{name: "activate what is not there", tool: "set_tenants", args: `{"collection":"SuiteNote","tenants":["globexx"],"action":"activate"}`, kind: fault.NotFound, says: []string{"Did you mean globex"}},
	{name: "offload without storage", tool: "set_tenants", args: `{"collection":"SuiteNote","tenants":["globex"],"action":"offload"}`, kind: fault.NotPermitted, says: []string{"no storage"}},
	{name: "delete within one, for show", tool: "delete_objects", args: `{"collection":"SuiteNote","tenant":"acme","ids":["ID1"]}`, says: []string{"1 objects of SuiteNote would be deleted"}},
	{name: "delete a tenant", tool: "delete_tenants", args: `{"collection":"SuiteNote","tenants":["globex"]}`, says: []string{"globex"}},
	{name: "it is gone", tool: "list_tenants", args: `{"collection":"SuiteNote"}`, says: []string{"1 tenants of SuiteNote: acme"}},
	{name: "delete it again", tool: "delete_tenants", args: `{"collection":"SuiteNote","tenants":["globex"]}`, kind: fault.NotFound},

	// Deleting.
	{name: "delete for show", tool: "delete_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"eq","value":"Reports"},{"property":"views","op":"gt","value":100}]}`, says: []string{"1 objects of SuiteArticle would be deleted; nothing was done"}},
	{name: "they are there", tool: "aggregate", args: `{"collection":"SuiteArticle"}`, says: []string{"5 objects"}},
	{name: "delete by ids", tool: "delete_objects", args: `{"collection":"SuiteArticle","ids":["ID4","ID5","ID9"],"dry_run":false}`, says: []string{"Deleted 2 of 2", "other ids are not there"}},
	{name: "delete by a filter", tool: "delete_objects", args: `{"collection":"SuiteArticle","filters":[{"property":"product","op":"not_in","value":["Billing"]},{"property":"updated","op":"gt","value":"2020-01-01"}],"dry_run":false}`, says: []string{"Deleted 2 of 2"}},
	{name: "one is left", tool: "list_objects", args: `{"collection":"SuiteArticle"}`, ids: []int{2}},
	{name: "delete the collection without a word", tool: "delete_collection", args: `{"collection":"SuiteArticle","confirm":"x"}`, kind: fault.InvalidArguments, says: []string{"confirm"}},
	{name: "delete the collection", tool: "delete_collection", args: `{"collection":"SuiteArticle","confirm":"SuiteArticle"}`, says: []string{"Deleted the collection"}},
	{name: "delete it again", tool: "delete_collection", args: `{"collection":"SuiteArticle","confirm":"SuiteArticle"}`, kind: fault.NotFound},
	{name: "delete the other", tool: "delete_collection", args: `{"collection":"SuiteNote","confirm":"SuiteNote"}`, says: []string{"Deleted"}},
}

// runSuite makes the calls one after the other. Each answer is held against its schema
// on the way.
func runSuite(t *testing.T, w *world) {
	for _, s := range suiteSteps {
		t.Run(s.name, func(t *testing.T) {
			w := *w
			w.t = t
			args := s.args
			for n := range 10 {
				args = strings.ReplaceAll(args, fmt.Sprintf("ID%d", n), suiteID(n))
			}
			out, err := w.call(s.tool, args)
			text := ""
			switch {
			case err != nil:
				f := toolstest.FaultOf(t, err)
				if f.Kind != s.kind {
					t.Fatalf("%s: %s, want %q", f.Kind, f.Message, s.kind)
				}
				text = f.Message
			case s.kind != "":
				t.Fatalf("no failure, but %+v", out)
			default:
				text = out.(tools.Texter).Text()
			}
			for _, word := range s.says {
				if !strings.Contains(text, word) {
					t.Errorf("it lacks %q:\n%s", word, text)
				}
			}
			if s.ids != nil {
				checkIDs(t, s, out)
			}
		})
	}
}

func checkIDs(t *testing.T, s step, out any) {
	t.Helper()
	var got, want []string
	switch out := out.(type) {
	case Hits:
		for _, h := range out.Hits {
			got = append(got, h.ID)
		}
	case Objects:
		for _, o := range out.Objects {
			got = append(got, o.ID)
		}
	}
	for _, n := range s.ids {
		want = append(want, suiteID(n))
	}
	if s.set {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// runAccess is what others than the admin may do: reader may read everything, limited
// only the collection Ticket.
func runAccess(t *testing.T, w *world, reader, limited string) {
	r, l, nobody := w.as(reader), w.as(limited), w.as("no-such-key")
	me := must[Self](r, "whoami", `{}`)
	if !slices.Contains(me.Roles, "viewer") || me.Version != "1.39.1" || me.User == "" || me.Cluster == "" {
		t.Errorf("whoami: %+v", me)
	}
	must[Aggregate](r, "aggregate", `{"collection":"Ticket"}`)
	r.fails("upsert_objects", `{"collection":"Ticket","objects":[{"properties":{"subject":"x"}}]}`, fault.NotPermitted, "update_data", "Collection: Ticket", "admin of the cluster")
	r.fails("update_object", `{"collection":"Ticket","id":"`+suiteID(1)+`","properties":{"subject":"x"}}`, fault.NotPermitted, "update_data")
	r.fails("delete_objects", `{"collection":"Ticket","ids":["`+suiteID(1)+`"]}`, fault.NotPermitted, "delete_data")
	r.fails("create_collection", `{"name":"SuiteOther","properties":[]}`, fault.NotPermitted, "create_collections")
	r.fails("add_property", `{"collection":"Ticket","name":"more","type":"text"}`, fault.NotPermitted, "update_collections")
	r.fails("delete_collection", `{"collection":"Ticket","confirm":"Ticket"}`, fault.NotPermitted, "delete_collections")

	must[Objects](l, "list_objects", `{"collection":"Ticket"}`)
	if all := must[Collections](l, "list_collections", `{}`); len(all.Collections) != 1 || all.Collections[0].Name != "Ticket" {
		t.Errorf("limited sees %+v", all)
	}
	l.fails("search", `{"collection":"Ticket","query":"x"}`, fault.NotPermitted, "read_collections on all (*)", "weaviate_list_objects")
	l.fails("aggregate", `{"collection":"Ticket"}`, fault.NotPermitted, "read_collections on all (*)")

	for _, tool := range []string{"list_collections", "whoami"} {
		nobody.fails(tool, `{}`, fault.CredentialInvalid)
	}
	nobody.fails("search", `{"collection":"Ticket","query":"x"}`, fault.CredentialInvalid)
}

func TestSuite(t *testing.T) {
	w, d := sandboxed(t)
	before := d.Snapshot()
	runSuite(t, w)
	if after := d.Snapshot(); len(after) != len(before) {
		t.Errorf("the suite leaves %d things behind", len(after)-len(before))
	}
}

func TestAccess(t *testing.T) {
	w, _ := sandboxed(t)
	runAccess(t, w, sandbox.Reader(), sandbox.Limited())
}
