package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/auth/client"
	"toolvault/auth/people"
	"toolvault/auth/scope"
)

// offer is what a person can let a client have: to act as one agent, or to
// administer.
type offer struct {
	Agent  string
	Grants scope.Grants
	Admin  []string // of the administrators' resource
}

// text is the offer as it is stored, and as a digest of it is sent with the form.
func (o offer) text() string {
	if o.Admin != nil {
		return strings.Join(o.Admin, " ")
	}
	return o.Grants.String()
}

// offers are all that fit a request, and why there are none, if there are none.
func (s *Server) offers(c client.Client, person people.Person, q request) (found []offer, why string, err error) {
	if q.Admin {
		scopes, err := adminScopes(both(s.Rights.Admin(person), c.Admin), q.Scope)
		if err != nil {
			return nil, reasonOf(err), nil
		}
		return []offer{{Admin: scopes}}, "", nil
	}
	for _, agent := range s.agentsOf(c, person) {
		if err := s.checkTask(agent, q.Task); err != nil {
			why = reasonOf(err)
			continue
		}
		grants, err := s.grants(agent, person.Name, q.Scope, false)
		if err != nil {
			why = reasonOf(err)
			continue
		}
		found = append(found, offer{Agent: agent, Grants: grants})
	}
	return found, why, nil
}

// agentsOf are the agents as which a person may let a client act, and that may act.
func (s *Server) agentsOf(c client.Client, person people.Person) []string {
	var agents []string
	for _, agent := range s.Rights.Agents(person) {
		if a, ok := s.Agents.Get(agent); ok && !a.Suspended && (c.Agents == nil || slices.Contains(c.Agents, agent)) {
			agents = append(agents, agent)
		}
	}
	return agents
}

func both(a, b []string) []string {
	var in []string
	for _, s := range a {
		if slices.Contains(b, s) {
			in = append(in, s)
		}
	}
	return in
}

// serveConsent is the page between sign-in and code, where a person says yes or no
// to one client and one agent.
func (s *Server) serveConsent(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		s.pageRefused(w, r, &fault{http.StatusMethodNotAllowed, titleRequest, whatMethod, todoAgain})
		return
	}
	var form url.Values
	if r.Method == http.MethodPost {
		var ok bool
		if form, ok = s.pages.Form(w, r); !ok {
			return
		}
	}
	q, c, bad := s.requestOf(r)
	if bad != nil {
		s.pageRefused(w, r, bad)
		return
	}
	person, ok := s.People.Visitor(r)
	if !ok {
		s.pages.Redirect(w, r, s.People.SignInURL(r.URL.RequestURI()))
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, &visit{address: addressOf(r)}))
	if form.Get("decision") == "deny" {
		s.deny(w, r, c, person, q)
		return
	}
	offers, why, err := s.offers(c, person, q)
	switch {
	case err != nil:
		s.Logger.Error("what a person may allow could not be read", "error", err)
		s.pageRefused(w, r, busyFault())
	case len(offers) == 0:
		s.pageRefused(w, r, &fault{http.StatusForbidden, titleNothing, whatNothing(person.Name, q.Admin, why), todoNothing})
	case r.Method == http.MethodPost:
		s.decide(w, r, c, person, q, offers, form)
	default:
		if o, ok := s.remembered(r.Context(), c, person, q, offers); ok {
			to, err := s.agree(r.Context(), c, person, q, o)
			if err != nil {
				s.notAnswered(w, r, err)
				return
			}
			sendBack(w, to)
			return
		}
		s.showConsent(w, r, c, person, q, offers, form, "")
	}
}

