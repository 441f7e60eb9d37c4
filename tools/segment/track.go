package segment

import (
	"context"
	"errors"
	"fmt"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) trackingTools() []tools.Tool {
	return []tools.Tool{
		tools.New("segment_track", s.track),
		tools.New("segment_identify", s.identify),
		tools.New("segment_group", s.group),
		tools.New("segment_page", s.page),
		tools.New("segment_send_batch", s.sendBatch),
	}
}

type trackIn struct {
	Event        string          `json:"event"`
	UserID       string          `json:"user_id"`
	AnonymousID  string          `json:"anonymous_id"`
	Properties   map[string]any  `json:"properties"`
	Integrations map[string]bool `json:"integrations"`
	Timestamp    string          `json:"timestamp"`
	MessageID    string          `json:"message_id"`
}

func (s *service) track(ctx context.Context, c *upstream.Client, in trackIn) (Accepted, error) {
	return s.send(ctx, c, event{
		Type: "track", Event: in.Event, UserID: in.UserID, AnonymousID: in.AnonymousID, Properties: in.Properties,
		integrations: in.Integrations, Timestamp: in.Timestamp, MessageID: in.MessageID,
	})
}

type identifyIn struct {
	UserID      string         `json:"user_id"`
	AnonymousID string         `json:"anonymous_id"`
	Traits      map[string]any `json:"traits"`
	Timestamp   string         `json:"timestamp"`
	MessageID   string         `json:"message_id"`
}

func (s *service) identify(ctx context.Context, c *upstream.Client, in identifyIn) (Accepted, error) {
	return s.send(ctx, c, event{
		Type: "identify", UserID: in.UserID, AnonymousID: in.AnonymousID, Traits: in.Traits, Timestamp: in.Timestamp, MessageID: in.MessageID,
	})
}

type groupIn struct {
	GroupID     string         `json:"group_id"`
	UserID      string         `json:"user_id"`
	AnonymousID string         `json:"anonymous_id"`
	Traits      map[string]any `json:"traits"`
	Timestamp   string         `json:"timestamp"`
	MessageID   string         `json:"message_id"`
}

func (s *service) group(ctx context.Context, c *upstream.Client, in groupIn) (Accepted, error) {
	return s.send(ctx, c, event{
		Type: "group", GroupID: in.GroupID, UserID: in.UserID, AnonymousID: in.AnonymousID, Traits: in.Traits, Timestamp: in.Timestamp, MessageID: in.MessageID,
	})
}

type pageIn struct {
	Kind        string         `json:"kind"`
	Name        string         `json:"name"`
	UserID      string         `json:"user_id"`
	AnonymousID string         `json:"anonymous_id"`
	Properties  map[string]any `json:"properties"`
	Timestamp   string         `json:"timestamp"`
	MessageID   string         `json:"message_id"`
}

func (s *service) page(ctx context.Context, c *upstream.Client, in pageIn) (Accepted, error) {
	return s.send(ctx, c, event{
		Type: in.Kind, Name: in.Name, UserID: in.UserID, AnonymousID: in.AnonymousID, Properties: in.Properties, Timestamp: in.Timestamp, MessageID: in.MessageID,
	})
}

// Accepted is the answer of a call that sends one event.
type Accepted struct {
	Type      string `json:"type"` // "track", …
	MessageID string `json:"message_id"`
	Timestamp string `json:"timestamp,omitempty"` // where one was given: how it was read
}

// Text says accepted, and not recorded: what Segment thinks of an event it never says
// to whoever sent it.
func (a Accepted) Text() string {
	text := fmt.Sprintf("Segment accepted the %s call, message_id %s", a.Type, a.MessageID)
	if a.Timestamp != "" {
		text += ", as of " + a.Timestamp
	}
	return text + ". It is processed later, without a word if it is dropped."
}

// send sends one event.
func (s *service) send(ctx context.Context, c *upstream.Client, e event) (Accepted, error) {
	m, wrong := s.written(e, c.CallID())
	if wrong != "" {
		return Accepted{}, fault.Wrong("Nothing was sent: %s", wrong)
	}
	m.Type, m.Context, m.SentAt = "", ours(), s.now().UTC().Format(stamp)
	body, err := encoded(m)
	if err != nil {
		return Accepted{}, fault.Wrong("The event cannot be written as JSON. Nothing was sent.")
	}
	if len(body) > maxEvent {
		return Accepted{}, fault.Wrong("The event is too large: %s Nothing was sent.", e.tooLarge(len(body)))
	}
	if err := deliver(ctx, c, "/v1/"+e.Type, body); err != nil {
		return Accepted{}, inDoubt(err, fmt.Sprintf("with message_id %q", m.MessageID))
	}
	return Accepted{Type: e.Type, MessageID: m.MessageID, Timestamp: m.Timestamp}, nil
}

// deliver posts a body to the tracking API. Where it is not certain whether it
// arrived it is posted once more: the ids in it make one of two.
func deliver(ctx context.Context, c *upstream.Client, path string, body []byte) error {
	for attempt := 1; ; attempt++ {
		var answer struct {
			Success *bool `json:"success"`
		}
		err := c.Do(ctx, upstream.Request{
			API: host(c, tracking), Path: path, Body: body, Type: "application/json", Fault: faultOf(tracking, c.Param(paramRegion)),
		}, &answer)
		if err == nil && answer.Success != nil && !*answer.Success {
			return fault.New(fault.UpstreamError, "Segment answered that it did not take the event, and not why. An admin can look into the source's debugger.")
		}
		if err == nil || attempt == 2 || !doubtful(err) || ctx.Err() != nil {
			return err
		}
	}
}

// doubtful reports whether the request may have been accepted in spite of its error.
func doubtful(err error) bool {
	var f *fault.Error
	if !errors.As(err, &f) || f.NotSent {
		return false
	}
	return f.Kind == fault.Timeout || f.Kind == fault.UpstreamUnavailable || f.Kind == fault.UpstreamError
}

// inDoubt adds to such an error how it can be sent again without harm.
func inDoubt(err error, how string) error {
	var f *fault.Error
	if !doubtful(err) || !errors.As(err, &f) {
		return err
	}
	g := *f
	g.Message += " Sending it again " + how + " does no harm: Segment keeps one of each id."
	return &g
}
