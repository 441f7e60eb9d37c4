package googlecalendar

import (
	"encoding/json"
	"net/http"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of the vendor's text that a model sees

// readFault maps Google's errors, {error: {code, message, errors: [{domain, reason}]}},
// by their reason (developers.google.com/workspace/calendar/api/guides/errors).
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	var e struct {
		Error struct {
			Message string `json:"message"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	reason := ""
	if json.Unmarshal(r.Body, &e) == nil && len(e.Error.Errors) > 0 {
		reason = e.Error.Errors[0].Reason
	}
	f.Code = upstream.Clean(reason, 64)
	if said, ok := reasons[reason]; ok && (r.Status == said.status || said.status == 0) {
		f.Message = said.text
		if said.kind != "" {
			f.Kind = said.kind
			f.Retryable = said.kind == fault.RateLimited && said.again
			f.NotSent = said.kind == fault.RateLimited || said.kind == fault.NotPermitted
		}
		if f.Kind == fault.RateLimited && said.again {
			f.RetryAfter = upstream.RetryAfter(r.Header)
		}
		return f
	}
	switch r.Status {
	case http.StatusNotFound:
		f.Message = "Google Calendar has no such calendar or event, or this account may not see it. google_calendar_list_calendars says which calendars it sees; find the event with google_calendar_list_events."
	case http.StatusGone:
		f.Kind = fault.NotFound
		f.Message = "That event was deleted. A person can bring it back from the calendar's trash for 30 days."
	case http.StatusPreconditionFailed:
		f.Kind, f.NotSent = fault.Conflict, true
		f.Message = changedMeanwhile
	case http.StatusForbidden:
		f.Message = "Google Calendar does not let this account do that."
	}
	if said := upstream.Clean(e.Error.Message, maxSaid); said != "" && r.Status != http.StatusUnauthorized && r.Status < 500 && r.Status != http.StatusPreconditionFailed {
		f.Message += " Google said: " + upstream.Quote(said)
	}
	return f
}

const changedMeanwhile = "The event was changed by somebody else since it was read, so nothing was done. Read it again with google_calendar_get_event, see whether the change is still wanted, and repeat it with the new etag."

// reasons are what Google calls errors, and what to do about each.
var reasons = map[string]struct {
	status int // 0: any
	kind   fault.Kind
	again  bool
	text   string
}{
	"rateLimitExceeded":           {0, fault.RateLimited, true, "Google Calendar is limiting the rate of calls. Wait a minute, and ask for more at once."},
	"userRateLimitExceeded":       {0, fault.RateLimited, true, "Google Calendar is limiting the rate of calls for this user. Wait a minute, and ask for more at once."},
	"quotaExceeded":               {0, fault.RateLimited, false, "The Google Cloud project's quota for Calendar is used up for now. A person has to raise it in the Google Cloud console; trying again will not help soon."},
	"dailyLimitExceeded":          {0, fault.RateLimited, false, "The Google Cloud project's daily quota for Calendar is used up. A person has to raise it, or it is there again tomorrow."},
	"calendarUsageLimitsExceeded": {0, fault.RateLimited, false, "This account has made too many events or invitations lately, and Google stopped it for some hours (support.google.com/a/answer/2905486). Trying again will not help soon."},
	"insufficientPermissions":     {http.StatusForbidden, fault.NotPermitted, false, "The Google credential was not granted the scope that this needs: calendar.calendarlist.readonly for the list of calendars, calendar.events.readonly to read events, calendar.events to change them, calendar.events.freebusy for free/busy. A person has to connect the account again, or to add the scope for the service account; trying again will not help."},
	"accessNotConfigured":         {0, fault.NotPermitted, false, "The Calendar API is not enabled in the credential's Google Cloud project. A person has to enable it there; trying again will not help."},
	"requiredAccessLevel":         {0, fault.NotPermitted, false, "This account may not change that calendar: google_calendar_list_calendars shows its role, and writer or owner is needed. The calendar's owner can grant it."},
	"forbiddenForNonOrganizer":    {0, fault.NotPermitted, false, "Only the organizer of the event can change that. A guest can answer with google_calendar_respond, or ask the organizer."},
	"forbiddenForServiceAccounts": {0, fault.NotPermitted, false, "A service account cannot invite anybody by itself. An admin has to set subject of the credential to the person whom it acts for, with domain-wide delegation."},
	"notACalendarUser":            {0, fault.NotPermitted, false, "The account has not signed up for Google Calendar. A person has to open it once."},
	"duplicate":                   {http.StatusConflict, fault.Conflict, false, "An event with that id is there already."},
	"fullSyncRequired":            {0, fault.Conflict, false, "The sync_token is no longer good: Google keeps changes for some weeks only. Start again: call google_calendar_changes without sync_token for a new one, and read with google_calendar_list_events how things are now."},
	"updatedMinTooLongAgo":        {0, fault.Conflict, false, "The sync_token is no longer good. Start again: call google_calendar_changes without sync_token for a new one, and read with google_calendar_list_events how things are now."},
	"timeRangeEmpty":              {0, fault.InvalidArguments, false, "The end is not after the start. Give an end that is later."},
	"timeRangeTooLong":            {0, fault.InvalidArguments, false, "The span is longer than Google answers at once. Ask for less."},
}

// kindOf is the kind of a fault, "" for another error.
func kindOf(err error) fault.Kind {
	if err == nil {
		return ""
	}
	return fault.From(err).Kind
}
