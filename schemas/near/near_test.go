package near

import "testing"

func TestMatch(t *testing.T) {
	words := []string{"contacts.read", "contacts.write", "deals.read", "owners.read", "slack_post_message", "slack_read_channel"}
	for written, want := range map[string]string{
		"contact.read":       "contacts.read",
		"Contacts_Read":      "contacts.read",
		"dealsread":          "deals.read",
		"slack_post_mesage":  "slack_post_message",
		"slack_psot_message": "slack_post_message",
		"salesforce_query":   "",
		"":                   "",
		"x":                  "",
	} {
		if got := Match(written, words); got != want {
			t.Errorf("Match(%q) = %q, want %q", written, got, want)
		}
	}
}
