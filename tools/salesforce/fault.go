package salesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const maxSaid = 400 // characters of the vendor's text that a model sees

// wireError is one of the errors of an answer. statusCode is what errorCode is called
// in the answer of a collection.
type wireError struct {
	Code      string    `json:"errorCode"`
	Status    string    `json:"statusCode"`
	Message   string    `json:"message"`
	Fields    []string  `json:"fields"`
	Duplicate duplicate `json:"duplicateResult"`
	Misspelt  duplicate `json:"duplicateResut"` // as the vendor spells it
}

// duplicate is what a duplicate rule has found.
type duplicate struct {
	Matches []struct {
		Records []struct {
			Record row `json:"record"`
		} `json:"matchRecords"`
	} `json:"matchResults"`
}

var codeForm = pattern.New(`^[A-Z][A-Z0-9_]{1,63}$`)

// errorsOf are the errors of a body: a list, or one alone.
func errorsOf(body []byte) []wireError {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil {
		list = []json.RawMessage{body}
	}
	var all []wireError
	for _, raw := range list[:min(len(list), 10)] {
		var e wireError
		if json.Unmarshal(raw, &e) == nil && e.Code+e.Status+e.Message != "" {
			all = append(all, e)
		}
	}
	return all
}

// readFault judges an answer by its status and the first of its errors
// (developer.salesforce.com/docs/platform/api-rest, "Status Codes and Error Responses").
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	if r.Status >= 500 || r.Status == http.StatusTooManyRequests {
		return f
	}
	return judge(f, r.Status, errorsOf(r.Body))
}

// judge says what errors mean. f is what the status alone means.
func judge(f *fault.Error, status int, all []wireError) *fault.Error {
	var e wireError
	if len(all) > 0 {
		e = all[0]
	}
	code := e.Code + e.Status
	set := func(kind fault.Kind, notSent bool, format string, args ...any) {
		after := f.RetryAfter
		f = fault.New(kind, format, args...)
		f.NotSent, f.RetryAfter = notSent, after
	}
	switch {
	case status == http.StatusUnauthorized && refusedForGood(e.Message):
		set(fault.NotPermitted, true, "Salesforce does not let this app use the REST API, and a new session would not change that. An admin has to look at the External Client App (its scope api, API Access Control, IP ranges).")
	case status == http.StatusUnauthorized:
		f.Message = "Salesforce refused the session: it has ended, was revoked, or is of another instance. A person has to connect Salesforce again or put in a new credential; trying again will not help."
		f.Code = ownCode(code)
		f.Status = status
		return f
	case code == "REQUEST_LIMIT_EXCEEDED" && strings.Contains(e.Message, "Concurrent"):
		set(fault.RateLimited, true, "Salesforce has too many long requests of this organization under way. Try again in a few seconds, with narrower filters.")
		f.RetryAfter = 5 * time.Second
	case code == "REQUEST_LIMIT_EXCEEDED":
		set(fault.RateLimited, true, "The organization has used up its API requests of the last 24 hours. An admin has to wait or to raise the limit; salesforce_whoami shows the usage.")
		f.Retryable, f.RetryAfter = false, 0
	case code == "UNABLE_TO_LOCK_ROW":
		set(fault.UpstreamUnavailable, true, "Somebody else is changing that record just now, so nothing was done. Try again in a few seconds.")
		f.RetryAfter = time.Second
	case code == "QUERY_TIMEOUT":
		set(fault.Timeout, true, "Salesforce stopped the query, since it took too long. Filter by an indexed field (id, name, owner, a date) or ask for less.")
	case strings.HasPrefix(code, "INSUFFICIENT_ACCESS"), code == "API_DISABLED_FOR_ORG", code == "API_CURRENTLY_DISABLED", code == "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", code == "FUNCTIONALITY_NOT_ENABLED", status == http.StatusForbidden:
		set(fault.NotPermitted, true, "Salesforce does not let this user do that: its profile or permission sets, or the sharing of the record, lack the right. An admin has to grant it.")
	case code == "DUPLICATES_DETECTED":
		set(fault.Conflict, true, "There is such a record already%s. Update that one, or repeat the call with allow_duplicates.", e.similar())
	case code == "DUPLICATE_VALUE":
		set(fault.Conflict, true, "Another record has that value, which has to be unique. Update that one, or use salesforce_upsert_record.")
	case status == http.StatusPreconditionFailed:
		set(fault.Conflict, true, "Somebody has changed the record since. Read it anew with salesforce_get_record.")
		return coded(f, status, code)
	case code == "INVALID_TYPE":
		set(fault.NotFound, true, "There is no such object, or this user may not see it. salesforce_list_objects lists them.")
	case code == "ENTITY_IS_DELETED":
		set(fault.NotFound, true, "That record is deleted.")
	case status == http.StatusNotFound, code == "NOT_FOUND":
		set(fault.NotFound, true, "Salesforce has no such record, or this user may not see it. Find it with salesforce_find_records or salesforce_search.")
		return coded(f, status, code)
	case code == "INVALID_QUERY_LOCATOR":
		set(fault.InvalidArguments, true, "That list has ended: Salesforce keeps one for two days at most. Leave the cursor out to start anew.")
		return coded(f, status, code)
	case code == "INVALID_FIELD":
		set(fault.InvalidArguments, true, "There is no such field, or it is hidden from this user; salesforce_describe_object lists them.")
	case code == "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE":
		set(fault.UpstreamUnavailable, true, "Salesforce is in maintenance and takes no changes just now. Try again later.")
	case status == http.StatusGone:
		set(fault.UpstreamError, true, "That version of the API is retired. An admin has to correct api_version of the credential.")
	case status/100 == 4:
		set(fault.InvalidArguments, true, "Salesforce did not accept it. Correct the arguments and call again.")
	default:
		return f
	}
	if said := saidOf(all); said != "" && code != "DUPLICATES_DETECTED" {
		f.Message += " It said: " + said
	}
	return coded(f, status, code)
}

