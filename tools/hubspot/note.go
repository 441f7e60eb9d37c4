package hubspot

import (
	"context"
	"fmt"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxHTML = 65_536 // characters of the body of an activity

type createNoteIn struct {
	Body      string `json:"body"`
	Associate []Ref  `json:"associate_to"`
	Owner     string `json:"owner"`
	Timestamp string `json:"timestamp"`
}

// Logged is an activity that is there now.
type Logged struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	URL        string `json:"url,omitempty"`
	Timestamp  string `json:"timestamp"` // RFC 3339, UTC: where it stands on the timeline; when a task is due
	Associated []Ref  `json:"associated"`
	Note       string `json:"note,omitempty"`
}

// Text is one line, and what went wrong.
func (l Logged) Text() string {
	s := map[string]string{"notes": "Note", "tasks": "Task", "calls": "Call", "meetings": "Meeting"}[l.Type] + " " + l.ID + " of "
	if l.Type == "tasks" {
		s = "Task " + l.ID + " due "
	}
	s += l.Timestamp
	for i, r := range l.Associated {
		if i == 0 {
			s += " on"
		}
		s += fmt.Sprintf(" %s %s", r.Type, r.ID)
	}
	if l.URL != "" {
		s += " | " + l.URL
	}
	return s + more("", l.Note)
}

// activity is one that is to be written.
type activity struct {
	kind       string
	body       string // Markdown
	bodyIn     string // the property
	properties map[string]string
	owner      string
	at         time.Time
	associate  []Ref
}

// log writes an activity. One that hangs on nothing is seen by nobody, so its
// associations go into the same request, and stand or fall with it, wherever HubSpot
// says how they are called.
func (s *service) log(ctx context.Context, c *upstream.Client, a activity) (Logged, error) {
	k, _ := standard(a.kind)
	targets, err := s.targets(ctx, c, plainLinks(a.associate))
	if err != nil {
		return Logged{}, err
	}
	req := wireCreate{Properties: map[string]string{"hs_timestamp": a.at.UTC().Format(time.RFC3339)}}
	for p, v := range a.properties {
		if v != "" {
			req.Properties[p] = v
		}
	}
	if a.body != "" {
		body := markdown(a.body)
		if n := len([]rune(body)); n > maxHTML {
			return Logged{}, fault.New(fault.InvalidArguments, "body: it is %d characters of HTML; HubSpot takes %d. Make it shorter.", n, maxHTML)
		}
		req.Properties[a.bodyIn] = body
	}
	if a.owner != "" {
		if req.Properties[ownerProperty], err = s.owner(ctx, c, a.owner); err != nil {
			return Logged{}, err
		}
	}
	out := Logged{Type: k.name, Timestamp: a.at.UTC().Format(time.RFC3339), Associated: []Ref{}}
	now, done, later := s.within(ctx, c, k, targets)
	req.Associations, out.Associated = now, append(out.Associated, done...)
	w, err := s.create(ctx, c, k, req)
	if err != nil {
		return Logged{}, s.explain(ctx, c, k, req.Properties, err)
	}
	out.ID, out.URL = w.ID, s.link(ctx, c, k, w.ID, w.URL)
	done, out.Note = s.join(ctx, c, k, w.ID, later)
	out.Associated = append(out.Associated, done...)
	return out, nil
}

// moment is when something was or will be; now where nothing is said.
func (s *service) moment(ctx context.Context, c *upstream.Client, argument, word string, ahead bool) (time.Time, error) {
	if word == "" {
		return s.now(), nil
	}
	return s.instant(ctx, c, argument, word, ahead)
}

func (s *service) createNote(ctx context.Context, c *upstream.Client, in createNoteIn) (Logged, error) {
	at, err := s.moment(ctx, c, "timestamp", in.Timestamp, false)
	if err != nil {
		return Logged{}, err
	}
	return s.log(ctx, c, activity{kind: "notes", body: in.Body, bodyIn: "hs_note_body", owner: in.Owner, at: at, associate: in.Associate})
}

func (s *service) activityTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_create_note", s.createNote),
		tools.New("hubspot_create_task", s.createTask),
		tools.New("hubspot_complete_task", s.completeTask),
		tools.New("hubspot_log_call", s.logCall),
		tools.New("hubspot_log_meeting", s.logMeeting),
		tools.New("hubspot_get_activity", s.getActivity),
	}
}
