package importfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"toolvault/vault"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func options() Options {
	return Options{Now: now, Type: vault.TypeAPIKey, Types: map[string][]string{
		"slack":    {vault.TypeOAuthToken, vault.TypeServiceToken},
		"metabase": {vault.TypeAPIKey, vault.TypeSession},
		"pinecone": {vault.TypeAPIKey, vault.TypeJWTBearer},
	}}
}

// shown is an item as a test reads it.
func shown(i Item) string {
	s := i.Stored
	text := fmt.Sprintf("%d %s %s secret=%s", i.Line, i.Name, s.Type, s.Secret.Reveal())
	if !s.Refresh.Empty() {
		text += " refresh=" + s.Refresh.Reveal()
	}
	if !s.Expires.IsZero() {
		text += " until=" + s.Expires.Format(time.RFC3339)
	}
	if s.Scope != "" {
		text += " scope=" + s.Scope
	}
	if s.User != "" {
		text += " of=" + s.User
	}
	return text
}

func read(t *testing.T, text string, o Options) []string {
	t.Helper()
	items, err := Read(strings.NewReader(text), o)
	if err != nil {
		t.Fatalf("%v\nin %s", err, text)
	}
	var all []string
	for _, i := range items {
		all = append(all, shown(i))
	}
	return all
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestJSON(t *testing.T) {
	equal(t, read(t, `
[
  { "agentId": "a", "service": "slack", "type": "oauth_token", "scope": "chat:write",
    "secret": { "access_token": "at", "refresh_token": "rt", "expires_at": "2026-06-01T00:00:00+02:00", "scope": "chat:write", "token_type": "Bearer" } },

  { "agentId": "a", "user": "alice", "service": "slack", "type": "oauth_token", "secret": { "refresh_token": "rt2" } },
  { "agentId": "a", "account": "emea", "service": "slack", "type": "oauth_token", "secret": { "access_token": "at3", "expires_in": "3600" } }, { "agentId": "b",
    "service": "metabase", "type": "api_key", "source": "vault:metabase/key", "secret": {"value": "k"}, "broker": true, "id": "x" },
  { "agentId": "c", "service": "metabase", "type": "api_key", "source": "vault:metabase/key", "secret": {"value": "k"} },
  { "agentId": "c", "service": "metabase", "type": "session", "username": "bob", "secret": {"value": "pa ss"} },
  { "agentId": "d", "service": "slack", "type": "oauth_token", "secret": { "access_token": "at", "expires_at": 1800000000 } },
  { "agentId": "e", "service": "slack", "type": "oauth_token", "secret": { "access_token": "at", "expires_at": 1800000000000 } }
]
`, options()),
		"3 slack/a oauth_token secret=at refresh=rt until=2026-05-31T22:00:00Z scope=chat:write",
		"6 slack/a/alice oauth_token secret= refresh=rt2 of=alice",
		"7 slack/a/emea oauth_token secret=at3 until=2026-05-01T13:00:00Z",
		"7 metabase/key api_key secret=k",
		"10 metabase/c session secret=pa ss",
		"11 slack/d oauth_token secret=at until=2027-01-15T08:00:00Z",
		"12 slack/e oauth_token secret=at until=2027-01-15T08:00:00Z",
	)
}

// Each mistake is one sentence with its line, and holds nothing of a secret.
func TestJSONMistakes(t *testing.T) {
	const canary = "c4n4ry-s3cr3t"
	one := func(members string) string { return "[\n{ " + members + " }\n]" }
	secret := `"agentId": "a", "service": "slack", "type": "oauth_token", "secret": `
	value := `"secret": {"value": "` + canary + `"}`
	for name, c := range map[string]struct{ text, want string }{
		"empty file":       {"", "it is empty"},
		"empty list":       {"[]", "the list is empty"},
		"an object":        {`{"a": 1}`, "give a list of credentials"},
		"cut off":          {"[\n{", "line 2: from here on it is not JSON"},
		"no comma":         {one(secret + `{"access_token":"x"}` + "} {"), "line 2: from here on it is not JSON"},
		"something after":  {one(secret+`{"access_token":"x"}`) + "\n[]", "line 4: something stands after the list"},
		"no object":        {"[\n\"" + canary + "\"]", "line 2: a credential: this must be an object"},
		"binary":           {"[\xff\xfe]", "not text in UTF-8"},
		"unknown key":      {one(`"agentid": "a", ` + value), `line 2: the key "agentid" is not known; did you mean "agentId"?`},
		"a secret as key":  {one(`"` + canary + `": "a"`), "line 2: the key (not shown here) is not known"},
		"twice":            {one(`"agentId": "a", "agentId": "b"`), `line 2: a credential: the key "agentId" stands twice`},
		"no agent":         {one(`"service": "slack", "type": "oauth_token", ` + value), "line 2: agentId is missing"},
		"a number":         {one(`"agentId": 7, ` + value), "line 2: agentId must be a text"},
		"no service":       {one(`"agentId": "a", "type": "x", ` + value), "line 2: service is missing"},
		"unknown service":  {one(`"agentId": "a", "service": "slck", "type": "x", ` + value), `line 2: there is no service "slck"; did you mean "slack"?`},
		"unknown type":     {one(`"agentId": "a", "service": "slack", "type": "password", ` + value), `line 2: slack takes no credential of type "password": it takes oauth_token, service_token`},
		"env":              {one(`"agentId": "a", "service": "slack", "type": "service_token", "source": "env:X", ` + value), "line 2: source must be vault:NAME"},
		"a secret for it":  {one(`"agentId": "a", "service": "slack", "type": "service_token", "source": "vault:C4N ` + canary + `", ` + value), "line 2: source is no name in the vault"},
		"a name from a":    {one(`"agentId": "a", "user": "Alice Smith", "service": "slack", "type": "service_token", ` + value), "line 2: no name in the vault can be made of"},
		"no secret":        {one(`"agentId": "a", "service": "slack", "type": "service_token"`), "line 2: secret is missing"},
		"a text":           {one(secret + `"` + canary + `"`), `line 2: secret: this must be an object, such as {"value": "…"}`},
		"value of tokens":  {one(secret + `{"value": "` + canary + `"}`), `line 2: secret: the key "value" is not known`},
		"tokens of a key":  {one(`"agentId": "a", "service": "slack", "type": "service_token", "secret": {"access_token": "` + canary + `"}`), `line 2: secret: the key "access_token" is not known`},
		"a typo":           {one(secret + `{"access_token": "x", "refreshToken": "` + canary + `"}`), `line 2: secret: the key "refreshToken" is not known; did you mean "refresh_token"?`},
		"no token":         {one(secret + `{"scope": "x"}`), "line 2: secret: there is neither an access_token nor a refresh_token"},
		"a line break":     {one(secret + `{"access_token": "` + canary + `\n"}`), "line 2: secret: access_token: the secret has a line break"},
		"a number token":   {one(secret + `{"access_token": 12}`), "line 2: secret: access_token must be a text"},
		"over":             {one(secret + `{"access_token": "x", "expires_at": "2020-01-01T00:00:00Z"}`), "line 2: secret: the access token ended at 2020-01-01T00:00:00Z"},
		"both":             {one(secret + `{"access_token": "x", "expires_at": 1, "expires_in": 1}`), "line 2: secret: there are both"},
		"soon":             {one(secret + `{"access_token": "x", "expires_in": "soon"}`), "line 2: secret: expires_in must be a number"},
		"NaN":              {one(secret + `{"access_token": "x", "expires_in": "NaN"}`), "line 2: secret: expires_in must be a number"},
		"in the past":      {one(secret + `{"access_token": "x", "expires_in": -1}`), "line 2: secret: expires_in must be a number"},
		"tomorrow":         {one(secret + `{"access_token": "x", "expires_at": "tomorrow"}`), "line 2: secret: expires_at must be a time"},
		"the year 12000":   {one(secret + `{"access_token": "x", "expires_at": "9999-12-31T00:00:00Z"}`), "line 2: secret: expires_at must be a time"},
		"empty value":      {one(`"agentId": "a", "service": "slack", "type": "service_token", "secret": {"value": ""}`), "line 2: secret: the secret is empty"},
		"no value":         {one(`"agentId": "a", "service": "slack", "type": "service_token", "secret": {}`), "line 2: secret: it has no value"},
		"no key file":      {one(`"agentId": "a", "service": "pinecone", "type": "jwt_bearer", "secret": {"private_key": "` + canary + `"}`), "line 2: secret: "},
		"twice, different": {"[\n" + `{"agentId":"a","service":"metabase","type":"api_key","source":"vault:m","secret":{"value":"1"}},` + "\n" + `{"agentId":"b","service":"metabase","type":"api_key","source":"vault:m","secret":{"value":"2"}}]`, "line 3: vault:m stands on line 2 too, with another secret"},
	} {
		_, err := Read(strings.NewReader(c.text), options())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(strings.ToLower(err.Error()), canary) {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
}

// All mistakes are told at once, but not without end.
func TestMistakesAreBounded(t *testing.T) {
	_, err := Read(strings.NewReader("["+strings.Repeat("{},\n", 200)+"{}]"), options())
	all, ok := err.(interface{ Unwrap() []error })
	if !ok || len(all.Unwrap()) != enough+1 {
		t.Fatal(err)
	}
	var first *vault.ItemError
	if !errors.As(all.Unwrap()[1], &first) || first.Line != 2 {
		t.Errorf("%v", all.Unwrap()[1])
	}
	if _, err := Read(strings.NewReader(strings.Repeat("[", 1<<20)), options()); err == nil {
		t.Error("a deep file was read")
	}
	if _, err := Read(endless{}, options()); err == nil || !strings.Contains(err.Error(), "larger than 64 MB") {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

func TestDotenv(t *testing.T) {
	o := options()
	o.TypeOf = map[string]string{"SLACK_BOT_TOKEN": vault.TypeServiceToken}
	o.Leave = map[string]bool{"CLIENT_SECRET": true}
	equal(t, read(t, "\ufeff# a comment\r\n"+
		"SLACK_BOT_TOKEN=xoxb-1 # and a comment\r\n"+
		"\n  export  PINECONE_API_KEY = \"a b#c\\\"\\$\"   # c\n"+
		"single='a \\n \"b\" ${X}'\n"+
		"HASH=a#b\n"+
		"CLIENT_SECRET=left\n"+
		"  \t# the end", o),
		"2 slack-bot-token service_token secret=xoxb-1",
		"4 pinecone-api-key api_key secret=a b#c\"$",
		"5 single api_key secret=a \\n \"b\" ${X}",
		"6 hash api_key secret=a#b",
	)
	o.Names = map[string]string{"A": "some/where", "CLIENT_SECRET": "x"}
	equal(t, read(t, "A=1\nB=2\nPORT=\nCLIENT_SECRET=3\n", o), "1 some/where api_key secret=1", "4 x api_key secret=3")
}

func TestDotenvMistakes(t *testing.T) {
	const canary = "c4n4ry-s3cr3t"
	for name, c := range map[string]struct {
		text, want string
		names      map[string]string
	}{
		"no pair":        {text: "A=1\n" + canary + "\n", want: "line 2: this is not of the form NAME=value"},
		"a bad name":     {text: canary + "=1", want: "line 1: this is not of the form NAME=value"},
		"empty":          {text: "A=", want: "line 1: A is empty"},
		"only comments":  {text: "# A=1\n", want: "there is nothing in it to import"},
		"no end":         {text: "A='" + canary + "\nB=1", want: "line 1: A: the quotes of its value do not end"},
		"after it":       {text: "A='x' " + canary, want: "line 1: A: something stands after its quoted value"},
		"twice":          {text: "A=1\n\nA=" + canary, want: "line 3: A stands on line 1 too"},
		"the same place": {text: "A_B=1\na-b=2\na_b=" + canary, want: "line 2: this is not of the form NAME=value"},
		"both one":       {text: "A_B=1\na_b=" + canary, want: "line 2: A_B and a_b would both be vault:a-b"},
		"a reference":    {text: "A=${" + canary + "}", want: "line 1: A refers to another variable"},
		"in quotes":      {text: "A=\"${" + canary + "}\"", want: "line 1: A: it refers to another variable"},
		"lines":          {text: "A='x\n" + canary + "'", want: "line 1: A: the secret has a line break"},
		"no name":        {text: "__=" + canary, want: "line 1: no name in the vault can be made of __"},
		"not there":      {text: "PINECONE_KEY=" + canary, names: map[string]string{"PINECONE_KEYS": "x"}, want: "there is no PINECONE_KEYS in it, which --map names; did you mean PINECONE_KEY?"},
	} {
		o := options()
		o.Names = c.names
		_, err := Read(strings.NewReader(c.text), o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(strings.ToLower(err.Error()), canary) {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
}

// Whatever a file holds, reading it ends, all items can be stored, and no error
// shows more of it than its names.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`[{"agentId":"a","service":"slack","type":"oauth_token","secret":{"access_token":"x","expires_in":1}}]`,
		"A=1\nexport B='x' # c\nC=\"\\n\"", "[", "[{},", "\ufeff[]", "A='", "export =", "=", "[null]", "\x00", `[{"secret":{"value":1}}]`,
	} {
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, known bool) {
		o := options()
		if !known {
			o.Types = nil
		}
		items, err := Read(strings.NewReader(text), o)
		if err != nil {
			return
		}
		if len(items) == 0 {
			t.Fatal("nothing was read, and it is no error")
		}
		names := map[string]bool{}
		for _, i := range items {
			if i.Line < 1 || i.Line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d", i.Line)
			}
			if names[i.Name] || vault.CheckName(i.Name) != nil {
				t.Errorf("the name %q", i.Name)
			}
			names[i.Name] = true
			secret := i.Stored.Secret
			if secret.Empty() {
				secret = i.Stored.Refresh
			}
			if err := vault.CheckSecret(i.Stored.Type, secret, now); err != nil {
				t.Error(err)
			}
		}
	})
}
