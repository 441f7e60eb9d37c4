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
		f.Message = forbidden(f.Code, said)
	case r.Status == http.StatusTooManyRequests && usedUp(f.Code, said):
		f.Retryable = false
		f.RetryAfter = 0
		f.Message = "The account's Pinecone units for this month are used up. A person has to raise the limit; trying again will not help."
	case r.Status == http.StatusTooManyRequests && wholeModel(said):
		f.Message = "Pinecone's embedding models take so many tokens a minute, and they are used up. Send fewer or shorter texts at a time, or wait a minute."
	case r.Status == http.StatusBadRequest && tooLong(said):
		f.Message = "A text is longer than the model reads, or there are too many of them: pinecone_list_models shows its max_tokens and max_batch. Split the text."
	case r.Status == http.StatusRequestEntityTooLarge:
		f.Message = "The request is larger than the 2 MB that Pinecone takes. Send less at a time."
	case r.Status == http.StatusPreconditionFailed:
		f.Kind = fault.Conflict
		f.Message = "Pinecone says that the index is not in a state for this. Look at it with pinecone_describe_index."
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

// forbidden tells the three things apart that Pinecone means by 403.
func forbidden(code, said string) string {
	low := strings.ToLower(said)
	switch {
	case strings.Contains(low, "deletion protection"):
		return "The index is protected against deletion. pinecone_configure_index with protect false takes that away, if the people who own the index agree."
	case code == "QUOTA_EXCEEDED" || strings.Contains(low, "quota") || strings.Contains(low, "maximum number") || strings.Contains(low, "max number"):
		return "The project's or the plan's quota is used up. A person has to raise it, or to make room; trying again will not help."
	case strings.Contains(low, "role") || strings.Contains(low, "permission"):
		return "The role of the Pinecone API key does not allow this. An admin of the Pinecone project has to make a key with another role (DataPlaneEditor to write records, ControlPlaneEditor to manage indexes)."
	}
	return "Pinecone refused this: the key's role does not allow it, a quota is used up, or the index is protected."
}

// wholeModel tells the limit on a model's tokens from one on requests.
func wholeModel(said string) bool {
	low := strings.ToLower(said)
	return strings.Contains(low, "token") && strings.Contains(low, "minute")
}

// tooLong recognizes a refusal of inputs by their number or length.
func tooLong(said string) bool {
	low := strings.ToLower(said)
	return strings.Contains(low, "token") && (strings.Contains(low, "exceed") || strings.Contains(low, "length")) ||
		strings.Contains(low, "max input") || strings.Contains(low, "batch size")
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
