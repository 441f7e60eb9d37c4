package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/auth"
	"toolvault/auth/issuer"
	"toolvault/auth/people"
)

// Auth is the "auth" section: who gets tokens, and how.
type Auth struct {
	TokenTTL       time.Duration // of access tokens; 0: the program's
	RefreshTTL     time.Duration // in which a consent has to be used; 0: the program's
	Registration   bool          // clients may register themselves
	ClientMetadata []string      // hosts whose client metadata documents are taken, "*.example.com" for those below; nil: all, empty: none
	RequireDPoP    bool          // no token without a key
	Login          *Login        // nil: nobody signs in through a company's provider
	People         []Person
	Admins         []Admins
	Clients        []OAuthClient
	Issuers        []Issuer
}

// Login is the company's OpenID provider.
type Login struct {
	Issuer       string
	ClientID     string // the id, or a reference to it
	ClientSecret string // a reference; "": a public client
	Label        string // for the button; "": the issuer's host
	Scopes       []string
	NameClaim    string
	GroupsClaim  string
}

// Person is somebody who signs in here.
type Person struct {
	Name         string
	PasswordHash string // a PHC string of argon2id, or a reference to one; "": passkeys only
	Groups       []string
}

// Admins are people who may administer.
type Admins struct {
	Who    string   // a person, or "group:NAME"
	Scopes []string // of auth.AdminScopes
}

// OAuthClient is a client that is known beforehand.
type OAuthClient struct {
	ID        string
	Name      string
	Redirects []string
	Secrets   []string // references
	Key       string   // "file:PATH" of public keys: PEM or JWK(S)
	KeysURL   string
	Agents    []string // nil: any that the person may use
	Admin     []string
	Trusted   bool
}

// Issuer is somebody else's issuer of tokens; its introspection secret is still a
// reference.
type Issuer struct {
	issuer.Issuer
	IntrospectionID     string // the id, or a reference
	IntrospectionSecret string // a reference
}

// group is how a group of people is written where a person could stand.
const group = "group:"

func (r *reader) auth(n *node) {
	const field = "auth"
	m := r.mapping(n, field, "token_ttl", "refresh_ttl", "registration", "client_metadata", "dpop", "login", "people", "admins", "clients", "issuers")
	a := &r.Auth
	a.TokenTTL = r.duration(m["token_ttl"], field+".token_ttl", time.Minute, auth.MaxTTL)
	a.RefreshTTL = r.duration(m["refresh_ttl"], field+".refresh_ttl", time.Hour, 8760*time.Hour)
	a.Registration = r.flag(m["registration"], field+".registration")
	if m["client_metadata"] != nil {
		a.ClientMetadata = append([]string{}, r.texts(m["client_metadata"], field+".client_metadata", func(s string) (string, error) {
			s = strings.ToLower(s)
			if strings.ContainsAny(s, "/:@ ") || strings.Contains(strings.TrimPrefix(s, "*."), "*") || !strings.Contains(s, ".") {
				return "", errors.New(`this must be a host, such as "claude.ai", or "*.example.com" for all below one`)
			}
			return s, nil
		})...)
	}
	if s, ok := r.text(m["dpop"], field+".dpop"); ok {
		if s != "optional" && s != "required" {
			r.fail(m["dpop"].at, field+".dpop", `this must be "optional" or "required"%s`, didYouMean(s, []string{"optional", "required"}))
		}
		a.RequireDPoP = s == "required"
	}
	r.login(m["login"], field+".login")
	for i, item := range r.list(m["people"], field+".people") {
		r.person(item, fmt.Sprintf("%s.people[%d]", field, i))
	}
	for i, item := range r.list(m["admins"], field+".admins") {
		f := fmt.Sprintf("%s.admins[%d]", field, i)
		am := r.mapping(item, f, "who", "scopes")
		who, ok := r.required(am["who"], item.at, join(f, "who"), "who administers? a person, or group:NAME")
		if ok {
			if _, err := checkWho(who); err != nil {
				r.fail(am["who"].at, join(f, "who"), "%v", err)
			}
		}
		if am["scopes"] == nil {
			r.fail(item.at, f, "what may they do? give scopes, some of %s", strings.Join(auth.AdminScopes(), ", "))
		}
		a.Admins = append(a.Admins, Admins{who, r.adminScopes(am["scopes"], join(f, "scopes"))})
	}
	for i, item := range r.list(m["clients"], field+".clients") {
		r.client(item, fmt.Sprintf("%s.clients[%d]", field, i))
	}
	for i, item := range r.list(m["issuers"], field+".issuers") {
		r.issuer(item, fmt.Sprintf("%s.issuers[%d]", field, i))
	}
	r.issuersTogether(m["issuers"], field+".issuers")
}

