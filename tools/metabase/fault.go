package metabase

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of the vendor's text that a model sees

// readFault maps Metabase's errors. It goes by status, since texts are
// localised, and repeats only what helps: which fields are wrong. A 500 carries
// a stack trace, of which nothing is repeated.
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	var e struct {
		Errors  map[string]any `json:"errors"`
		Code    string         `json:"error_code"`
		Message string         `json:"message"`
	}
	isJSON := json.Unmarshal(r.Body, &e) == nil
	f.Code = upstream.Clean(e.Code, 64)
	switch {
	case r.Status == http.StatusNotFound && e.Code == "archived":
		f.Message = "That is in Metabase's trash. A person has to restore it before it can be used."
	case r.Status == http.StatusNotFound:
		f.Message = "Metabase has no such thing, or the key may not see it. Look for the id with metabase_search."
	case r.Status == http.StatusForbidden:
		f.Message = "Metabase does not let this key do that: its group lacks the permission. A person has to grant it."
	case r.Status == http.StatusPaymentRequired:
		f.Kind = fault.NotPermitted
		f.Message = "This needs a Metabase plan that the instance does not have."
	case r.Status == http.StatusBadRequest && len(e.Errors) > 0:
		f.Message = "Metabase did not accept the request: " + wrongFields(e.Errors)
	case r.Status == http.StatusBadRequest && isJSON && e.Message != "":
		f.Message = "Metabase did not accept the request. It said: " + quote(e.Message)
	case r.Status == http.StatusBadRequest && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain"):
		f.Message = "Metabase did not accept the request. It said: " + quote(string(r.Body))
	}
	return f
}

// wrongFields names each wrong field and what the vendor says of it.
func wrongFields(errors map[string]any) string {
	names := make([]string, 0, len(errors))
	for n := range errors {
		names = append(names, n)
	}
	slices.Sort(names)
	var all []string
	for _, n := range names {
		text, _ := errors[n].(string)
		all = append(all, n+": "+text)
	}
	return quote(strings.Join(all, "; "))
}

// quote marks a text as somebody else's words, cleaned and cut.
func quote(s string) string { return strconv.Quote(upstream.Clean(s, maxSaid)) }

// queryFailed says why a query that Metabase took came to nothing. kind is its
// error_type, state the SQLSTATE where the database gave one.
func queryFailed(kind, state, said string) *fault.Error {
	var f *fault.Error
	switch {
	case kind == "missing-required-permissions":
		f = fault.New(fault.NotPermitted, "Metabase does not let this key run that query. A person has to grant the data permission.")
	case strings.Contains(kind, "timed-out"), strings.Contains(kind, "timeout"):
		f = fault.New(fault.Timeout, "The query took too long and was stopped. Ask for less data.")
	case strings.HasPrefix(kind, "invalid"), kind == "missing-required-parameter",
		strings.HasPrefix(state, "42"), strings.HasPrefix(state, "22"): // syntax or access rule; data exception
		f = fault.New(fault.InvalidArguments, "The database did not accept the query; correct it. metabase_list_tables and metabase_describe_table say what there is.")
	default:
		f = fault.New(fault.UpstreamError, "The query failed.")
	}
	f.Code = upstream.Clean(kind, 64)
	if said != "" {
		f.Message += " It said: " + quote(said)
	}
	return f
}