// decide takes the form of somebody who agrees: to one of the offers as it was shown,
// less what they took away.
func (s *Server) decide(w http.ResponseWriter, r *http.Request, c client.Client, person people.Person, q request, offers []offer, form url.Values) {
	i := 0
	if !q.Admin {
		i = slices.IndexFunc(offers, func(o offer) bool { return o.Agent == form.Get("agent") })
	}
	switch {
	case form.Get("decision") != "allow":
		s.showConsent(w, r, c, person, q, offers, form, faultDecide)
		return
	case i < 0:
		s.showConsent(w, r, c, person, q, offers, form, faultAgent)
		return
	case !slices.Contains(form["seen"], seen(offers[i])):
		s.showConsent(w, r, c, person, q, offers, form, faultChanged)
		return
	}
	o := s.narrowed(offers[i], form["part"], form.Get("read_only") != "")
	if o.text() == "" {
		s.showConsent(w, r, c, person, q, offers, form, faultNothing)
		return
	}
	ctx := r.Context()
	to, err := s.agree(ctx, c, person, q, o)
	if err != nil {
		s.notAnswered(w, r, err)
		return
	}
	if err := s.remember(ctx, c, person, q, o); err != nil {
		s.Logger.Warn("a consent could not be remembered; the person will be asked again", "error", err)
	}
	s.finish(w, r, to, true)
}

// seen is how a form says which offer was shown: if it is another by then, the
// person is asked anew.
func seen(o offer) string { return hashed(o.Agent + "\x00" + o.text()) }

// narrowed leaves of an offer what a person ticked.
func (s *Server) narrowed(o offer, parts []string, readOnly bool) offer {
	if o.Admin != nil {
		o.Admin = append([]string{}, both(o.Admin, parts)...)
		return o
	}
	left := scope.Grants{}
	for service, set := range o.Grants {
		if slices.Contains(parts, service) {
			left[service] = set
		}
	}
	if readOnly {
		left = left.Intersect(s.reads())
	}
	o.Grants = left
	return o
}

// reads is every read of every service.
func (s *Server) reads() scope.Grants {
	all := scope.Grants{}
	for service, catalog := range s.Catalogs {
		if set, err := catalog.Parse(scope.ReadOnly); err == nil {
			all[service] = set
		}
	}
	return all
}

// agree puts on record that a person agreed, and makes the answer with the code.
func (s *Server) agree(ctx context.Context, c client.Client, person people.Person, q request, o offer) (string, error) {
	e := Event{Kind: Consented, Grant: client.GrantCode, Client: c.ID, Agent: o.Agent, User: person.Name, Task: q.Task, Scope: o.text(), Address: visitOf(ctx).address}
	if o.Admin != nil {
		e.Admin, e.User = person.Name, ""
	}
	if err := s.Observe(ctx, e); err != nil {
		return "", unavailable(err)
	}
	given := code{
		Client: c.ID, Digest: q.Digest, Redirect: q.Redirect, Challenge: q.Challenge, Key: q.Key, Person: person.Name, Agent: o.Agent, Task: q.Task,
		Family: random(familySize), Expires: s.Now().Add(codeLife).UTC(),
	}
	if o.Admin != nil {
		given.Admin = o.Admin
	} else {
		given.Scope = o.text()
	}
	value := random(32)
	if err := s.put(ctx, codePrefix+hashed(value), 1, given); err != nil {
		return "", unavailable(err)
	}
	return s.answerURL(q.Redirect, q.State, url.Values{"code": {value}}), nil
}

// deny tells the client that the person said no (RFC 6749 section 4.1.2.1).
func (s *Server) deny(w http.ResponseWriter, r *http.Request, c client.Client, person people.Person, q request) {
	s.tell(r.Context(), Event{Kind: Denied, Grant: client.GrantCode, Client: c.ID, User: person.Name, Task: q.Task, Address: addressOf(r)})
	s.finish(w, r, s.answerURL(q.Redirect, q.State, url.Values{"error": {"access_denied"}, "error_description": {"The person did not allow it."}}), false)
}

func (s *Server) notAnswered(w http.ResponseWriter, r *http.Request, err error) {
	s.Logger.Error("a consent could not be put on record", "error", err)
	s.pageRefused(w, r, busyFault())
}
