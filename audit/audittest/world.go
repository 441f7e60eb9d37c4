package audittest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"encoding/json"
)

var (
	agents = func() []string {
		list := []string{FrequentAgent, "sales-agent", "ops-agent", "billing-agent"}
		for i := range 36 {
			list = append(list, fmt.Sprintf("team-%02d-agent", i))
		}
		return list
	}()
	companies = strings.Fields("acme globex initech umbrella hooli stark wayne wonka cyberdyne tyrell soylent oscorp vandelay dunder contoso northwind")
	clients   = []string{"desktop-assistant", "coding-agent", "agents-sdk", "editor"}
	tasks     = []string{"weekly-follow-up", "triage", "month-end", "renewals"}
	services  = []string{"slack", "hubspot", "pinecone", "metabase"}

	failures = []struct {
		below         int
		kind, message string
		status        int
	}{
		{20, "not_permitted", "A rule of the policy does not allow it.", 0},
		{35, "rate_limited", "The service takes no more calls now.", 429},
		{47, "not_found", "There is no such object.", 404},
		{57, "upstream_error", "The service refused the request.", 422},
		{63, "upstream_unavailable", "The service does not answer.", 503},
		{68, "timeout", "The service took too long.", 0},
		{72, "invalid_arguments", "An argument does not fit the schema.", 0},
		{75, "credential_invalid", "The service does not accept the credential.", 401},
	}

	events = []struct{ name, outcome, message string }{
		{"token.minted", "ok", ""},
		{"token.refused", "refused", "The token has expired."},
		{"credential.rotated", "ok", ""},
		{"credential.refreshed", "ok", ""},
		{"agent.suspended", "ok", "Suspended by an admin."},
		{"agent.resumed", "ok", ""},
	}
)

// tool is one of the tools that the calls are of.
type tool struct {
	service, name, scope, credential string
	write                            bool
	arguments, result                func(*rand.Rand) json.RawMessage
}

func pickTool(d *rand.Rand, write bool) tool {
	list := reads
	if write {
		list = writes
	}
	return list[skewed(d, len(list))]
}

var reads = []tool{
	{"hubspot", "hubspot_search_objects", "hubspot:crm.objects.contacts.read", "oauth_token", false, search, contacts},
	{"slack", "slack_search_messages", "slack:search:read", "oauth_token", false, query, messages},
	{"pinecone", "pinecone_search_records", "pinecone:read-only", "api_key", false, query, messages},
	{"metabase", "metabase_run_question", "metabase:dashboard.read", "service_token", false, byID, rows},
	{"hubspot", "hubspot_get_object", "hubspot:crm.objects.deals.read", "oauth_token", false, byID, contacts},
	{"slack", "slack_list_channels", "slack:channels:read", "oauth_token", false, byID, rows},
}

var writes = []tool{
	{"slack", FrequentTool, "slack:chat:write", "oauth_token", true, post, posted},
	{"hubspot", "hubspot_update_object", "hubspot:crm.objects.contacts.write", "oauth_token", true, update, posted},
	{"hubspot", "hubspot_create_note", "hubspot:crm.objects.contacts.write", "oauth_token", true, post, posted},
	{"metabase", "metabase_edit_dashboard_cards", "metabase:dashboard.write", "service_token", true, update, posted},
	{"pinecone", "pinecone_upsert_records", "pinecone:read-write", "api_key", true, post, posted},
}

func sentence(d *rand.Rand, words int) string {
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word(d))
	}
	return b.String()
}

const (
	starts  = "b c d f g h k l m n p r s t v w br dr gr pl st tr"
	middles = "a e i o u ai ea ou"
	ends    = "n r s t l m nd rt st x"
)

var syllables = [3][]string{strings.Fields(starts), strings.Fields(middles), strings.Fields(ends)}

// word is one of some 3,000 made-up words, or one that is frequent.
func word(d *rand.Rand) string {
	if d.IntN(40) == 0 {
		return FrequentWord
	}
	n := skewed(d, 3000)
	s := syllables
	text := s[0][n%len(s[0])] + s[1][n/len(s[0])%len(s[1])]
	n /= len(s[0]) * len(s[1])
	return text + s[2][n%len(s[2])] + s[1][n%len(s[1])]
}

func object(format string, args ...any) json.RawMessage { return fmt.Appendf(nil, format, args...) }

func search(d *rand.Rand) json.RawMessage {
	return object(`{"object_type":"contacts","query":"%s.example","limit":%d,"properties":["email","company","lifecyclestage"]}`, companies[d.IntN(len(companies))], 10*(1+d.IntN(5)))
}

func query(d *rand.Rand) json.RawMessage {
	return object(`{"query":"%s","top_k":%d}`, sentence(d, 6), 1+d.IntN(20))
}

func byID(d *rand.Rand) json.RawMessage {
	return object(`{"id":"%d","include":["owner","history"]}`, 100_000+d.IntN(900_000))
}

func post(d *rand.Rand) json.RawMessage {
	return object(`{"channel":"#%s-updates","text":"%s: ticket %d of %s"}`, tasks[d.IntN(len(tasks))], sentence(d, 10), d.IntN(1_000_000), user(d))
}

func update(d *rand.Rand) json.RawMessage {
	return object(`{"id":"%d","properties":{"note":"%s","amount":%d,"owner":"%s"}}`, 100_000+d.IntN(900_000), sentence(d, 5), d.IntN(100_000), user(d))
}

func contacts(d *rand.Rand) json.RawMessage {
	var list []string
	for range 1 + d.IntN(3) {
		list = append(list, fmt.Sprintf(`{"id":"%d","properties":{"email":"%s","company":"%s","note":"%s"}}`,
			d.IntN(1_000_000), user(d), companies[d.IntN(len(companies))], sentence(d, 4)))
	}
	return object(`{"results":[%s],"total":%d}`, strings.Join(list, ","), d.IntN(500))
}

func messages(d *rand.Rand) json.RawMessage {
	return object(`{"matches":[{"id":"%x","score":0.%d,"text":"%s"},{"id":"%x","score":0.%d,"text":"%s"}]}`,
		d.Uint32(), d.IntN(1000), sentence(d, 9), d.Uint32(), d.IntN(1000), sentence(d, 9))
}

func rows(d *rand.Rand) json.RawMessage {
	return object(`{"columns":["month","total"],"rows":[["%s",%d],["%s",%d]],"row_count":2}`, word(d), d.IntN(1e6), word(d), d.IntN(1e6))
}

func posted(d *rand.Rand) json.RawMessage {
	return object(`{"ok":true,"id":"%d.%06d","url":"https://%s.example/%x"}`, 1_700_000_000+d.IntN(1e8), d.IntN(1e6), companies[d.IntN(len(companies))], d.Uint32())
}
