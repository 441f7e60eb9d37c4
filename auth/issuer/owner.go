package issuer

import (
	"fmt"
	"strings"
)

// shared is an issuer that signs for everybody's workloads: whose is meant has to
// be said by each rule, or a stranger's would fit it.
type shared struct {
	head    string   // with which sub begins; then the owner's name follows
	end     string   // what ends that name
	names   []string // claims that name the owner, and what belongs to it after end
	exactly []string // claims of which the whole value does
}

// sharedIssuers are those whose documentation says how sub is made up: GitHub
// Actions ("About security hardening with OpenID Connect"), GitLab.com ("ID token
// authentication"), Buildkite ("Buildkite Agent oidc"), HCP Terraform ("Workload
// identity tokens").
func sharedIssuers(issuer string) (shared, bool) {
	switch issuer {
	case "https://token.actions.githubusercontent.com":
		return shared{"repo:", "/",
			[]string{"repository", "workflow_ref", "job_workflow_ref"},
			[]string{"repository_owner", "repository_owner_id", "repository_id"}}, true
	case "https://gitlab.com":
		return shared{"project_path:", "/",
			[]string{"project_path", "ci_config_ref_uri"}, []string{"namespace_id", "namespace_path", "project_id"}}, true
	case "https://agent.buildkite.com":
		return shared{"organization:", ":", nil, []string{"organization_id", "organization_slug"}}, true
	case "https://app.terraform.io":
		return shared{"organization:", ":", nil, []string{"terraform_organization_id", "terraform_organization_name"}}, true
	}
	return shared{}, false
}

// checkOwner refuses a rule that does not say whose workload of a shared issuer it
// means.
func (r Rule) checkOwner(issuer string) error {
	s, ok := sharedIssuers(issuer)
	if !ok {
		return nil
	}
	if name, ok := strings.CutPrefix(literal(r.Subject), s.head); ok && owned(name, s.end) {
		return nil
	}
	for _, claim := range s.names {
		if owned(literal(r.Claims[claim]), s.end) {
			return nil
		}
	}
	for _, claim := range s.exactly {
		if value := r.Claims[claim]; value != "" && literal(value) == value {
			return nil
		}
	}
	return fmt.Errorf("%s signs for everybody: begin the subject with %sOWNER%s, or give the claim %s without a star", issuer, s.head, s.end, s.exactly[0])
}

// owned reports whether a text has a whole owner's name before what ends it.
func owned(text, end string) bool { return strings.Index(text, end) > 0 }
