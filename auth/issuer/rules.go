package issuer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/auth"
	"toolvault/auth/scope"
)

// rule is a Rule, ready for use.
type rule struct {
	Rule
	subject     Pattern // zero: any
	claims      []claimRule
	agent, user template
	limit       scope.Grants // nil: none
}

type claimRule struct {
	path    Path
	pattern Pattern
}

func compileRule(r Rule, i Issuer, catalogs scope.Catalogs) (rule, error) {
	c := rule{Rule: r}
	var err error
	if r.Subject != "" {
		if c.subject, err = ParsePattern(r.Subject); err != nil {
			return rule{}, fmt.Errorf("subject: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		path, err := ParsePath(name)
		if err != nil {
			return rule{}, fmt.Errorf("claims: %w", err)
		}
		pattern, err := ParsePattern(r.Claims[name])
		if err != nil {
			return rule{}, fmt.Errorf("claim %s: %w", name, err)
		}
		c.claims = append(c.claims, claimRule{path, pattern})
	}
	if err := r.checkNarrow(i); err != nil {
		return rule{}, err
	}
	if c.agent, err = parseTemplate(r.Agent); err != nil {
		return rule{}, fmt.Errorf("agent: %w", err)
	}
	if c.user, err = parseTemplate(r.User); err != nil {
		return rule{}, fmt.Errorf("user: %w", err)
	}
	if r.Agent == "" && !slices.Equal(i.Uses, []Use{Assertions}) {
		return rule{}, fmt.Errorf("it names no agent: only rules of an issuer that is for %s alone can leave that to the client that brings the token", Assertions)
	}
	if c.agent.path == nil && r.Agent != "" {
		if err := auth.CheckAgentID(r.Agent); err != nil {
			return rule{}, err
		}
	}
	if len(r.Task) > maxName || !plain(r.Task) {
		return rule{}, fmt.Errorf("the name of a task is at most %d bytes of plain text", maxName)
	}
	if r.Scope != "" {
		if c.limit, err = catalogs.ParseGrants(r.Scope); err != nil {
			return rule{}, err
		}
		if c.limit.String() == "" {
			return rule{}, fmt.Errorf("its scope allows nothing: leave it out, or name at least one")
		}
	}
	if r.TTL != 0 {
		if err := auth.CheckTTL(r.TTL); err != nil {
			return rule{}, err
		}
	}
	return c, nil
}

// checkNarrow refuses a rule for workloads that anybody's would fit.
func (r Rule) checkNarrow(i Issuer) error {
	if !slices.Contains(i.Uses, Workloads) {
		return nil
	}
	said := literal(r.Subject) != ""
	for _, pattern := range r.Claims {
		said = said || literal(pattern) != ""
	}
	if !said {
		return fmt.Errorf("every workload of the issuer fits it: give a subject, or a claim, that begins with something else than a star")
	}
	return r.checkOwner(i.URL)
}

func (r *rule) fits(subject string, c Claims) bool {
	if r.Subject != "" && !r.subject.Fits(subject) {
		return false
	}
	for _, claim := range r.claims {
		if !c.fits(claim.path, claim.pattern) {
			return false
		}
	}
	return true
}

// match applies the first rule that fits. m has what the token says of itself;
// the rest is set here. A rule that fits and cannot be applied refuses: no later
// one is tried, since it may give more.
func (s *Set) match(t *trusted, use Use, m Match, c Claims) (Match, scope.Grants, error) {
	for i := range t.rules {
		r := &t.rules[i]
		if !r.fits(m.Subject, c) {
			continue
		}
		return s.apply(r, use, m, c)
	}
	s.Logger.Info("a token of a trusted issuer fits none of its rules", "issuer", t.URL, "use", string(use), "subject", m.Subject)
	return Match{}, nil, refused(reasonRule)
}

func (s *Set) apply(r *rule, use Use, m Match, c Claims) (Match, scope.Grants, error) {
	agent := auth.Agent{}
	if r.Agent != "" || use != Assertions {
		id, ok := r.agent.fill(c)
		if ok {
			agent, ok = s.Agents.Get(id)
		}
		if !ok || agent.ID != id || id == "" {
			return Match{}, nil, refused(reasonAgent)
		}
		m.Agent = id
	}
	if r.User != "" {
		user, ok := r.user.fill(c)
		if !ok || len(user) > maxName {
			return Match{}, nil, refused(reasonUser)
		}
		if slices.Equal(r.user.path, Path{"email"}) && c["email_verified"] != nil && !verified(c["email_verified"]) {
			return Match{}, nil, refused(reasonEmail)
		}
		m.User = user
	}
	m.Task, m.TTL = r.Task, r.TTL
	if r.Task != "" && m.Agent != "" {
		if _, ok := agent.Tasks[r.Task]; !ok {
			return Match{}, nil, refused(reasonTask)
		}
	}
	limit := r.limit
	if r.ScopeClaim || use == Assertions && c["scope"] != nil {
		own := s.scopeOf(c)
		if limit == nil {
			limit = own
		} else {
			limit = limit.Intersect(own)
		}
		if limit.String() == "" {
			return Match{}, nil, refused(reasonScope)
		}
	}
	if limit != nil {
		m.Scope = limit.String()
	}
	if r.Task != "" && m.Agent != "" {
		if limit = narrow(limit, agent.Tasks[r.Task]); limit.String() == "" {
			return Match{}, nil, refused(reasonScope)
		}
	}
	return m, limit, nil
}

// verified is how issuers write true: some as a text.
func verified(v any) bool { return v == true || v == "true" }

// narrow is what both allow; nil is everything.
func narrow(a, b scope.Grants) scope.Grants {
	if a == nil {
		return b
	}
	return a.Intersect(b)
}

// scopeOf are the words of scope (RFC 8693 section 4.2) and of scp that are ours;
// never nil.
func (s *Set) scopeOf(c Claims) scope.Grants {
	var words []string
	for _, name := range []string{"scope", "scp"} {
		list, _ := c.texts(name)
		for _, text := range list {
			for _, word := range strings.Fields(text) {
				if _, err := s.Catalogs.ParseGrants(word); err == nil && !slices.Contains(words, word) {
					words = append(words, word)
				}
			}
		}
	}
	grants, err := s.Catalogs.ParseGrants(strings.Join(words, " "))
	if err != nil {
		return scope.Grants{} // two accounts of one service: nobody could tell which is meant
	}
	return grants
}

// everything is read-write on every service.
func everything(catalogs scope.Catalogs) scope.Grants {
	all := scope.Grants{}
	for service, catalog := range catalogs {
		if set, err := catalog.Parse(scope.ReadWrite); err == nil {
			all[service] = set
		}
	}
	return all
}
