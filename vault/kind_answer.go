package vault

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is the most that a token endpoint or a log-in may answer.
const maxAnswer = 1 << 20

// post sends a request for a token and reads the whole answer. The error wraps
// ErrUnavailable, or ErrInvalid for a redirect, which is not followed: the secret
// would go where nobody has decided that it may go.
func (m Material) post(r *http.Request, what string) (status int, body []byte, err error) {
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "toolvault")
	resp, err := m.HTTP.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL
		}
		return 0, nil, because(ErrUnavailable, "%s of %s cannot be reached: %w", what, m.Declaration.Service, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 == 3 {
		return 0, nil, invalid("%s of %s answers with a redirect (HTTP %d), which is not followed: correct its address in the config", what, m.Declaration.Service, resp.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, because(ErrUnavailable, "%s of %s broke off its answer: %w", what, m.Declaration.Service, err)
	case len(body) > maxAnswer:
		return 0, nil, because(ErrUnavailable, "%s of %s answered with more than %d bytes", what, m.Declaration.Service, maxAnswer)
	}
	return resp.StatusCode, body, nil
}

// passing reports whether a status is one of a server that may do better later.
func passing(status int) bool {
	return status/100 == 5 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusTooEarly
}

// ask sends a form to a token endpoint and takes the access token out of the answer
// (RFC 6749 section 5). The error wraps ErrInvalid where an admin has to mend
// something, ErrUnavailable for all that may pass, and holds nothing of the answer
// but an error code.
func (m Material) ask(ctx context.Context, endpoint string, form url.Values, prove func(*http.Request)) (Token, error) {
	const what = "the token endpoint"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil || endpoint == "" {
		return Token{}, invalid("the address of the token endpoint of %s cannot be used: correct token_url", m.Declaration.Service)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if prove != nil {
		prove(r)
	}
	status, body, err := m.post(r, what)
	if err != nil {
		return Token{}, err
	}
	var answer struct {
		AccessToken any `json:"access_token"`
		TokenType   any `json:"token_type"`
		ExpiresIn   any `json:"expires_in"`
		Scope       any `json:"scope"`
		Instance    any `json:"instance_url"`
		Error       any `json:"error"`
	}
	malformed := json.Unmarshal(body, &answer)
	token, _ := answer.AccessToken.(string)
	if status/100 != 2 || malformed == nil && answer.Error != nil && token == "" {
		code, _ := answer.Error.(string)
		return Token{}, m.refusal(what, status, code)
	}
	kind, _ := answer.TokenType.(string)
	switch {
	case malformed != nil:
		return Token{}, because(ErrUnavailable, "%s of %s answered with something that is not JSON: is its address right?", what, m.Declaration.Service)
	case token == "":
		return Token{}, because(ErrUnavailable, "%s of %s answered without an access_token: is its address right?", what, m.Declaration.Service)
	case slices.Contains([]string{"mac", "dpop"}, strings.ToLower(kind)):
		return Token{}, invalid("%s of %s issues tokens that are bound to a key (%s), and a bearer token is needed: correct the client there", what, m.Declaration.Service, strings.ToLower(kind))
	}
	t := Token{Secret: NewSecret(token)}
	if life := seconds(answer.ExpiresIn); life > 0 {
		t.Expires = m.Now.Add(life).UTC()
	}
	if scope, _ := answer.Scope.(string); len(scope) <= 8<<10 {
		t.Scope = scope
	}
	t.Instance = instanceOf(answer.Instance)
	return t, nil
}

// instanceOf reads where a token endpoint says that its service is: a base URL,
// without a slash at its end; "" for what is none.
func instanceOf(v any) string {
	text, _ := v.(string)
	u, err := url.Parse(text)
	if err != nil || len(text) > 512 || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	return strings.TrimSuffix(u.String(), "/")
}

// seconds reads what a service says of a token's life, as a number or as text; 0
// is: nothing that makes sense. Ten years is the most.
func seconds(v any) time.Duration {
	n, ok := v.(float64)
	if text, isText := v.(string); isText {
		var err error
		n, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
		ok = err == nil
	}
	if !ok || math.IsNaN(n) || n < 1 {
		return 0
	}
	return time.Duration(min(n, maxLife)) * time.Second
}

// refusal is the error of an answer that holds no token. Of its text only the
// error code is kept, and only if it looks like one.
func (m Material) refusal(what string, status int, code string) error {
	service := m.Declaration.Service
	// No registered code has a digit, and most secrets have.
	if code == "" || len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_-.") != "" {
		code = "no error code"
	}
	switch code {
	case "temporarily_unavailable", "server_error", "slow_down", "rate_limited", "ratelimited", "too_many_requests":
		return because(ErrUnavailable, "%s does not issue tokens just now (%s)", service, code)
	}
	if passing(status) {
		return because(ErrUnavailable, "%s does not issue tokens just now (HTTP %d)", service, status)
	}
	do := map[string]string{
		"invalid_client":         "the client's id, its secret or key, or how they are sent (auth) is wrong: correct them",
		"unauthorized_client":    "the client may not ask for tokens in this way: an admin of the service has to allow it",
		"invalid_grant":          "the key is not known there, the issuer, subject or audience is wrong, or this machine's clock is: correct them",
		"invalid_scope":          "it does not grant the scopes that are asked for: correct token_scope",
		"invalid_target":         "it does not issue tokens for that audience: correct audience",
		"unsupported_grant_type": "it does not issue tokens in this way: declare another type",
	}[code]
	switch {
	case do != "":
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		do = "is its address right?"
	default:
		do = "see there what it wants, and correct the config"
	}
	return invalid("%s of %s refused to issue a token (HTTP %d, %s): %s", what, service, status, code, do)
}

// tokenURL is where tokens are asked for.
func (m Material) tokenURL() string {
	if u := m.Param("token_url"); u != "" {
		return u
	}
	return m.Service.App.TokenURL
}
