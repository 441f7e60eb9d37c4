package pinecone

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of the vendor's text that a model sees

// readFault maps Pinecone's three shapes of an error: {status, error{code,
// message}} of the control plane, {code, message, details} of the data plane
// (google.rpc.Status), and plain text of its gateways.
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	var said string
	f.Code, said = readError(r)
	switch {
	case r.Status == http.StatusPaymentRequired:
		f.Kind = fault.NotPermitted
		f.Message = "Pinecone wants the billing of the account settled first. A person has to do that; trying again will not help."
	case r.Status == http.StatusForbidden:
		f.Message = "Pinecone refused this: the key's role does not allow it, a quota is used up, or the index is protected."
	case r.Status == http.StatusPreconditionFailed:
		f.Kind = fault.Conflict
		f.Message = "Pinecone says that the index is not in a state for this. Look at it with pinecone_describe_index."
	case r.Status == http.StatusTooManyRequests && usedUp(f.Code, said):
		f.Retryable = false
		f.Message = "The account's Pinecone units for this month are used up. A person has to raise the limit; trying again will not help."
	case r.Status == http.StatusUnprocessableEntity:
		f.Kind = fault.InvalidArguments
	}
	// A refused key says nothing that helps, and a 5xx is often a proxy's page.
	if said != "" && r.Status != http.StatusUnauthorized && r.Status < 500 {
		f.Message += " Pinecone said: " + quote(said)
	}
	return f
}

// usedUp tells the monthly limit from a rate limit: both are HTTP 429.
func usedUp(code, said string) bool {
	said = strings.ToLower(said)
	return code == "QUOTA_EXCEEDED" || strings.Contains(said, "current month") || strings.Contains(said, "monthly")
}

// readError finds the vendor's code and text, cleaned, in an answer.
func readError(r *upstream.Response) (code, said string) {
	kind := r.Header.Get("Content-Type")
	body := strings.TrimSpace(string(r.Body))
	if strings.Contains(kind, "json") || strings.HasPrefix(body, "{") {
		var e struct {
			Error struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"error"`
			Code    json.Number `json:"code"`
			Message string      `json:"message"`
		}
		if json.Unmarshal(r.Body, &e) != nil {
			return "", ""
		}
		if e.Error.Message != "" || e.Error.Code != "" {
			return upstream.Clean(e.Error.Code, 64), upstream.Clean(e.Error.Message, maxSaid)
		}
		return rpcCode(e.Code), upstream.Clean(e.Message, maxSaid)
	}
	if strings.HasPrefix(kind, "text/plain") && !strings.HasPrefix(body, "<") {
		return "", upstream.Clean(body, maxSaid)
	}
	return "", ""
}

// rpcCodes are the names of google.rpc.Code, by number.
var rpcCodes = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

func rpcCode(n json.Number) string {
	i, err := strconv.Atoi(n.String())
	if err != nil || i < 0 || i >= len(rpcCodes) {
		return ""
	}
	return rpcCodes[i]
}

// quote marks a text as somebody else's words.
func quote(s string) string { return strconv.Quote(s) }
