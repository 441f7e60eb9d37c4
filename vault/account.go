package vault

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// answer is a token endpoint's answer as it came. All of it is hostile.
type answer map[string]any

func (a answer) text(key string) string {
	s, _ := a[key].(string)
	return s
}

// label is a text, or a number, as it may be shown.
func (a answer) label(key string) string {
	switch v := a[key].(type) {
	case string:
		return OneLine(v, 80)
	case json.Number:
		return OneLine(v.String(), 80)
	}
	return ""
}

func (a answer) object(key string) answer {
	m, _ := a[key].(map[string]any)
	return m
}

func (a answer) texts(key string) []string {
	list, _ := a[key].([]any)
	var all []string
	n := 0
	for _, x := range list {
		s, ok := x.(string)
		if n += len(s) + 1; !ok || n > maxScopes {
			break
		}
		all = append(all, s)
	}
	return all
}

// account says whose a grant is, as the provider says, for a person to recognise:
// "workspace Acme (T024BE7LD), user U1"; "" where it does not say. Where the
// fields are described: docs.slack.dev/reference/methods/oauth.v2.access,
// developers.notion.com/reference/create-a-token, HubSpot's AccessTokenResponse,
// Salesforce's "OAuth 2.0 web server flow".
func (a answer) account(kind string, who answer) string {
	var parts []string
	add := func(what, name, id string) {
		switch {
		case name != "" && id != "" && name != id:
			parts = append(parts, fmt.Sprintf("%s %s (%s)", what, name, id))
		case name+id != "" && name == "":
			parts = append(parts, what+" "+id)
		case name != "":
			parts = append(parts, what+" "+name)
		}
	}
	team, enterprise := a.object("team"), a.object("enterprise")
	add("workspace", team.label("name"), team.label("id"))
	if team == nil {
		add("organization", enterprise.label("name"), enterprise.label("id"))
	}
	add("workspace", a.label("workspace_name"), "")
	add("account", a.label("hub_id"), a.label("hub_domain"))
	if u, err := url.Parse(a.text("instance_url")); err == nil && u.Host != "" {
		org, user := salesforceIDs(a.text("id"))
		add("organization", OneLine(u.Host, 80), org)
		add("user", user, "")
	}
	switch {
	case who.label("email") != "":
		add("", who.label("email"), "")
	case who.label("name") != "":
		add("", who.label("name"), who.label("sub"))
	default:
		add("user", "", who.label("sub"))
	}
	if kind == GrantUser {
		add("user", "", a.object("authed_user").label("id"))
		if a.object("authed_user") == nil {
			add("user", "", a.label("user_id"))
		}
	}
	return OneLine(strings.TrimSpace(strings.Join(parts, ", ")), 200)
}

// salesforceIDs are the ids of the organization and the user in the address of an
// identity: https://login.salesforce.com/id/00Dxx/005xx.
func salesforceIDs(identity string) (org, user string) {
	u, err := url.Parse(identity)
	if err != nil {
		return "", ""
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) != 3 || parts[0] != "id" {
		return "", ""
	}
	return OneLine(parts[1], 20), OneLine(parts[2], 20)
}

// identity is what the id token of an answer says of who consented; nothing where
// none was asked for. It came from the token endpoint itself over TLS, which
// stands for its signature (OpenID Connect Core section 3.1.3.7, point 6); that it
// is meant for us, and for this consent, is checked.
func (a answer) identity(app App, nonce string, now time.Time) (answer, error) {
	token := a.text("id_token")
	if nonce == "" || token == "" {
		return nil, nil
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("it is malformed")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("it is malformed")
	}
	var claims map[string]any
	dec := json.NewDecoder(strings.NewReader(string(payload)))
	dec.UseNumber()
	if err := dec.Decode(&claims); err != nil {
		return nil, errors.New("it is malformed")
	}
	who := answer(claims)
	if app.Issuer != "" && who.text("iss") != app.Issuer {
		return nil, errors.New("another issuer made it")
	}
	if !who.isFor(app.ClientID) {
		return nil, errors.New("it is for another app")
	}
	if who.text("nonce") != nonce {
		return nil, errors.New("it is of another consent")
	}
	n, _ := who["exp"].(json.Number)
	if exp, err := n.Int64(); err != nil || now.After(time.Unix(exp, 0).Add(5*time.Minute)) {
		return nil, errors.New("it has ended")
	}
	return who, nil
}

// isFor reports whether the audience of an id token is one client: ours.
func (a answer) isFor(client string) bool {
	switch aud := a["aud"].(type) {
	case string:
		return aud == client
	case []any:
		return len(aud) == 1 && aud[0] == client
	}
	return false
}

// OneLine makes a text of somebody else's fit for a line of ours: without control
// characters, what turns the direction of writing and what nobody sees, runs of
// blanks as one, at most n characters and an ellipsis where something was cut.
func OneLine(text string, n int) string {
	var b strings.Builder
	count, space := 0, false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case r == unicode.ReplacementChar || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs,
			unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			continue
		}
		if space {
			b.WriteByte(' ')
			count, space = count+1, false
		}
		if count++; count > n {
			return b.String() + "…"
		}
		b.WriteRune(r)
	}
	return b.String()
}
