package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
)

const (
	maxState = 1 << 10 // bytes of what a client wants back
	maxName  = 200     // bytes of the parameters task and agent
)

var (
	challenge  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`) // RFC 7636 section 4.2
	thumbprint = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)       // RFC 7638 with SHA-256
)

// VerifyAuthRequest finds the client and the place where it wants its answer. What
// is wrong here is shown to the person: there is nobody yet who could be told.
func (p protocol) VerifyAuthRequest(ctx context.Context, r *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	c, redirect, bad := p.who(ctx, r.Form)
	if bad != nil {
		if a, ok := ctx.Value(askingKey{}).(*asking); ok {
			a.fault = bad
		}
		return nil, oidc.ErrInvalidRequestRedirectURI().WithDescription("%s", sentence("%s", bad.what))
	}
	// The library checks these less strictly than Authorize, logs what it finds with
	// the client's state, and refuses a request without a scope.
	*r.Data = oidc.AuthRequest{ClientID: c.ID, RedirectURI: redirect, ResponseType: oidc.ResponseTypeCode, Scopes: []string{offline}}
	return &op.ClientRequest[oidc.AuthRequest]{Request: r, Client: asker{Client: c, redirect: redirect}}, nil
}

func (s *Server) who(ctx context.Context, form url.Values) (client.Client, string, *fault) {
	if form.Has("request") || form.Has("request_uri") {
		return client.Client{}, "", requestFault(whatRequestObject)
	}
	c, err := s.Clients.Find(ctx, form.Get("client_id"))
	var invalid *client.InvalidError
	switch {
	case errors.As(err, &invalid):
		return client.Client{}, "", &fault{http.StatusBadRequest, titleClient, whatInvalidClient(plainText(err.Error(), 300)), todoApp}
	case errors.Is(err, client.ErrUnknown):
		return client.Client{}, "", &fault{http.StatusBadRequest, titleClient, whatUnknownClient, todoClient}
	case err != nil:
		s.Logger.Error("a client could not be looked up", "error", err)
		return client.Client{}, "", busyFault()
	}
	redirect := form.Get("redirect_uri")
	if redirect == "" && len(c.Redirects) == 1 {
		redirect = c.Redirects[0]
	}
	if redirect == "" || !c.Redirect(redirect) || !plainURI(redirect) {
		return client.Client{}, "", &fault{http.StatusBadRequest, titleRedirect, whatRedirect, todoRedirect}
	}
	return c, redirect, nil
}

func busyFault() *fault {
	return &fault{http.StatusServiceUnavailable, titleBusy, whatBusy, todoBusy}
}

// Authorize checks the rest of the request, and sends the person to the page where
// they agree. Whatever is wrong, the client is told at its redirect URI, which is
// known to be its own (RFC 6749 section 4.1.2.1).
func (p protocol) Authorize(ctx context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	who, ok := r.Client.(asker)
	if !ok {
		return nil, errNoClient
	}
	to, err := p.authorize(ctx, who.Client, who.redirect, r.Form)
	if err != nil {
		state := r.Form.Get("state")
		if len(state) > maxState {
			state = ""
		}
		p.tell(ctx, Event{Kind: Refused, Grant: client.GrantCode, Client: who.ID, Address: visitOf(ctx).address, Reason: reasonOf(err)})
		to = p.errorURL(who.redirect, state, err)
	}
	return op.NewRedirect(to), nil
}

func (s *Server) errorURL(redirect, state string, err error) string {
	code, description := "server_error", ""
	var e *oidc.Error
	if errors.As(err, &e) {
		code, description = string(e.ErrorType), e.Description
	}
	answer := url.Values{"error": {code}}
	if description != "" {
		answer.Set("error_description", description)
	}
	return s.answerURL(redirect, state, answer)
}

func (s *Server) authorize(ctx context.Context, c client.Client, redirect string, form url.Values) (string, error) {
	q, err := s.check(c, redirect, form)
	if err != nil {
		return "", err
	}
	if slices.Contains(strings.Fields(form.Get("prompt")), oidc.PromptNone) {
		return s.silently(ctx, c, q)
	}
	sealed, err := s.sealRequest(q)
	if err != nil {
		return "", err
	}
	return s.pages.Path(ConsentPath) + "?request=" + sealed, nil
}

// check holds a request against what MCP asks: a code with PKCE S256, of public and
// confidential clients (RFC 9700 section 2.1.1), for one of our resources.
func (s *Server) check(c client.Client, redirect string, form url.Values) (request, error) {
	q := request{
		Client: c.ID, Digest: digest(c), Redirect: redirect, State: form.Get("state"), Challenge: form.Get("code_challenge"), Key: form.Get("dpop_jkt"),
		Scope: form.Get("scope"), Task: form.Get("task"), Agent: form.Get("agent"), Expires: s.Now().Add(requestLife).UTC(),
	}
	if len(q.State) > maxState {
		return q, invalidRequest("The state has at most 1024 bytes.")
	}
	if form.Get("response_type") != "code" {
		return q, &oidc.Error{ErrorType: "unsupported_response_type", Description: "The response_type is code."}
	}
	if mode := form.Get("response_mode"); mode != "" && mode != "query" {
		return q, invalidRequest("The response_mode is query.")
	}
	if !c.May(client.GrantCode) {
		return q, unauthorizedClient("This client does not get codes.")
	}
	if form.Get("code_challenge_method") != "S256" || !challenge.MatchString(q.Challenge) {
		return q, invalidRequest("Send a code_challenge of 43 to 128 characters with code_challenge_method S256 (RFC 7636).")
	}
	if q.Key != "" && !thumbprint.MatchString(q.Key) {
		return q, invalidRequest("The dpop_jkt is no SHA-256 thumbprint of a key (RFC 9449 section 10).")
	}
	if len(q.Task) > maxName || len(q.Agent) > maxName {
		return q, invalidRequest("A task or an agent has no such long name.")
	}
	resource := form["resource"]
	if len(resource) == 0 && (c.Origin == client.OriginRegistered || c.Origin == client.OriginMetadata) {
		return q, invalidTarget("Send the resource that the token is for: %s (RFC 8707).", s.resource())
	}
	var err error
	if q.Admin, err = s.target(resource); err != nil {
		return q, err
	}
	if q.Admin && len(c.Admin) == 0 {
		return q, unauthorizedClient("This client does not administer.")
	}
	prompts := strings.Fields(form.Get("prompt"))
	if slices.Contains(prompts, oidc.PromptNone) && len(prompts) > 1 {
		return q, invalidRequest("The prompt none stands alone.")
	}
	// There is no way to make somebody sign in anew from here: where a client asks for
	// that, they are at least shown who they are and asked.
	q.Prompt = len(prompts) > 0
	return q, nil
}

// silently answers without a page, for a client that people are not asked again for
// (OpenID Connect Core 1.0 section 3.1.2.6 for the errors).
func (s *Server) silently(ctx context.Context, c client.Client, q request) (string, error) {
	a, ok := ctx.Value(askingKey{}).(*asking)
	if !ok {
		return "", errNoClient
	}
	person, ok := s.People.Visitor(a.request)
	if !ok {
		return "", &oidc.Error{ErrorType: "login_required", Description: "Nobody is signed in."}
	}
	offers, _, err := s.offers(c, person, q)
	if err != nil {
		return "", unavailable(err)
	}
	if len(offers) > 1 && q.Agent == "" {
		return "", &oidc.Error{ErrorType: "interaction_required", Description: "The person has to choose an agent: name it in the parameter agent."}
	}
	q.Prompt = false
	o, ok := s.remembered(ctx, c, person, q, offers)
	if !ok {
		return "", &oidc.Error{ErrorType: "consent_required", Description: "The person has to agree."}
	}
	return s.agree(ctx, c, person, q, o)
}
