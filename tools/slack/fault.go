package slack

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of Slack's own text that a model sees

var (
	codeForm  = pattern.New(`^[a-z0-9_.-]{1,64}$`)
	scopeForm = pattern.New(`^[a-z0-9_.:-]{1,64}$`)
)

// readFault judges an answer: Slack says ok:false with HTTP 200, and a 5xx may
// be a proxy's page. An answer that does not say ok:true is never a success.
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	if f := upstream.StatusFault(&named); f != nil {
		if r.Status == http.StatusTooManyRequests {
			f.Code = "ratelimited"
		}
		return f
	}
	var e struct {
		OK       *bool  `json:"ok"`
		Error    string `json:"error"`
		Needed   string `json:"needed"`
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	body := bytes.TrimSpace(r.Body)
	// A field of an unexpected type leaves the others readable.
	if err := json.Unmarshal(body, &e); e.OK == nil {
		f := fault.New(fault.UpstreamError, "Slack answered with something that is not the JSON it should be (HTTP %d). Try again later; if it stays so, tell the operator.", r.Status)
		return f.Because(err)
	}
	if *e.OK {
		return nil
	}
	code := e.Error
	if _, listed := codes[code]; !listed && !codeForm.MatchString(code) {
		code = "unknown"
	}
	if code == "missing_scope" {
		return missingScope(e.Needed)
	}
	v := judge(code)
	f := fault.New(v.kind, v.say, code)
	f.Code, f.NotSent = code, v.safe
	if v.kind == fault.RateLimited {
		f.RetryAfter = upstream.RetryAfter(r.Header)
	}
	if said := upstream.Clean(strings.Join(e.Metadata.Messages[:min(3, len(e.Metadata.Messages))], "; "), maxSaid); said != "" && v.kind == fault.InvalidArguments {
		f.Message += " Slack said: " + said
	}
	return f
}

func missingScope(needed string) *fault.Error {
	f := fault.New(fault.NotPermitted, "The Slack app has not been granted a scope that this needs.")
	for _, s := range strings.Split(needed, ",") {
		if s = strings.TrimSpace(s); scopeForm.MatchString(s) && len(f.Needed) < 10 {
			f.Needed = append(f.Needed, s)
		}
	}
	if len(f.Needed) > 0 {
		f.Message = "The Slack app has not been granted " + strings.Join(f.Needed, " or ") + "."
	}
	f.Message += " An admin has to add the scope to the app and install it again; trying again will not help."
	f.Code, f.NotSent = "missing_scope", true
	return f
}

// has reports whether err is a failure with one of Slack's codes.
func has(err error, code string) bool {
	f := fault.From(err)
	return f != nil && f.Code == code
}
