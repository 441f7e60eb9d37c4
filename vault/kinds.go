package vault

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// kind is one type of credential: what the config says of it besides the secret,
// what its secret looks like, and how it gets onto a request. A new one is a file
// and a line in kinds.
type kind struct {
	// params are the keys that a credential of the type has in the config, besides
	// those that all have.
	params []Param
	// everywhere: any service may be reached with it, since what stands in front
	// of the service asks for it. Else only a service whose Schemes name the type.
	everywhere bool
	// check holds a secret against the type's form: an error says what is wrong
	// with it, and never holds any of it. nil: one line of text.
	check func(secret Secret, now time.Time) error
	// ends is when the secret ends by itself, zero if that is not to be seen; nil: of
	// none of the type.
	ends func(secret Secret) time.Time
	// fits holds the secret and the keys of the config against each other, without
	// asking anybody: an error says what does not fit. nil: there is nothing to hold.
	fits func(m Material) error
	// obtain trades the secret for a token that is presented in its place. nil: the
	// secret itself is presented. Errors wrap those of this package.
	obtain func(ctx context.Context, m Material) (Token, error)
	// authorizer puts on requests what Material.Secret holds: the secret, or the
	// token that was obtained. nil: by the service's Scheme.
	authorizer func(m Material) (Authorizer, error)
}

// Param is a key of a credential in the config.
type Param struct {
	Name     string // "username"
	Required bool
	Help     string // what it is, for the error where it is missing: "the name to log in with"
	Form     Form
	// Check returns what is wrong with a value, or nil; nil: any one line of text.
	Check func(value string) error
	// Header is where the secret that a FormSecret names goes on every request, beside
	// the credential: "X-Openai-Api-Key".
	Header string
}

// Form is what the value of a Param is, for whoever reads the config.
type Form int

// Forms of a Param.
const (
	FormText   Form = iota // any one line
	FormID                 // an id that somebody has drawn by lot: it may look like a secret, and is none
	FormURL                // an https URL, or http to a host that is near
	FormPath               // the path of a file; a relative one begins at the config's folder
	FormSecret             // where a further secret is, as in source; it is presented in Param.Header
)

// Material is what a type works with.
type Material struct {
	Declaration Declaration
	Scheme      Scheme  // how the service wants it; Bearer where the service does not say
	Service     Service // base URL and OAuth app
	Secret      Secret
	HTTP        *http.Client // no redirects, no cookies
	Now         time.Time
}

// Param is a key of the credential in the config, "" where it is not set.
func (m Material) Param(name string) string { return m.Declaration.Params[name] }

// Token is a short-lived token that was obtained for a secret.
type Token struct {
	Secret  Secret
	Expires time.Time // zero: the service has not said
	Scope   string    // what the service said that it granted

	Instance string // see Credential
}

// kinds are all the types there are.
var kinds = map[string]kind{
	TypeAPIKey:            {},
	TypeServiceToken:      {},
	TypeOAuthToken:        {},
	TypeBasic:             basic(),
	TypeClientCredentials: clientCredentials(),
	TypeJWTBearer:         jwtBearer(),
	TypeIDJAG:             identityAssertion(),
	TypeMTLS:              mutualTLS(),
	TypeSession:           session(),
	TypeSignedRequest:     signedRequest(),
	TypeWriteKey:          {},
	TypeProfileToken:      {},
}

// Types lists all types of credential, in order.
func Types() []string { return slices.Sorted(maps.Keys(kinds)) }

// Everywhere lists the types that any service can be reached with.
func Everywhere() []string {
	var all []string
	for name, k := range kinds {
		if k.everywhere {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// Params are the keys that a credential of a type has in the config, besides
// those that all have.
func Params(typ string) []Param { return kinds[typ].params }

// CheckSecret holds a secret against the form of its type, as Put does.
func CheckSecret(typ string, secret Secret, now time.Time) error {
	k, ok := kinds[typ]
	if !ok {
		return fmt.Errorf("%q is no type of credential: use one of %s", typ, strings.Join(Types(), ", "))
	}
	switch n := len(secret.Reveal()); {
	case n == 0:
		return errEmptySecret
	case n > MaxSecret:
		return fmt.Errorf("the secret is longer than %d bytes", MaxSecret)
	case k.check != nil:
		return k.check(secret, now)
	}
	return checkLine(secret.Reveal())
}

// schemed presents a secret as a service's Scheme says.
type schemed struct {
	scheme Scheme
	secret Secret
}

// Authorize implements Authorizer.
func (a schemed) Authorize(r *http.Request) error {
	switch {
	case a.scheme.Query != "":
		q := r.URL.Query()
		q.Set(a.scheme.Query, a.secret.Reveal())
		r.URL.RawQuery = q.Encode()
	case a.scheme.Basic:
		r.SetBasicAuth(a.secret.Reveal(), "")
	default:
		r.Header.Set(a.scheme.Header, a.scheme.Prefix+a.secret.Reveal())
	}
	return nil
}

// secrets is how the secret looks on the wire, where it cannot be told from that.
func (a schemed) secrets() []Secret {
	if !a.scheme.Basic {
		return nil
	}
	return []Secret{basicPair(a.secret.Reveal(), "")}
}
