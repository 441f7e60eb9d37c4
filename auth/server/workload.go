package server

import (
	"context"
	"net/url"
	"strings"
	"time"

	"toolvault/auth/client"
	"toolvault/auth/issuer"
	"toolvault/auth/scope"
)

// fromWorkload is what a program gets for a token of its surroundings: a Kubernetes
// projected token, one of a CI system or cloud, a SPIFFE JWT-SVID (RFC 7523 section
// 2.1; the same by RFC 8693). The rules of its issuer say which agent it is.
//
// Such a token may come again: Kubernetes and SPIFFE renew theirs in a file that all
// processes of a workload read, GitHub's is asked for once and used by each step. That
// it could be used once would stop no thief, who would be first, but every second
// replica. What a thief gets for it ends when it ends.
//
// A client need not prove who it is; one that does has to be the agent's. Of a
// request without a client, the token's subject stands in its place.
func (s *Server) fromWorkload(ctx context.Context, c *client.Client, grant, token string, form url.Values, key string) (issuance, error) {
	if s.Issuers == nil {
		return issuance{}, invalidGrant("No issuer is trusted here to say who a program is.")
	}
	m, err := s.Issuers.Workload(ctx, token)
	if err != nil {
		return issuance{}, failed(err, invalidGrant)
	}
	i := issuance{agent: m.Agent, user: m.User, issuer: m.Issuer, client: client.Client{ID: workloadID(m.Subject)}}
	if c != nil {
		if c.Agent != m.Agent || !c.May(grant) {
			return issuance{}, unauthorizedClient("This client is not the agent that the token stands for.")
		}
		i.client = *c
	}
	if m.Key != "" && m.Key != key {
		return issuance{}, invalidGrant("The token is bound to a key: send a proof of possession of it in the header DPoP.")
	}
	if i.task, err = oneTask(m.Task, form.Get("task")); err != nil {
		return issuance{}, err
	}
	if err := s.checkTask(i.agent, i.task); err != nil {
		return issuance{}, err
	}
	if i.grants, err = s.within(m, i.agent, i.user, form.Get("scope"), true); err != nil {
		return issuance{}, err
	}
	i.ttl = shorter(shorter(s.TTL, m.TTL), m.Expires.Sub(s.Now()))
	if i.ttl < time.Second {
		return issuance{}, invalidGrant("The token is refused: expired.")
	}
	return i, nil
}

// within is what of an agent's rights a request gets, as far as an issuer's token
// allows it.
func (s *Server) within(m issuer.Match, agent, user, asked string, strict bool) (scope.Grants, error) {
	got, err := s.grants(agent, user, asked, strict)
	if err != nil || m.Scope == "" {
		return got, err
	}
	limit, err := s.Catalogs.ParseGrants(m.Scope)
	if err != nil {
		return nil, invalidScope("%v", err)
	}
	if got = got.Intersect(limit); got.String() == "" {
		return nil, invalidScope("The token that was brought allows nothing of what agent %s has and was asked for.", agent)
	}
	return got, nil
}

// shorter is the shorter of two times, where the second may be unset.
func shorter(a, b time.Duration) time.Duration {
	if b == 0 {
		return a
	}
	return min(a, b)
}

const maxWorkloadID = 200 // bytes

// workloadID is what stands for a client, in the log and in tokens, where a workload
// has none: its subject at its issuer. One that is too long ends in a digest, so that
// two stay two.
func workloadID(subject string) string {
	id := "workload:" + subject
	if len(id) <= maxWorkloadID {
		return id
	}
	sum := hashed(subject)
	return strings.ToValidUTF8(id[:maxWorkloadID-len(sum)-1], "") + "~" + sum
}
