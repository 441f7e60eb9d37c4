package config_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/schemas"
)

// otherWays is the part of docs/write-a-policy.md about tools that reach by
// another argument what a rule is about.
func otherWays(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../../docs/write-a-policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(b), "## Other ways to the same thing\n")
	if !ok {
		t.Fatal("the part is gone")
	}
	part, _, _ = strings.Cut(part, "\n## ")
	return part
}

// Whoever writes a rule about a channel, a type or an index has to learn of the
// tools that it is not about.
func TestTheDocsNameTheToolsThatARuleIsNotAbout(t *testing.T) {
	part := otherWays(t)
	// Of these nothing of the kind is read or changed.
	harmless := strings.Fields(`slack_whoami slack_get_user slack_search_users slack_search_emojis
		slack_list_usergroups slack_create_usergroup slack_update_usergroup
		hubspot_whoami hubspot_list_object_types hubspot_list_owners
		pinecone_embed pinecone_rerank pinecone_list_models
		salesforce_whoami salesforce_list_objects notion_whoami notion_list_users weaviate_whoami
		google_calendar_whoami google_calendar_list_calendars grafana_whoami grafana_list_datasources`)
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	about := map[string]string{
		"slack": "channel", "hubspot": "object_type", "pinecone": "index", "salesforce": "object", "notion": "page",
		"weaviate": "collection", "google_calendar": "calendar", "grafana": "dashboard",
	}
	for _, s := range all {
		argument := about[s.Service]
		if argument == "" || slices.Contains(s.Properties(), argument) || slices.Contains(harmless, s.Name) {
			continue
		}
		if !strings.Contains(part, "`"+s.Name+"`") {
			t.Errorf("%s has no %s, and docs/write-a-policy.md does not name it", s.Name, argument)
		}
	}
}

// The policy that the docs propose keeps what it promises.
func TestThePolicyOfTheDocsHolds(t *testing.T) {
	text := block.FindStringSubmatch(otherWays(t))[2]
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	var shapes []auth.ToolShape
	for _, s := range all {
		shapes = append(shapes, auth.ToolShape{Name: s.Name, Service: s.Service, Input: s.Input})
	}
	var rules []auth.Rule
	if _, err := config.Parse("policy.yaml", []byte(text), config.Known{Rules: func(_ string, given []auth.Rule) error {
		rules = given
		return nil
	}}); err != nil && len(rules) == 0 {
		t.Fatal(err)
	}
	policy, err := auth.CompilePolicy(rules, shapes)
	if err != nil || len(rules) == 0 {
		t.Fatal(rules, err)
	}
	for _, c := range []struct {
		tool, args string
		allowed    bool
	}{
		{"slack_post_message", `{"channel":"#support-updates","text":"x"}`, true},
		{"slack_post_message", `{"channel":"#general","text":"x"}`, false},
		{"slack_get_message", `{"ts":"https://acme.slack.com/archives/C07SUPUPD8S1/p1795424100000125"}`, false},
		{"slack_search_messages", `{"query":"x"}`, false},
		{"slack_read_file", `{"file":"F07EXPORTS01"}`, false},
		{"slack_update_canvas", `{"canvas":"F07CANVASHB1","changes":[{"action":"append","content":"x"}]}`, false},
		{"pinecone_search_records", `{"index":"support-tickets","text":"x"}`, true},
		{"pinecone_search_records", `{"index":"other","text":"x"}`, false},
		{"pinecone_cascading_search", `{"indexes":[{"index":"support-tickets"}],"text":"x"}`, true},
		{"pinecone_cascading_search", `{"indexes":[{"index":"support-tickets"},{"index":"other"}],"text":"x"}`, false},
		{"pinecone_create_index", `{"name":"other"}`, false},
	} {
		i := slices.IndexFunc(all, func(s schemas.Tool) bool { return s.Name == c.tool })
		args, err := all[i].Validate(json.RawMessage(c.args))
		if err != nil {
			t.Fatal(err)
		}
		if d := policy.Decide(t.Context(), auth.Input{Tool: c.tool, Service: all[i].Service, Args: args.Map, Now: time.Now()}); d.Allowed != c.allowed {
			t.Errorf("%s %s: %v, %s", c.tool, c.args, d.Allowed, d.Reason)
		}
	}
}
