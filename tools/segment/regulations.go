package segment

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) regulationTools() []tools.Tool {
	return []tools.Tool{
		tools.New("segment_list_regulations", s.listRegulations),
		tools.New("segment_create_regulation", s.createRegulation),
	}
}

type createRegulationIn struct {
	Type    string   `json:"type"`
	UserIDs []string `json:"user_ids"`
	Source  string   `json:"source"`
}

// Regulated is the answer of segment_create_regulation.
type Regulated struct {
	ID       string `json:"regulation_id"`
	Type     string `json:"type"`
	Users    int    `json:"users"`
	SourceID string `json:"source_id,omitempty"`
}

// Text says what was asked for, and that it is not done yet.
func (r Regulated) Text() string {
	where := "the whole workspace"
	if r.SourceID != "" {
		where = "source " + r.SourceID
	}
	return fmt.Sprintf("Segment took the regulation %s: %s of %s in %s. It is carried out over days, and cannot be taken back; segment_list_regulations shows how far it is.", r.ID, r.Type, several(r.Users, "user"), where)
}

func (s *service) createRegulation(ctx context.Context, c *upstream.Client, in createRegulationIn) (Regulated, error) {
	for i, id := range in.UserIDs {
		if strings.TrimSpace(id) != id || id == "" {
			return Regulated{}, fault.Wrong("user_ids[%d] is empty, or has a blank at an end. Nothing was done.", i)
		}
	}
	out := Regulated{Type: in.Type, Users: len(in.UserIDs)}
	path := "/regulations"
	if in.Source != "" {
		found, err := s.source(ctx, c, in.Source)
		if err != nil {
			return Regulated{}, err
		}
		path += "/sources/" + url.PathEscape(found.ID)
		out.SourceID = upstream.Clean(found.ID, 64)
	}
	var answer struct {
		Data struct {
			ID string `json:"regulateId"`
		} `json:"data"`
	}
	err := s.public(ctx, c, upstream.Request{
		Path: path, JSON: map[string]any{"regulationType": in.Type, "subjectType": "USER_ID", "subjectIds": in.UserIDs},
	}, v1, &answer)
	if err != nil {
		return Regulated{}, err
	}
	if out.ID = upstream.Clean(answer.Data.ID, 64); out.ID == "" {
		return Regulated{}, unreadable()
	}
	return out, nil
}

type listRegulationsIn struct {
	Status string `json:"status"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// Regulation is a request to delete or suppress, and how far it is.
type Regulation struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Status   string   `json:"status"`
	Created  string   `json:"created"`
	Finished string   `json:"finished,omitempty"`
	Users    int      `json:"users"`
	UserIDs  []string `json:"user_ids"` // the first of them
}

// Regulations is the answer of segment_list_regulations.
type Regulations struct {
	Regulations []Regulation `json:"regulations"`
	Next        string       `json:"next_cursor,omitempty"`
}

// Text is one line a regulation.
func (l Regulations) Text() string {
	var b strings.Builder
	if len(l.Regulations) == 0 {
		b.WriteString("No regulation in the last 90 days.\n")
	}
	for _, r := range l.Regulations {
		fmt.Fprintf(&b, "%s  %s %s, %s", r.ID, upstream.Quote(r.Type), upstream.Quote(r.Status), r.Created)
		if r.Finished != "" {
			b.WriteString(" to " + r.Finished)
		}
		fmt.Fprintf(&b, ", %s: %s\n", several(r.Users, "user"), upstream.Quote(strings.Join(r.UserIDs, ", ")))
	}
	return b.String() + more(l.Next)
}

const maxSubjects = 20 // of a regulation that are shown

func (s *service) listRegulations(ctx context.Context, c *upstream.Client, in listRegulationsIn) (Regulations, error) {
	query := listRegulationsIn{Status: in.Status}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Regulations{}, err
	}
	q := url.Values{}
	if in.Status != "" {
		q.Set("status", in.Status)
	}
	items, next, err := read[struct {
		ID       string   `json:"id"`
		Subjects []string `json:"subjects"`
		Status   string   `json:"status"`
		Created  string   `json:"createdAt"`
		Type     string   `json:"regulationType"`
		Finished string   `json:"finishedAt"`
	}](ctx, s, c, listing{path: "/regulations", key: "regulations", query: q, cursor: at.Cursor, count: in.Limit})
	if err != nil {
		return Regulations{}, err
	}
	all := make([]Regulation, 0, len(items))
	for _, m := range items {
		r := Regulation{
			ID: upstream.Clean(m.ID, 64), Type: upstream.Clean(m.Type, 40), Status: upstream.Clean(m.Status, 40), Created: upstream.Clean(m.Created, 40),
			Finished: upstream.Clean(m.Finished, 40), Users: len(m.Subjects), UserIDs: []string{},
		}
		for _, id := range m.Subjects[:min(len(m.Subjects), maxSubjects)] {
			r.UserIDs = append(r.UserIDs, upstream.Clean(id, 120))
		}
		all = append(all, r)
	}
	var out Regulations
	out.Regulations, out.Next = tools.Page(query, at, all, in.Limit, next)
	return out, nil
}
