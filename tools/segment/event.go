package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

// What Segment takes at most, in bytes as they are sent. Beyond them it answers 400,
// or 200 and drops the event ("HTTP API Source", Errors).
const (
	maxEvent       = 32 << 10 // one event
	maxBatchBytes  = 475_000  // a batch: 500 kB, less what its envelope and its counting may take
	maxBatchEvents = 2_500
	maxProperties  = 10_000
	maxTraits      = 299 // Unify drops an identify or a group with 300 or more
	maxMessageID   = 99
	maxGroupID     = 500
)

// ahead is how far from now a timestamp may be in the future: clocks differ, and a
// day is the zone of somebody who forgot to write it.
const ahead = 24 * time.Hour

// event is what a caller says happened, of any type.
type event struct {
	Type         string          `json:"type"`
	UserID       string          `json:"user_id"`
	AnonymousID  string          `json:"anonymous_id"`
	Event        string          `json:"event"`
	Name         string          `json:"name"`
	GroupID      string          `json:"group_id"`
	Properties   map[string]any  `json:"properties"`
	Traits       map[string]any  `json:"traits"`
	Timestamp    string          `json:"timestamp"`
	MessageID    string          `json:"message_id"`
	integrations map[string]bool // where to; of a single track only
}

// message is an event as it is sent (Segment Spec, "Common fields").
type message struct {
	Type         string          `json:"type,omitempty"` // in a batch only: else the path says it
	MessageID    string          `json:"messageId"`
	UserID       string          `json:"userId,omitempty"`
	AnonymousID  string          `json:"anonymousId,omitempty"`
	Event        string          `json:"event,omitempty"`
	Name         string          `json:"name,omitempty"`
	GroupID      string          `json:"groupId,omitempty"`
	Properties   map[string]any  `json:"properties,omitempty"`
	Traits       map[string]any  `json:"traits,omitempty"`
	Integrations map[string]bool `json:"integrations,omitempty"`
	Timestamp    string          `json:"timestamp,omitempty"`
	SentAt       string          `json:"sentAt,omitempty"`
	Context      *origin         `json:"context,omitempty"`
}

// origin says which program sent an event.
type origin struct {
	Library struct {
		Name string `json:"name"`
	} `json:"library"`
}

func ours() *origin {
	o := &origin{}
	o.Library.Name = "toolvault"
	return o
}

const stamp = "2006-01-02T15:04:05.000Z"

// wrong says what Segment would drop an event for without a word; "" nothing.
func (e event) wrong() string {
	takesProperties := e.Type == "track" || e.Type == "page" || e.Type == "screen"
	switch {
	case e.UserID == "" && e.AnonymousID == "":
		return "it says of nobody: give user_id or anonymous_id (any stable id of a person who is not signed in)."
	case e.Type == "track" && e.Event == "":
		return `a track needs event, its name, such as "Export failed".`
	case e.Type != "track" && e.Event != "":
		return "event is of a track only; a page or screen has name."
	case e.Type == "group" && e.GroupID == "":
		return "a group needs group_id, the id of the company."
	case e.Type != "group" && e.GroupID != "":
		return "group_id is of a group only; on another event write it into properties."
	case len(e.GroupID) > maxGroupID:
		return fmt.Sprintf("group_id is longer than %d bytes.", maxGroupID)
	case e.Name != "" && e.Type != "page" && e.Type != "screen":
		return "name is of a page or screen only; the name of a person is a trait."
	case len(e.Traits) > 0 && takesProperties:
		return "traits are of identify and group; a " + e.Type + " has properties."
	case len(e.Properties) > 0 && !takesProperties:
		return "properties are of track, page and screen; " + e.Type + " has traits."
	case len(e.Traits) > maxTraits:
		return fmt.Sprintf("it has %d traits, more than the %d that a profile takes at once. Send it in parts.", len(e.Traits), maxTraits)
	case len(e.Properties) > maxProperties:
		return fmt.Sprintf("it has %d properties, more than the %d that an event may have.", len(e.Properties), maxProperties)
	case len(e.MessageID) > maxMessageID || strings.ContainsFunc(e.MessageID, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Sprintf("message_id has to be of letters, digits and marks without a blank, %d at most.", maxMessageID)
	}
	return ""
}

// written is the event as it is sent, under an id that is made where the caller gave
// none: only by it does Segment know that two of them are one. What is wrong with the
// event is said in a sentence.
func (s *service) written(e event, id string) (m message, wrong string) {
	if wrong := e.wrong(); wrong != "" {
		return m, wrong
	}
	if e.MessageID != "" {
		id = e.MessageID
	}
	m = message{
		Type: e.Type, MessageID: id, UserID: e.UserID, AnonymousID: e.AnonymousID, Event: e.Event, Name: e.Name, GroupID: e.GroupID,
		Properties: e.Properties, Traits: e.Traits, Integrations: e.integrations,
	}
	if e.Timestamp != "" {
		now := s.now()
		t, err := when.Parse("timestamp", e.Timestamp, when.Clock{Now: now})
		switch {
		case err != nil:
			return m, fmt.Sprintf("timestamp: %q is no time. Write %s, or leave it out for now.", upstream.Clean(e.Timestamp, 40), when.Forms)
		case t.After(now.Add(ahead)):
			return m, fmt.Sprintf("timestamp %s lies in the future. It is when the thing happened; leave it out for now.", t.UTC().Format(stamp))
		}
		m.Timestamp = t.UTC().Format(stamp)
	}
	return m, ""
}

// encoded is JSON as it goes out: without the escapes for HTML, which would count
// against the limits.
func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// tooLarge says that an event of n bytes is too large, and which part is the largest.
func (e event) tooLarge(n int) string {
	largest, most := "", 0
	for kind, fields := range map[string]map[string]any{"properties": e.Properties, "traits": e.Traits} {
		for name, value := range fields {
			raw, _ := encoded(value)
			if len(raw) > most || len(raw) == most && kind+name < largest {
				largest, most = kind+"."+upstream.Clean(name, 60), len(raw)
			}
		}
	}
	text := fmt.Sprintf("it takes %d bytes as it is sent, and Segment takes %d.", n, maxEvent)
	if most > 0 {
		text += fmt.Sprintf(" The largest part is %s with %d bytes: shorten it, or send a link to it.", largest, most)
	}
	return text
}
