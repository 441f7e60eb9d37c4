package server

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"toolvault/auth/client"
	"toolvault/auth/people"
)

type consentView struct {
	Words    consentWords
	Token    string
	Action   string
	Fault    string
	Client   string
	Facts    []fact
	Warnings []string
	Agents   []agentChoice // more than one
	Agent    string        // the only one
	Parts    []part
	Seen     []string
	ReadOnly bool // can be chosen
	Reading  bool // is chosen
	HowLong  string
}

type fact struct{ Name, Value string }

type agentChoice struct {
	ID      string
	Can     []string
	Checked bool
}

type part struct {
	Value, Title, Can string
	Checked           bool
}

func (s *Server) showConsent(w http.ResponseWriter, r *http.Request, c client.Client, person people.Person, q request, offers []offer, form url.Values, fault string) {
	name := nameOf(c)
	v := consentView{
		Words: theConsentWords(), Token: s.pages.Token(w, r), Action: s.pages.Path(ConsentPath) + "?request=" + r.URL.Query().Get("request"),
		Fault: fault, Client: name, ReadOnly: !q.Admin, Reading: form.Get("read_only") != "", HowLong: howLong(c.May(client.GrantRefresh), s.TTL, s.RefreshTTL),
	}
	v.Facts = append(v.Facts, fact{factPerson, person.Name})
	if isURL(c.ID) {
		v.Facts = append(v.Facts, fact{factID, plainText(c.ID, 300)})
	}
	v.Facts = append(v.Facts, fact{factWhere, place(q.Redirect)})
	if q.Task != "" {
		v.Facts = append(v.Facts, fact{factTask, q.Task})
	}
	if c.Origin == client.OriginRegistered || c.Origin == client.OriginMetadata {
		v.Warnings = append(v.Warnings, warnUnchecked(name))
	}
	if c.LocalOnly() {
		v.Warnings = append(v.Warnings, warnLocal)
	}
	chosen := form.Get("agent")
	if chosen == "" {
		chosen = q.Agent
	}
	if !slices.ContainsFunc(offers, func(o offer) bool { return o.Agent == chosen }) {
		chosen = offers[0].Agent
	}
	for _, o := range offers {
		v.Seen = append(v.Seen, seen(o))
		if len(offers) > 1 {
			v.Agents = append(v.Agents, agentChoice{o.Agent, s.inWords(o), o.Agent == chosen})
		} else {
			v.Agent = o.Agent
		}
	}
	v.Parts = s.parts(offers, form)
	title := titleConsent(name)
	if q.Admin {
		title = titleConsentAdmin(name)
	}
	if err := s.pages.Write(w, r, http.StatusOK, "consent.html", title, v); err != nil {
		s.Logger.Error("the consent page could not be shown", "error", err)
	}
}

// parts are what can be taken away one by one: services, or an administrator's
// scopes.
func (s *Server) parts(offers []offer, form url.Values) []part {
	var parts []part
	add := func(value, title, can string) {
		if i := slices.IndexFunc(parts, func(p part) bool { return p.Value == value }); i >= 0 {
			return
		}
		if len(offers) > 1 {
			can = "" // each agent's is shown with it
		}
		parts = append(parts, part{value, title, can, form == nil || slices.Contains(form["part"], value)})
	}
	for _, o := range offers {
		for _, scope := range o.Admin {
			add(scope, adminWords(scope), "")
		}
		for service, set := range o.Grants {
			add(service, s.Title(service), canWords(set.String()))
		}
	}
	slices.SortFunc(parts, func(a, b part) int {
		if a.Title != b.Title {
			if a.Title < b.Title {
				return -1
			}
			return 1
		}
		return 0
	})
	return parts
}

// inWords is a line for each service that an offer is about.
func (s *Server) inWords(o offer) []string {
	var lines []string
	for service, set := range o.Grants {
		lines = append(lines, s.Title(service)+": "+canWords(set.String()))
	}
	slices.Sort(lines)
	return lines
}

type finishView struct {
	Note, Button, Close string
	To                  template.URL
}

// finish leads from the form back to the client. It is a page of its own, and no
// redirect: browsers hold the whole way of a form against the policy of its page (CSP
// 3, section 6.6.1), and the client's redirect URI may be of any scheme.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, to string, allowed bool) {
	w.Header().Set("Refresh", "0; url="+to)
	title, note := titleAllowed, noteAllowed
	if !allowed {
		title, note = titleDenied, noteDenied
	}
	// The URI is one of the client's own, and no script: plainURI.
	v := finishView{note, buttonBack, closeIt, template.URL(to)} //nolint:gosec // checked before
	if err := s.pages.Write(w, r, http.StatusOK, "finish.html", title, v); err != nil {
		s.Logger.Error("the last page of a consent could not be shown", "error", err)
	}
}

func isURL(id string) bool {
	u, err := url.Parse(id)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

// nameOf is what a client is called in pages.
func nameOf(c client.Client) string {
	if name := plainText(c.Name, 60); name != "" {
		return name
	}
	return plainText(c.ID, 100)
}

// place is where an answer goes, for a person to recognise.
func place(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return placeApp(u.Scheme)
	}
	if (client.Client{Redirects: []string{redirect}}).LocalOnly() {
		return placeLocal(u.Host)
	}
	return u.Host
}
