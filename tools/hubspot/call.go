package hubspot

import (
	"context"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// outcomes are HubSpot's own dispositions of a call
// (developers.hubspot.com/docs/api-reference/crm-calls-v3/guide).
var outcomes = map[string]string{
	"busy": "9d9162e7-6cf3-4944-bf63-4dff82258764", "connected": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
	"left_live_message": "a4c4c377-d246-4b32-a13b-75a56a4cd0ff", "left_voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
	"no_answer": "73a0d17f-1163-4015-bdd5-ec830791da20", "wrong_number": "17b47fee-58de-441e-a44c-c6300d46f273",
}

type logCallIn struct {
	Title     string `json:"title"`
	Body      string `json:"body"`
	Direction string `json:"direction"`
	Outcome   string `json:"outcome"`
	Minutes   int    `json:"minutes"`
	When      string `json:"when"`
	Owner     string `json:"owner"`
	Associate []Ref  `json:"associate_to"`
}

// logCall writes a call that was made.
func (s *service) logCall(ctx context.Context, c *upstream.Client, in logCallIn) (Logged, error) {
	at, err := s.moment(ctx, c, "when", in.When, false)
	if err != nil {
		return Logged{}, err
	}
	a := activity{kind: "calls", body: in.Body, bodyIn: "hs_call_body", owner: in.Owner, at: at, associate: in.Associate, properties: map[string]string{
		"hs_call_title": in.Title, "hs_call_direction": strings.ToUpper(in.Direction), "hs_call_status": "COMPLETED", "hs_call_disposition": outcomes[in.Outcome],
	}}
	if in.Minutes > 0 {
		a.properties["hs_call_duration"] = strconv.FormatInt((time.Duration(in.Minutes) * time.Minute).Milliseconds(), 10)
	}
	return s.log(ctx, c, a)
}

type logMeetingIn struct {
	Title     string `json:"title"`
	Body      string `json:"body"`
	Start     string `json:"start"`
	Minutes   int    `json:"minutes"`
	Location  string `json:"location"`
	Outcome   string `json:"outcome"`
	Owner     string `json:"owner"`
	Associate []Ref  `json:"associate_to"`
}

// logMeeting writes a meeting that was or will be.
func (s *service) logMeeting(ctx context.Context, c *upstream.Client, in logMeetingIn) (Logged, error) {
	start, err := s.instant(ctx, c, "start", in.Start, in.Outcome == "scheduled")
	if err != nil {
		return Logged{}, err
	}
	if in.Outcome != "scheduled" && start.After(s.now()) {
		return Logged{}, fault.New(fault.InvalidArguments, "start: %s is still to come. For a meeting that is to come, say outcome scheduled.", start.UTC().Format(time.RFC3339))
	}
	return s.log(ctx, c, activity{kind: "meetings", body: in.Body, bodyIn: "hs_meeting_body", owner: in.Owner, at: start, associate: in.Associate, properties: map[string]string{
		"hs_meeting_title": in.Title, "hs_meeting_location": in.Location, "hs_meeting_outcome": strings.ToUpper(in.Outcome),
		"hs_meeting_start_time": start.UTC().Format(time.RFC3339), "hs_meeting_end_time": start.Add(time.Duration(in.Minutes) * time.Minute).UTC().Format(time.RFC3339),
	}})
}
