package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// session logs in with a name and a password, where the service's Scheme says how,
// and presents the token of the session until it ends or the service refuses it.
func session() kind {
	return kind{
		params: []Param{{Name: "username", Required: true, Help: "the name to log in with"}},
		fits: func(m Material) error {
			_, err := m.login()
			return err
		},
		obtain: logIn,
	}
}

// login is where to log in.
func (m Material) login() (string, error) {
	switch {
	case m.Scheme.Login == nil:
		return "", invalid("%s has no log-in that toolvault knows: declare another type", m.Declaration.Service)
	case m.Param("username") == "":
		return "", invalid("the name to log in with is missing: set username")
	case m.Service.BaseURL == "":
		return "", invalid("the address of %s is not known: set services.%s.base_url in the config", m.Declaration.Service, m.Declaration.Service)
	}
	return strings.TrimSuffix(m.Service.BaseURL, "/") + m.Scheme.Login.Path, nil
}

// logIn begins a session. A refusal is ErrInvalid: a password that is tried again
// and again locks the account.
func logIn(ctx context.Context, m Material) (Token, error) {
	const what = "the log-in"
	address, err := m.login()
	if err != nil {
		return Token{}, err
	}
	login, service := m.Scheme.Login, m.Declaration.Service
	body, err := json.Marshal(map[string]string{login.Name: m.Param("username"), login.Password: m.Secret.Reveal()})
	if err != nil {
		return Token{}, invalid("the name or the password cannot be sent as JSON")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Token{}, invalid("the address of %s cannot be used: correct services.%s.base_url in the config", service, service)
	}
	r.Header.Set("Content-Type", "application/json")
	status, answer, err := m.post(r, what)
	switch {
	case err != nil:
		return Token{}, err
	case passing(status):
		return Token{}, because(ErrUnavailable, "%s lets nobody log in just now (HTTP %d)", service, status)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return Token{}, invalid("%s has no log-in at its address (HTTP %d): correct services.%s.base_url in the config", service, status, service)
	case status/100 == 4:
		return Token{}, invalid("%s refused the name or the password (HTTP %d): correct username, or put the right password in", service, status)
	}
	var fields map[string]json.RawMessage
	var token string
	if json.Unmarshal(answer, &fields) == nil {
		_ = json.Unmarshal(fields[login.Token], &token)
	}
	if status/100 != 2 || token == "" {
		return Token{}, because(ErrUnavailable, "%s of %s answered without a session (HTTP %d): is its address right?", what, service, status)
	}
	t := Token{Secret: NewSecret(token)}
	if login.Life > 0 {
		t.Expires = m.Now.Add(login.Life).UTC()
	}
	return t, nil
}
