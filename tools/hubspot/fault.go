package hubspot

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const maxSaid = 600 // characters of HubSpot's own text that a model sees

// wireError is HubSpot's error: every field is optional.
// developers.hubspot.com/docs/api-reference/error-handling.
type wireError struct {
	Message  string         `json:"message"`
	Category string         `json:"category"`
	Sub      any            `json:"subCategory"`
	Policy   string         `json:"policyName"`
	Context  map[string]any `json:"context"`
	Errors   []struct {
		Message string         `json:"message"`
		In      string         `json:"in"`
		Context map[string]any `json:"context"`
	} `json:"errors"`
}

var (
	codeForm  = pattern.New(`^[A-Z0-9_]{1,64}$`)
	scopeForm = pattern.New(`^[a-z0-9_.-]{1,100}$`)
	existing  = pattern.New(`(?i)existing id:\s*(\d{1,20})`)
)

// readFault judges an answer by its status and category.
func readFault(r *upstream.Response) *fault.Error {
	if r.Status/100 == 2 {
		return notJSON(r)
	}
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	var e wireError
	_ = json.Unmarshal(r.Body, &e) // HTML of a proxy, or a field of another type: what could be read counts
	if codeForm.MatchString(e.Category) {
		f.Code = e.Category
	}
	switch {
	case r.Status == http.StatusUnauthorized:
		f.Message = "HubSpot refused the credential. A person has to connect HubSpot again or put in a new token; trying again will not help."
		return f
	case r.Status == http.StatusForbidden:
		forbidden(f, e)
	case r.Status == http.StatusNotFound:
		f.Message = "HubSpot has no such record, or this credential may not see it. Check object_type and id; hubspot_list_objects with archived lists what was archived."
	case r.Status == http.StatusConflict:
		f.NotSent = true
		f.Message = "HubSpot says that this exists already."
		if m := existing.FindStringSubmatch(e.Message); m != nil {
			f.Message = "It exists already: id " + m[1] + ". Update that one instead (hubspot_update_object)."
			return f
		}
	case r.Status == http.StatusLocked:
		f = fault.New(fault.UpstreamUnavailable, "HubSpot has locked that record for a moment.")
		f.Status, f.RetryAfter, f.NotSent = r.Status, 2*time.Second, true
		return f
	case r.Status == http.StatusTooManyRequests:
		limited(f, e, r)
		return f
	case r.Status == 477: // the account is being moved to another data centre
		f = fault.New(fault.UpstreamUnavailable, "HubSpot is moving this account. Try again later.")
		f.Status, f.RetryAfter, f.NotSent = r.Status, upstream.RetryAfter(r.Header), true
		return f
	case r.Status/100 == 4:
		f.NotSent = true
		f.Message = "HubSpot did not accept the request. Correct the arguments and call again."
	case r.Status >= 520: // of the proxy in front
		g := fault.New(fault.UpstreamUnavailable, "HubSpot is not available just now (HTTP %d). Try again in a minute.", r.Status)
		g.Status = r.Status
		return g
	}
	if r.Status >= 500 {
		return f
	}
	if s := said(e); s != "" && f.Code != "MISSING_SCOPES" {
		f.Message += " HubSpot said: " + s
	}
	return f
}

// notJSON refuses a success that says nothing: all that is asked for here
// answers with a JSON object.
func notJSON(r *upstream.Response) *fault.Error {
	if r.Status == http.StatusNoContent || bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("{")) {
		return nil
	}
	return fault.New(fault.UpstreamError, "HubSpot answered with something that is not the JSON it should be (HTTP %d). Try again later; if it stays so, tell the operator.", r.Status)
}

func forbidden(f *fault.Error, e wireError) {
	if f.Code != "MISSING_SCOPES" {
		f.Message = "HubSpot does not let this credential do that. A person with more rights has to change that."
		return
	}
	for _, context := range append(contexts(e), e.Context) {
		for _, key := range []string{"requiredGranularScopes", "missingScopes", "requiredScopes"} {
			list, _ := context[key].([]any)
			for _, v := range list {
				if s, ok := v.(string); ok && scopeForm.MatchString(s) && len(f.Needed) < 10 {
					f.Needed = append(f.Needed, s)
				}
			}
		}
	}
	f.Message = "The HubSpot app has not been granted a scope that this needs."
	if len(f.Needed) > 0 {
		f.Message = "The HubSpot app has not been granted " + strings.Join(f.Needed, " or ") + "."
	}
	f.Message += " An admin has to add the scope to the app and connect it again; trying again will not help."
}

// limited says for how long. HubSpot does not always send Retry-After, and some
// have seen it in milliseconds, so for a window of seconds the policy counts.
func limited(f *fault.Error, e wireError, r *upstream.Response) {
	f.RetryAfter = upstream.RetryAfter(r.Header)
	policy := strings.ToUpper(e.Policy)
	switch {
	case policy == "DAILY":
		f.Retryable, f.RetryAfter = false, 0
		f.Message = "The HubSpot account has used up its requests for today. Try again tomorrow."
	case policy == "TEN_SECONDLY_ROLLING" && (f.RetryAfter == 0 || f.RetryAfter > time.Minute):
		f.RetryAfter = 10 * time.Second
	case policy == "SECONDLY" && (f.RetryAfter == 0 || f.RetryAfter > time.Minute):
		f.RetryAfter = time.Second
	}
}

func contexts(e wireError) []map[string]any {
	var all []map[string]any
	for _, d := range e.Errors {
		all = append(all, d.Context)
	}
	return all
}

// said is HubSpot's message and the first details, with the context that it gives
// them (which properties are required, which values are allowed), clipped.
func said(e wireError) string {
	message, parts := e.Message, []string(nil)
	// "Property values were not valid: " goes before a JSON list, which says it all.
	if at := strings.Index(message, "[{"); at >= 0 {
		var list []struct {
			Message string `json:"message"`
			Name    string `json:"name"`
		}
		if json.Unmarshal([]byte(message[at:]), &list) == nil && len(list) > 0 {
			for _, d := range list[:min(5, len(list))] {
				parts = append(parts, strings.TrimPrefix(d.Name+": "+d.Message, ": "))
			}
			return upstream.Clean(message[:at]+strings.Join(parts, "; "), maxSaid)
		}
	}
	parts = append(parts, message)
	for _, d := range e.Errors[:min(5, len(e.Errors))] {
		text := d.Message
		if text != "" && strings.Contains(message, text) {
			text = ""
		}
		if d.In != "" && text != "" {
			text += " (" + d.In + ")"
		}
		text = strings.TrimSpace(text + around(d.Context, message+text))
		if text != "" {
			parts = append(parts, text)
		}
	}
	if text := around(e.Context, message); text != "" {
		parts = append(parts, strings.TrimSpace(text))
	}
	return upstream.Clean(strings.Join(parts, "; "), maxSaid)
}

// around is what a context adds to a text: " [properties: closed_lost_reason]".
func around(context map[string]any, text string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(context)) {
		var values []string
		list, ok := context[key].([]any)
		if !ok {
			list = []any{context[key]}
		}
		for _, v := range list[:min(20, len(list))] {
			if s, ok := v.(string); ok && s != "" && !strings.Contains(text, s) {
				values = append(values, s)
			}
		}
		if len(values) > 0 {
			parts = append(parts, key+": "+strings.Join(values, ", "))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " [" + strings.Join(parts, "; ") + "]"
}