// duration reads a time within bounds; 0 if it is absent or wrong.
func (r *reader) duration(n *node, field string, least, most time.Duration) time.Duration {
	s, ok := r.text(n, field)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < least || d > most {
		r.fail(n.at, field, "this must be a duration from %s to %s, such as %q", auth.Duration(least), auth.Duration(most), auth.Duration(least))
		return 0
	}
	return d
}

func (r *reader) login(n *node, field string) {
	if n == nil {
		return
	}
	m := r.mapping(n, field, "issuer", "client_id", "client_secret", "label", "scopes", "name_claim", "groups_claim")
	var l Login
	if s, ok := r.required(m["issuer"], n.at, join(field, "issuer"), "which provider? give its issuer, such as https://login.example.com"); ok {
		var err error
		if l.Issuer, err = endpointURL(s); err != nil {
			r.fail(m["issuer"].at, join(field, "issuer"), "%v", err)
		}
	}
	if s, ok := r.required(m["client_id"], n.at, join(field, "client_id"), "register toolvault at the provider and give the client_id"); ok {
		l.ClientID = r.clientID(s, m["client_id"].at, join(field, "client_id"))
	}
	if s, ok := r.text(m["client_secret"], join(field, "client_secret")); ok {
		l.ClientSecret = r.reference(s, m["client_secret"].at, join(field, "client_secret"), kindEnv, kindFile, kindExec)
	}
	l.Label = r.short(m["label"], join(field, "label"), 60)
	l.NameClaim = r.short(m["name_claim"], join(field, "name_claim"), 128)
	l.GroupsClaim = r.short(m["groups_claim"], join(field, "groups_claim"), 128)
	if s, ok := r.text(m["scopes"], join(field, "scopes")); ok {
		l.Scopes = strings.Fields(s)
		if !slices.Contains(l.Scopes, "openid") {
			r.fail(m["scopes"].at, join(field, "scopes"), "openid has to be among them")
		}
	}
	r.Auth.Login = &l
}

// short reads a text of bounded length.
func (r *reader) short(n *node, field string, most int) string {
	s, ok := r.text(n, field)
	if ok && len(s) > most {
		r.fail(n.at, field, "this has at most %d bytes", most)
		return ""
	}
	return s
}

func (r *reader) person(n *node, field string) {
	m := r.mapping(n, field, "name", "password_hash", "groups")
	p := Person{Groups: r.texts(m["groups"], join(field, "groups"), groupName)}
	name, ok := r.required(m["name"], n.at, join(field, "name"), "a person needs a name")
	if ok {
		if err := people.CheckName(name); err != nil {
			r.fail(m["name"].at, join(field, "name"), "a person's name has 1 to 128 letters, digits and . _ @ + -, and begins with a letter or digit")
		}
		for _, other := range r.Auth.People {
			if strings.EqualFold(other.Name, name) {
				r.fail(m["name"].at, join(field, "name"), "there are two people of that name")
			}
		}
		p.Name = name
	}
	if s, ok := r.text(m["password_hash"], join(field, "password_hash")); ok {
		at := m["password_hash"].at
		switch {
		case IsReference(s):
			p.PasswordHash = r.reference(s, at, join(field, "password_hash"), kindEnv, kindFile, kindExec)
		case people.CheckHash(s) != nil:
			r.fail(at, join(field, "password_hash"), "this is no hash of a password: 'toolvault person hash' makes one; if it was the password, choose another, since it has been in a file")
		default:
			p.PasswordHash = s
		}
	}
	r.Auth.People = append(r.Auth.People, p)
}

func groupName(s string) (string, error) {
	if len(s) > 128 || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t") {
		return "", errors.New("a group has at most 128 characters, without spaces around it")
	}
	return s, nil
}

// checkWho takes a person or a group.
func checkWho(s string) (string, error) {
	if name, ok := strings.CutPrefix(s, group); ok {
		if _, err := groupName(name); err != nil || name == "" {
			return "", errors.New("after group: stands the name of a group of people")
		}
		return s, nil
	}
	if !userName.MatchString(s) {
		return "", errors.New("this is a person as in toolvault person add (at most 128 characters, without spaces and slashes), or group:NAME")
	}
	return s, nil
}

func (r *reader) adminScopes(n *node, field string) []string {
	s, ok := r.text(n, field)
	if !ok {
		return nil
	}
	var scopes []string
	for _, w := range words(s) {
		if !slices.Contains(auth.AdminScopes(), w.text) {
			hint := didYouMean(w.text, auth.AdminScopes())
			if hint == "" {
				hint = "; there are " + strings.Join(auth.AdminScopes(), ", ")
			}
			r.fail(r.wordAt(n, w), field, "an administrator has no scope %s%s", show(w.text), hint)
			continue
		}
		scopes = append(scopes, w.text)
	}
	return scopes
}
