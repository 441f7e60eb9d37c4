package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"toolvault/auth"
)

// planted is what somebody pasted where it does not belong.
const planted = "xoxb-123456789012-canaryCANARYcanary"

// Whatever a file is, reading it ends, its errors stand in it, and none shows a
// secret that was pasted over any one of its words.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for i, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a.Files[0].Data), uint16(i))
	}
	for i := range uint16(60) {
		f.Add(design, i)
	}
	f.Fuzz(func(t *testing.T, text string, at uint16) {
		if strings.Contains(text, "canary") || len(text) > 20_000 {
			return
		}
		for _, text := range []string{text, plant(text, int(at))} {
			c, err := Parse("c.yaml", []byte(text), known())
			if (c == nil) != (err != nil) {
				t.Fatalf("config %v, error %v", c, err)
			}
			if err == nil {
				continue
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "123456789012") {
				t.Fatalf("a secret is shown: %v", err)
			}
			checkPlaces(t, err, []byte(text))
		}
	})
}

// plant replaces one word of a text.
func plant(text string, at int) string {
	isWord := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.", c) >= 0
	}
	var b strings.Builder
	word := -1
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && isWord(text[end]) {
			end++
		}
		if end == i {
			b.WriteByte(text[i])
			i++
			continue
		}
		if word++; word == at {
			b.WriteString(planted)
		} else {
			b.WriteString(text[i:end])
		}
		i = end
	}
	return b.String()
}

func TestNoPlaceOfAConfigShowsASecretPastedThere(t *testing.T) {
	refused := 0
	for at := range 200 {
		text := plant(design, at)
		_, err := Parse("c.yaml", []byte(text), known())
		if err == nil {
			continue
		}
		refused++
		if s := err.Error(); strings.Contains(s, "canary") || strings.Contains(s, "123456789012") {
			t.Errorf("word %d: %v", at, err)
		}
	}
	if refused < 60 {
		t.Errorf("only %d places refused it: does the test plant it?", refused)
	}
}

func TestWhatIsHiddenAndWhatIsShown(t *testing.T) {
	for _, s := range []string{
		planted, "xapp-1-A-b", "pat-na1-0f8fad5b", "pcsk_abc", "mb_0123456789", "sk_live_abc", "ghp_abc", "eyJhbGciOiJIUzI1NiJ9",
		"0f8fad5b-d9cb-469f-a165-70867728950e", "AKIAIOSFODNN7EXAMPLE", "redis://:hunter2@host", "-----BEGIN PRIVATE KEY-----",
		"Bearer abcdefghijk", "a1b2c3d4e5f6a7b8c9", strings.Repeat("q", 40), "tést", "a\nb",
	} {
		if show(s) == `"`+s+`"` {
			t.Errorf("%q is shown", s)
		}
		if !strings.ContainsAny(s, "é\n") && strings.Contains(scrub("there is no "+s+" here"), s) {
			t.Errorf("%q passes", s)
		}
	}
	for _, s := range []string{"contact.read", "chat:write", "crm.objects.contacts.read", "hubspot:crm.objects.contacts.read", "support-agent-1", "publicUrl", "weekly-follow-up-2026", "slack_post_message"} {
		if show(s) != `"`+s+`"` || scrub("no "+s) != "no "+s {
			t.Errorf("%q is hidden", s)
		}
	}
}

// What others say of the file is looked at too.
func TestACompilersMessageShowsNoSecret(t *testing.T) {
	k := known()
	k.Rules = func(_ string, rules []auth.Rule) error {
		return errors.Join(
			&auth.RuleError{Field: "allow", Line: 1, Column: 1, Message: "undeclared reference to '" + planted + "'"},
			errors.New("cannot compile: "+planted))
	}
	_, err := Parse("c.yaml", []byte("agents: [{agentId: a, policy: [{tools: '*', allow: 'x'}]}]"), k)
	var es Errors
	if !errors.As(err, &es) || len(es) != 2 || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "undeclared reference") {
		t.Errorf("%v", err)
	}
}
