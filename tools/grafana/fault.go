package grafana

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of the vendor's text that a model sees

// problem is how Grafana says no: its own form, the older one, that of /apis (a
// Kubernetes Status), and Prometheus's, which comes through unchanged.
type problem struct {
	Message   string `json:"message"`
	MessageID string `json:"messageId"`
	Status    any    `json:"status"`
	Error     string `json:"error"`
	Type      string `json:"errorType"`
	Reason    string `json:"reason"`
}

func (p problem) said() string {
	if p.Message != "" {
		return p.Message
	}
	return p.Error
}

// needs finds the permissions in "Permissions needed: dashboards:write" and in
// "user does not have permission to … alert.rules:read".
var needs = pattern.New(`\b[a-z]+(?:\.[a-z-]+)*:[a-z]+\b`)

// readFault maps Grafana's errors. It goes by status, and repeats what helps: the
// permission that is missing, and what was not accepted. What a 5xx says is not
// repeated.
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	var p problem
	isJSON := json.Unmarshal(r.Body, &p) == nil
	status, _ := p.Status.(string)
	for _, code := range []string{p.MessageID, status, p.Reason, p.Type} {
		if f.Code == "" {
			f.Code = upstream.Clean(code, 64)
		}
	}
	switch {
	case r.Status == http.StatusUnauthorized && p.MessageID == "api-key.organization-mismatch":
		f.Kind = fault.NotPermitted
		f.Message = "The token belongs to another organisation of Grafana than org_id says. An admin has to correct org_id, or make a token in that organisation."
	case r.Status == http.StatusForbidden:
		f.Message = "Grafana does not let this credential do that."
		if all := needs.FindAllString(p.said(), 3); len(all) > 0 {
			f.Message += " It needs the permission " + upstream.Clean(strings.Join(all, ", "), maxSaid) + ". An admin has to give its service account a role that has it."
		} else if p.said() != "" {
			f.Message += " It said: " + quote(p.said())
		}
	case r.Status == http.StatusNotFound:
		f.Message = "Grafana has no such thing, or the credential may not see it. Look for it with grafana_search or grafana_list_datasources."
	case r.Status == http.StatusConflict:
		f.Message = "Somebody has changed it since it was read, so nothing was saved. Read it again and repeat the change."
		f.NotSent = true
	case r.Status == http.StatusPreconditionFailed:
		f.Kind, f.NotSent = fault.Conflict, true
		f.Message = map[string]string{
			"version-mismatch": "Somebody has changed the dashboard since it was read, so nothing was saved. Read it again and repeat the change.",
			"name-exists":      "There is a dashboard of that title in the folder already, so nothing was saved. Use another title, or update that one.",
			"plugin-dashboard": "The dashboard belongs to a plugin, so nothing was saved. Make a copy under another title.",
		}[status]
		if f.Message == "" {
			f.Message = "Grafana did not save it, since it conflicts with what is there."
		}
	case r.Status/100 == 4 && r.Status != http.StatusUnauthorized && r.Status != http.StatusTooManyRequests && isJSON && p.said() != "":
		f.Message = "Grafana did not accept the request. It said: " + quote(p.said())
	}
	return f
}

// notFound reports whether an error is that there is no such thing.
func notFound(err error) bool { return err != nil && fault.From(err).Kind == fault.NotFound }

// quote marks a text as somebody else's words, cleaned and cut.
func quote(s string) string { return strconv.Quote(upstream.Clean(s, maxSaid)) }
