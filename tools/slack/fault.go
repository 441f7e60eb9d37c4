package slack

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of Slack's own text that a model sees

// verdict is what one of Slack's error codes means to a caller.
type verdict struct {
	kind fault.Kind
	say  string // one sentence: what to do next
	safe bool   // nothing was done: a write may be tried again
}

const (
	newToken  = "Slack refused the credential (%s). A person has to connect Slack again or put in a new token; trying again will not help."
	noAccess  = "Slack does not let this credential do that (%s). A person with more rights has to do it, or change the workspace's settings."
	tryLater  = "Slack had a fault of its own (%s). Try again in a minute."
	badInput  = "Slack did not accept the request (%s). Correct the arguments and call again."
	unknownID = "Slack knows no such thing, or this credential may not see it (%s). Check the id."
)

// verdicts are the codes of docs.slack.dev that an agent meets. All come as HTTP
// 200 with ok:false. %s is the code.
func verdicts() map[string]verdict {
	v := map[string]verdict{}
	add := func(kind fault.Kind, safe bool, say string, codes ...string) {
		for _, c := range codes {
			v[c] = verdict{kind, say, safe}
		}
	}
	add(fault.CredentialInvalid, true, newToken, "invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive",
		"org_login_required", "two_factor_setup_required")
	add(fault.NotPermitted, true, noAccess, "no_permission", "access_denied", "ekm_access_denied", "accesslimited", "team_access_not_granted",
		"enterprise_is_restricted", "not_allowed_token_type", "app_access_restricted", "send_on_behalf_not_allowed", "user_not_visible", "not_visible", "no_access")
	add(fault.NotPermitted, true, "That person or app takes no direct messages (%s). Post to a channel instead.", "messages_tab_disabled")
	add(fault.NotPermitted, true, "The app is not a member of that channel (%s). A person has to invite it there (/invite @app), or choose another channel.",
		"not_in_channel")
	add(fault.NotFound, true, "Slack has no such channel that this credential can see (%s). Check the name with slack_list_channels; a private channel must have the app as a member.",
		"channel_not_found", "channel_is_limited_access")
	add(fault.NotFound, true, "There is no message with that ts in that channel (%s). Take the ts from slack_read_channel.",
		"message_not_found", "thread_not_found", "bad_timestamp", "cannot_reply_to_message")
	add(fault.NotFound, true, "Slack knows no such person (%s). Find the right one with slack_search_users.",
		"user_not_found", "users_not_found", "user_disabled")
	add(fault.Conflict, true, "That channel is archived (%s). Choose another one, or ask a person to unarchive it.", "is_archived")
	add(fault.Conflict, true, "That is done already (%s).", "already_reacted", "no_reaction", "already_in_channel", "already_pinned", "no_pin")
	add(fault.Conflict, true, "There can be no more reactions on that message (%s).", "too_many_emoji", "too_many_reactions")
	add(fault.InvalidArguments, true, "There is no emoji of that name here (%s). Use a common one, such as thumbsup or eyes.", "invalid_name")
	add(fault.InvalidArguments, true, "The text is too long for Slack (%s). Make it shorter, or post it in parts.", "msg_too_long", "msg_blocks_too_long")
	add(fault.InvalidArguments, true, "Slack did not accept the cursor (%s). Start again without it.", "invalid_cursor")
	add(fault.InvalidArguments, true, badInput, "missing_argument", "no_text", "markdown_text_conflict", "limit_required", "time_in_past", "time_too_far",
		"method_not_supported_for_channel_type", "not_reactable", "thread_locked", "too_many_attachments", "unknown_method", "method_deprecated",
		"as_user_not_supported", "missing_file_data", "no_item_specified", "users_list_not_supplied", "not_enough_users", "attachment_payload_limit_exceeded")
	add(fault.RateLimited, true, "Slack is limiting the rate of calls (%s).", "ratelimited", "rate_limited", "message_limit_exceeded")
	add(fault.UpstreamUnavailable, false, tryLater, "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org")
	add(fault.UpstreamUnavailable, true, tryLater, "external_channel_migrating", "list_record_comment_fetch_failed")
	return v
}

var codes = verdicts()

// families are codes by how they are spelt, for those that are not listed.
var families = []struct {
	affix   string
	suffix  bool
	verdict verdict
}{
	{"restricted_action", false, verdict{fault.NotPermitted, noAccess, true}},
	{"cant_", false, verdict{fault.NotPermitted, noAccess, true}},
	{"slack_connect_", false, verdict{fault.NotPermitted, noAccess, true}},
	{"too_many_", false, verdict{fault.InvalidArguments, badInput, true}},
	{"metadata_", false, verdict{fault.InvalidArguments, badInput, true}},
	{"draft_", false, verdict{fault.Conflict, badInput, true}},
	{"invalid_", false, verdict{fault.InvalidArguments, badInput, true}},
	{"_not_found", true, verdict{fault.NotFound, unknownID, true}},
}

func judge(code string) verdict {
	if v, ok := codes[code]; ok {
		return v
	}
	for _, f := range families {
		if f.suffix && strings.HasSuffix(code, f.affix) || !f.suffix && strings.HasPrefix(code, f.affix) {
			return f.verdict
		}
	}
	return verdict{fault.UpstreamError, "Slack answered with an error that is not known here (%s). If it stays so, tell the operator.", false}
}

var (
	codeForm  = regexp.MustCompile(`^[a-z0-9_.-]{1,64}$`)
	scopeForm = regexp.MustCompile(`^[a-z0-9_.:-]{1,64}$`)
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
	if !codeForm.MatchString(code) {
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