func coded(f *fault.Error, status int, code string) *fault.Error {
	f.Status, f.Code = status, ownCode(code)
	return f
}

func ownCode(code string) string {
	if codeForm.MatchString(code) {
		return code
	}
	return ""
}

// refusedForGood reports whether a session was refused for a reason that every new one
// would share: whoever renewed it would do so for ever.
func refusedForGood(message string) bool {
	return strings.Contains(message, "This session is not valid for use with the REST API") || strings.Contains(message, "Connected app is not attached to Agent")
}

// saidOf is what errors say, and of which fields.
func saidOf(all []wireError) string {
	var parts []string
	for _, e := range all[:min(len(all), 5)] {
		text := e.Code + e.Status + ": " + e.Message
		var fields []string
		for _, f := range e.Fields[:min(len(e.Fields), 20)] {
			if fieldPath.MatchString(f) && !strings.Contains(e.Message, f) {
				fields = append(fields, f)
			}
		}
		if fields != nil {
			text += " (" + strings.Join(fields, ", ") + ")"
		}
		parts = append(parts, text)
	}
	if parts == nil {
		return ""
	}
	return upstream.Quote(upstream.Clean(strings.Join(parts, "; "), maxSaid))
}

// similar are the records that a duplicate rule has found, for a sentence.
func (e wireError) similar() string {
	var found []string
	for _, d := range []duplicate{e.Duplicate, e.Misspelt} {
		for _, m := range d.Matches {
			for _, r := range m.Records {
				if r.Record.id != "" && r.Record.object != "" && len(found) < 5 {
					found = append(found, r.Record.object+" "+r.Record.id)
				}
			}
		}
	}
	if found == nil {
		return ""
	}
	return fmt.Sprintf(" (%s)", strings.Join(found, ", "))
}

// lacking is the fault of an answer that does not hold what it should.
func lacking(what string) *fault.Error {
	return fault.New(fault.UpstreamError, "Salesforce answered without %s. Is the address really Salesforce's? If it stays so, tell the operator.", what)
}
