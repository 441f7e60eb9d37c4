package segment

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of the vendor's text that a model sees

// said is what an error of any of the three APIs holds: {code, message} of
// tracking, {error{code, message}} of profiles, {errors[{type, message, field}]} of
// the Public API.
type said struct {
	code, text string
	wait       time.Duration
}

func readSaid(r *upstream.Response) said {
	type one struct {
		Code    string `json:"code"`
		Type    string `json:"type"`
		Message string `json:"message"`
		Field   string `json:"field"`
		Data    struct {
			Before float64 `json:"msBeforeNext"`
		} `json:"data"`
	}
	var e struct {
		one
		Error  json.RawMessage   `json:"error"`
		Errors []json.RawMessage `json:"errors"`
	}
	_ = json.Unmarshal(r.Body, &e)
	first := e.one
	var many []string
	switch {
	case len(e.Errors) > 0:
		for i, raw := range e.Errors[:min(len(e.Errors), 5)] {
			var x one
			_ = json.Unmarshal(raw, &x)
			text := x.Message
			if x.Field != "" && !strings.Contains(text, x.Field) {
				text = x.Field + ": " + text
			}
			if text != "" {
				many = append(many, text)
			}
			if i == 0 {
				first = x
			}
		}
	case len(e.Error) > 0:
		first = one{}
		_ = json.Unmarshal(e.Error, &first)
	}
	if len(many) == 0 && first.Message != "" {
		many = []string{first.Message}
	}
	code := first.Code
	if code == "" {
		code = first.Type
	}
	ms := max(0, min(first.Data.Before, 24*3600*1000))
	return said{upstream.Clean(code, 64), upstream.Clean(strings.Join(many, "; "), maxSaid), time.Duration(ms) * time.Millisecond}
}

// faultOf judges the answers of one API; region is the credential's.
func faultOf(api, region string) func(*upstream.Response) *fault.Error {
	if region == "" {
		region = regionUS
	}
	return func(r *upstream.Response) *fault.Error {
		named := *r
		named.Service = title
		f := upstream.StatusFault(&named)
		if f == nil {
			return nil
		}
		s := readSaid(r)
		f.Code = s.code
		switch r.Status {
		case http.StatusUnauthorized:
			f.Message = fmt.Sprintf("%s refused %s, or it belongs to a workspace of the other region (this one is for %q). A person has to put in a new one; trying again will not help.", title, keyOf(api), region)
			return f
		case http.StatusForbidden:
			f.Message = forbidden(api)
		case http.StatusNotFound:
			f.Message = missing(api, s.text)
		case http.StatusUnprocessableEntity:
			f.Message = "Segment did not accept the arguments."
		case http.StatusTooManyRequests:
			f.RetryAfter = wait(r.Header, s.wait)
		case http.StatusInternalServerError:
			if api == profiles {
				f.Message = "Segment's profiles had an error of their own (HTTP 500). That is also how they answer to an id with a character that they do not take: check the id."
			}
		}
		if s.text != "" && r.Status < 500 {
			f.Message += " Segment said: " + strconv.Quote(s.text)
		}
		return f
	}
}

func keyOf(api string) string {
	switch api {
	case tracking:
		return "the write key"
	case profiles:
		return "the token of the space"
	}
	return "the Public API token"
}

func forbidden(api string) string {
	if api == public {
		return "Segment does not let this Public API token do that. The role of the token has to cover it (Source Admin to switch destinations, End User Privacy Admin or Workspace Owner for regulations), and some parts need a Business plan. A Workspace Owner can make another token."
	}
	return "Segment does not let " + keyOf(api) + " do that."
}

func missing(api, text string) string {
	switch {
	case api != profiles:
		return "Segment has no such thing in this workspace. segment_list_sources, segment_list_destinations and segment_list_tracking_plans show what there is."
	case strings.Contains(strings.ToLower(text), "space"):
		return "Segment has no such space for this token. An admin has to check space and region of the credential."
	}
	return "There is no such profile in this space. Try another of the person's ids (user_id:, email:, anonymous_id:), or group_id: for a company; a profile that was just tracked may take a minute to appear."
}

// wait is how long a limit lasts: Retry-After; what the Public API says in its body;
// X-RateLimit-Reset, which is in seconds at tracking and a date at the Public API.
func wait(h http.Header, inBody time.Duration) time.Duration {
	if d := upstream.RetryAfter(h); d > 0 {
		return d
	}
	if inBody > 0 {
		return inBody
	}
	reset := h.Get("X-RateLimit-Reset")
	if n, err := strconv.Atoi(reset); err == nil && n > 0 && n <= 24*3600 {
		return time.Duration(n) * time.Second
	}
	return upstream.RetryAfter(http.Header{"Retry-After": {reset}})
}

// unreadable is the fault of an answer that is JSON of another form.
func unreadable() *fault.Error {
	return fault.New(fault.UpstreamError, "Segment answered with something that is not the JSON it should be. Try again later; if it stays so, tell the operator.")
}
