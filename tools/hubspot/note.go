package hubspot

import (
	"context"
	"fmt"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxNoteHTML = 65_536 // characters of hs_note_body

type createNoteIn struct {
	Body      string `json:"body"`
	Associate []Ref  `json:"associate_to"`
	Owner     string `json:"owner_id"`
	Timestamp string `json:"timestamp"`
}

// Noted is a note that is there now.
type Noted struct {
	ID         string `json:"id"`
	URL        string `json:"url,omitempty"`
	Timestamp  string `json:"timestamp"` // RFC 3339, UTC: where it stands on the timeline
	Associated []Ref  `json:"associated"`
	Note       string `json:"note,omitempty"`
}

// Text is one line, and what went wrong.
func (n Noted) Text() string {
	s := fmt.Sprintf("Note %s of %s on", n.ID, n.Timestamp)
	for _, r := range n.Associated {
		s += fmt.Sprintf(" %s %s", r.Type, r.ID)
	}
	if n.URL != "" {
		s += " | " + n.URL
	}
	if n.Note != "" {
		s += "\nNote: " + n.Note
	}
	return s
}

// createNote writes a note. A note that hangs on nothing is seen by nobody, so
// the common associations go into the same request and stand or fall with it;
// the others, whose type ids HubSpot does not document, are made afterwards.
func (s *service) createNote(ctx context.Context, c *upstream.Client, in createNoteIn) (Noted, error) {
	targets, err := parseRefs(c, in.Associate)
	if err != nil {
		return Noted{}, err
	}
	when := s.now()
	if in.Timestamp != "" {
		if when, err = time.Parse(time.RFC3339, in.Timestamp); err != nil {
			return Noted{}, fault.New(fault.InvalidArguments, "timestamp: must be RFC 3339, such as 2026-11-24T09:30:00Z.")
		}
	}
	body := markdown(in.Body)
	if n := len([]rune(body)); n > maxNoteHTML {
		return Noted{}, fault.New(fault.InvalidArguments, "body: the note is %d characters of HTML; HubSpot takes %d. Make it shorter.", n, maxNoteHTML)
	}
	req := wireCreate{Properties: map[string]string{
		"hs_note_body": body,
		"hs_timestamp": when.UTC().Format(time.RFC3339),
	}}
	if in.Owner != "" {
		req.Properties["hubspot_owner_id"] = in.Owner
	}
	out := Noted{Timestamp: when.UTC().Format(time.RFC3339), Associated: []Ref{}}
	var later []target
	for _, t := range targets {
		if t.kind.note == 0 {
			later = append(later, t)
			continue
		}
		a := wireAssociation{Types: []wireAssociationType{{"HUBSPOT_DEFINED", t.kind.note}}}
		a.To.ID = t.id
		req.Associations = append(req.Associations, a)
		out.Associated = append(out.Associated, Ref{t.kind.name, t.id})
	}
	notes, err := parseKind("notes")
	if err != nil {
		return Noted{}, err
	}
	w, err := s.create(ctx, c, notes, req)
	if err != nil {
		return Noted{}, err
	}
	out.ID, out.URL = w.ID, s.link(ctx, c, notes, w.ID, w.URL)
	done, note := associate(ctx, c, notes, w.ID, later)
	out.Associated, out.Note = append(out.Associated, done...), note
	return out, nil
}
