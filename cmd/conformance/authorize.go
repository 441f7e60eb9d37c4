package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/dpop"
	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/auth/server"
	"toolvault/tools"
	"toolvault/vault"
)

// rights are the agent's own. Nobody signs in here.
type rights struct {
	agent  string
	grants scope.Grants
}

func (rights) Agents(people.Person) []string { return nil }
func (rights) Admin(people.Person) []string  { return nil }
func (rights) Delegates(_, _ string) bool    { return false }

func (r rights) Grants(agent, user string) (scope.Grants, error) {
	if agent != r.agent || user != "" {
		return scope.Grants{}, nil
	}
	return r.grants, nil
}

// authorize adds the authorization server, with one client: the program that is the
// agent.
func (s *stack) authorize(ctx context.Context, keyring *vault.Keyring, service tools.Service, publicURL string, logger *slog.Logger) error {
	catalogs := scope.Catalogs{service.Name: service.Scopes}
	grants, err := catalogs.ParseGrants(service.Name + ":" + scope.ReadOnly)
	if err != nil {
		return err
	}
	agents := auth.NewAgents(s.store, time.Now)
	agents.Configure([]auth.Agent{{ID: agent}})
	tokens, err := auth.NewTokens(ctx, auth.TokenOptions{
		Store: s.store, Sealer: keyring, Agents: agents, Catalogs: catalogs, Issuer: publicURL, Audience: publicURL + server.ResourcePath,
		Admin: publicURL + server.AdminPath, Now: time.Now, Logger: logger,
	})
	if err != nil {
		return err
	}
	prover, err := dpop.New(ctx, dpop.Options{Store: s.store, Sealer: keyring, Now: time.Now, Logger: logger})
	if err != nil {
		return err
	}
	persons, err := people.New(people.Options{Store: s.store, Sealer: keyring, Now: time.Now, Logger: logger, PublicURL: publicURL})
	if err != nil {
		return err
	}
	clients, err := client.New(client.Options{Store: s.store, Sealer: keyring, Now: time.Now, Logger: logger})
	if err != nil {
		return err
	}
	s.secret = vault.NewMasterKey() // 32 random bytes in base64
	program := client.Client{ID: agent, Agent: agent, Auth: client.AuthBasic, Grants: client.AgentGrants()}
	if err := program.AddSecret(s.secret.Reveal()); err != nil {
		return err
	}
	if err := clients.Configure([]client.Client{program}); err != nil {
		return err
	}
	s.guard = &auth.Guard{Tokens: tokens, Prover: prover}
	s.oauth, err = server.New(ctx, server.Options{
		Store: s.store, Sealer: keyring, Tokens: tokens, Agents: agents, Catalogs: catalogs, Clients: clients, People: persons, Prover: prover,
		Rights: rights{agent, grants}, PublicURL: publicURL, Now: time.Now, Logger: logger,
	})
	return err
}

// discover is how a program that knows the URL of an MCP server and its own secret
// gets access tokens: it asks the resource for its authorization server (RFC 9728
// section 3), that for its token endpoint (RFC 8414 section 3), and there by client
// credentials for a token of this resource (RFC 8707).
func discover(ctx context.Context, resource string, secret vault.Secret) (oauth2.TokenSource, error) {
	var protected struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
	}
	if err := wellKnown(ctx, resource, "oauth-protected-resource", &protected); err != nil {
		return nil, err
	}
	if protected.Resource != resource || len(protected.Servers) != 1 {
		return nil, fmt.Errorf("the metadata of %s is of %q and names %d authorization servers: there has to be one", resource, protected.Resource, len(protected.Servers))
	}
	var issuer struct {
		Issuer   string `json:"issuer"`
		TokenURL string `json:"token_endpoint"`
	}
	if err := wellKnown(ctx, protected.Servers[0], "oauth-authorization-server", &issuer); err != nil {
		return nil, err
	}
	if issuer.Issuer != protected.Servers[0] {
		return nil, fmt.Errorf("the metadata of %s is of %q", protected.Servers[0], issuer.Issuer)
	}
	c := clientcredentials.Config{
		ClientID: agent, ClientSecret: secret.Reveal(), TokenURL: issuer.TokenURL, AuthStyle: oauth2.AuthStyleInHeader,
		EndpointParams: url.Values{"resource": {resource}},
	}
	tokens := c.TokenSource(ctx)
	_, err := tokens.Token()
	return tokens, err
}

// wellKnown reads a document about a URL: the well-known part stands between its host
// and its path.
func wellKnown(ctx context.Context, about, name string, into any) error {
	u, err := url.Parse(about)
	if err != nil {
		return err
	}
	u.Path = "/.well-known/" + name + strings.TrimSuffix(u.Path, "/")
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", u, answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", u, err)
	}
	return nil
}
