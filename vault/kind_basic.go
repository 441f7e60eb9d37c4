package vault

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

// basic is HTTP Basic (RFC 7617): the name stands in the config, the secret is the
// password.
func basic() kind {
	return kind{
		everywhere: true,
		params:     []Param{{Name: "username", Required: true, Help: "the name to log in with", Check: checkUsername}},
		authorizer: func(m Material) (Authorizer, error) {
			name := m.Param("username")
			if err := checkUsername(name); err != nil {
				return nil, err
			}
			return named{name, m.Secret}, nil
		},
	}
}

// checkUsername holds a name against RFC 7617 section 2.
func checkUsername(name string) error {
	switch {
	case name == "":
		return errors.New("the name to log in with is missing: set username")
	case strings.Contains(name, ":"):
		return errors.New("the name to log in with has a colon in it, which HTTP Basic does not take: is the password in it too?")
	case checkLine(name) != nil:
		return errors.New("the name to log in with has a line break or another control character in it: correct username")
	}
	return nil
}

// named presents a name and a password.
type named struct {
	name     string
	password Secret
}

// Authorize implements Authorizer.
func (a named) Authorize(r *http.Request) error {
	r.SetBasicAuth(a.name, a.password.Reveal())
	return nil
}

func (a named) secrets() []Secret { return []Secret{basicPair(a.name, a.password.Reveal())} }

// basicPair is a name and a password as they are sent. An upstream that repeats
// the header gives away both, and the password is not to be seen in it.
func basicPair(name, password string) Secret {
	return NewSecret(base64.StdEncoding.EncodeToString([]byte(name + ":" + password)))
}
