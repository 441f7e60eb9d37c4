package server

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
)

// ClientCredentialsExchange gives a program a token for itself (RFC 6749 section
// 4.4; MCP, "OAuth Client Credentials"): as the agent that it is, or, for the
// administrators' resource, as an administrator. A task may be named in the
// parameter task: the token is then cut to what the task needs.
func (p protocol) ClientCredentialsExchange(ctx context.Context, r *op.ClientRequest[oidc.ClientCredentialsRequest]) (*op.Response, error) {
	c, err := clientOf(r.Client)
	if err != nil {
		return nil, err
	}
	if c.Public() || !c.May(client.GrantOwn) {
		return nil, unauthorizedClient("This client gets no tokens for itself.")
	}
	admin, err := p.target(r.Form["resource"])
	if err != nil {
		return nil, err
	}
	key, err := p.proofKey(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	i := issuance{kind: Issued, grant: client.GrantOwn, client: c, key: key}
	asked := r.Form.Get("scope")
	if admin {
		if i.admin, err = adminScopes(c.Admin, asked); err != nil {
			return nil, err
		}
		return answered(p.issue(ctx, i))
	}
	if c.Agent == "" {
		return nil, unauthorizedClient("This client is no agent: it gets tokens for %s only.", p.admin())
	}
	i.agent, i.task = c.Agent, r.Form.Get("task")
	if err := p.checkTask(i.agent, i.task); err != nil {
		return nil, err
	}
	if i.grants, err = p.grants(i.agent, "", asked, true); err != nil {
		return nil, err
	}
	return answered(p.issue(ctx, i))
}
