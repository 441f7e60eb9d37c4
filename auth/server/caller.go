package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
)

// caller is the client that a request proves to come from; nil if it says nothing of
// one. The library asks for it itself in most grants; in these two it need not be
// there: an assertion (RFC 7521 section 4.1) and a token exchange (RFC 8693 section
// 2.1).
func (s *Server) caller(ctx context.Context, h http.Header, form url.Values) (*client.Client, error) {
	sent, err := sentCredentials(h, form)
	if err != nil || sent == nil {
		return nil, err
	}
	c, err := s.authenticate(ctx, sent)
	if err != nil {
		return nil, err
	}
	if !c.Public() {
		visitOf(ctx).proved = c.ID
	}
	return &c, nil
}

// sentCredentials reads how a client says who it is; nil if it does not. There is one
// way in a request (RFC 6749 section 2.3).
func sentCredentials(h http.Header, form url.Values) (*op.ClientCredentials, error) {
	sent := &op.ClientCredentials{
		ClientID: form.Get("client_id"), ClientSecret: form.Get("client_secret"),
		ClientAssertion: form.Get("client_assertion"), ClientAssertionType: form.Get("client_assertion_type"),
	}
	basic := h.Get("Authorization") != ""
	switch {
	case sent.ClientAssertion != "" && (basic || sent.ClientSecret != ""), basic && sent.ClientSecret != "":
		return nil, invalidRequest("A client proves who it is in one way only.")
	case (sent.ClientAssertion != "") != (sent.ClientAssertionType == oidc.ClientAssertionTypeJWTAssertion) || sent.ClientAssertion == "" && sent.ClientAssertionType != "":
		return nil, invalidRequest("A client_assertion comes with the client_assertion_type %s.", oidc.ClientAssertionTypeJWTAssertion)
	case !basic && *sent == (op.ClientCredentials{}):
		return nil, nil
	case !basic:
		return sent, nil
	}
	id, secret, ok := (&http.Request{Header: h}).BasicAuth()
	if !ok {
		return nil, invalidClient()
	}
	claimed := sent.ClientID
	for to, from := range map[*string]string{&sent.ClientID: id, &sent.ClientSecret: secret} {
		var err error
		if *to, err = url.QueryUnescape(from); err != nil { // RFC 6749 section 2.3.1
			return nil, invalidClient()
		}
	}
	if claimed != "" && claimed != sent.ClientID {
		return nil, invalidClient()
	}
	return sent, nil
}

// isUnavailable reports whether an answer is that nobody can tell just now.
func isUnavailable(err error) bool {
	var e *oidc.Error
	return errors.As(err, &e) && e.ErrorType == "temporarily_unavailable"
}
