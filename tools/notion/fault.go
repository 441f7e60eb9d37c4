package notion

import (
	"encoding/json"
	"net/http"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxSaid = 400 // characters of the vendor's text that a model sees

// capability is what a connection has to be given at Notion for a request
// (developers.notion.com/reference/capabilities).
type capability string

const (
	readContent   capability = "Read content"
	insertContent capability = "Insert content"
	updateContent capability = "Update content"
	readComments  capability = "Read comments"
	addComments   capability = "Insert comments"
	readUsers     capability = "Read user information"
)

// judge is readFault for a request that needs a capability, which a refusal then
// names.
func (needed capability) judge(r *upstream.Response) *fault.Error {
	f := readFault(r)
	if f != nil && f.Kind == fault.NotPermitted {
		f.Message = "The Notion connection lacks the capability \"" + string(needed) + "\". A person has to add it in the connection's settings in Notion; trying again will not help."
	}
	return f
}

// readFault maps Notion's errors {object: "error", status, code, message}
// (developers.notion.com/reference/status-codes).
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	var e struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		Additional struct {
			Reason string `json:"rate_limit_reason"`
		} `json:"additional_data"`
	}
	if json.Unmarshal(r.Body, &e) != nil {
		e.Code, e.Message = "", ""
	}
	f.Code = upstream.Clean(e.Code, 64)
	said := ""
	if e.Message != "" {
		said = " It said: " + upstream.Quote(upstream.Clean(e.Message, maxSaid))
	}
	switch {
	case r.Status == 529: // service_overload: refused before anything was done, like a 429
		f.Kind, f.Retryable, f.NotSent = fault.UpstreamUnavailable, true, true
		f.RetryAfter = upstream.RetryAfter(r.Header)
		f.Message = "Notion is overloaded and did nothing. Try again in a minute."
	case r.Status == http.StatusTooManyRequests:
		f.Message = "Notion is limiting the rate of requests of this connection."
		if strings.Contains(e.Additional.Reason, "workspace") {
			f.Message = "Notion is limiting the rate of requests of the whole workspace."
		}
	case r.Status == http.StatusNotFound && (e.Code == "object_not_found" || e.Code == ""):
		f.Message = "Notion has no such thing, or it is not shared with this connection, which looks the same. Look for it with notion_search. A person shares a page by its menu (•••) under Connections."
	case r.Status == http.StatusConflict:
		f.Message = "Notion could not save it because something else was saved at the same time. Look at the page, and do it again if it is not there."
	case r.Status == http.StatusBadRequest:
		f.Message = refused(strings.ToLower(e.Message)) + said
	case r.Status == http.StatusRequestEntityTooLarge:
		f.Message = "The request is larger than the 500 KB that Notion takes. Send less at a time."
	}
	return f
}

// refused says what to do about a validation_error. The words are the vendor's own;
// where they change, the general sentence is still true.
func refused(said string) string {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("allow_deleting_content", "child page", "delete child"):
		return "That would delete pages or databases inside the page, so nothing was changed. Keep their lines in the new text, or set allow_deleting_children if they may go."
	case has("old_str", "content_updates") && has("multiple", "more than one", "ambiguous"):
		return "The old text is on the page more than once, so nothing was changed. Give more of the text around it, or set all."
	case has("old_str", "content_updates", "did not match", "no match"):
		return "The old text is not on the page in exactly this form, so nothing was changed. Read the page with notion_read_page and copy it from there, with its Markdown."
	case has("start_cursor"):
		return "The cursor has ended. Leave it out to start from the first page."
	}
	return "Notion did not accept the request."
}
