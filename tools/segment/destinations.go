package segment

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) destinationTools() []tools.Tool {
	return []tools.Tool{
		tools.New("segment_list_destinations", s.listDestinations),
		tools.New("segment_set_destination_enabled", s.setDestinationEnabled),
	}
}

type listDestinationsIn struct {
	Source string `json:"source"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// destinationModel is DestinationV1 without its settings, which hold keys of the
// systems that it feeds.
type destinationModel struct {
	thing
	Enabled bool `json:"enabled"`
}

// Destination is a destination as it is shown.
type Destination struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"type,omitempty"` // "Amplitude (Actions)"
	Enabled  bool   `json:"enabled"`
	SourceID string `json:"source_id,omitempty"`
}

func (m destinationModel) destination() Destination {
	return Destination{
		ID: upstream.Clean(m.ID, 64), Name: upstream.Clean(m.called(), 120), Type: upstream.Clean(m.Metadata.Name, 80),
		Enabled: m.Enabled, SourceID: upstream.Clean(m.SourceID, 64),
	}
}

// Destinations is the answer of segment_list_destinations.
type Destinations struct {
	Destinations []Destination `json:"destinations"`
	Next         string        `json:"next_cursor,omitempty"`
}

// Text is one line a destination.
func (l Destinations) Text() string {
	var b strings.Builder
	if len(l.Destinations) == 0 {
		b.WriteString("No destination.\n")
	}
	for _, d := range l.Destinations {
		fmt.Fprintf(&b, "%s  %s  %s, %s, from source %s\n", d.ID, upstream.Quote(d.Name), upstream.Quote(d.Type), onOff(d.Enabled), d.SourceID)
	}
	return b.String() + more(l.Next)
}

func (s *service) listDestinations(ctx context.Context, c *upstream.Client, in listDestinationsIn) (Destinations, error) {
	query := listDestinationsIn{Source: in.Source}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Destinations{}, err
	}
	l := listing{path: "/destinations", key: "destinations", cursor: at.Cursor, count: in.Limit}
	if in.Source != "" {
		found, err := s.source(ctx, c, in.Source)
		if err != nil {
			return Destinations{}, err
		}
		l.path = "/sources/" + url.PathEscape(found.ID) + "/connected-destinations"
	}
	items, next, err := read[destinationModel](ctx, s, c, l)
	if err != nil {
		return Destinations{}, err
	}
	all := make([]Destination, 0, len(items))
	for _, m := range items {
		all = append(all, m.destination())
	}
	var out Destinations
	out.Destinations, out.Next = tools.Page(query, at, all, in.Limit, next)
	return out, nil
}

type setDestinationEnabledIn struct {
	Destination string `json:"destination"`
	Enabled     bool   `json:"enabled"`
}

// Switched is the answer of segment_set_destination_enabled.
type Switched struct {
	Destination
}

// Text says what now holds.
func (d Switched) Text() string {
	what := "gets no more data"
	if d.Enabled {
		what = "gets data again"
	}
	text := fmt.Sprintf("The destination %s (%s) is %s: it %s", upstream.Quote(d.Name), d.ID, onOff(d.Enabled), what)
	if d.SourceID != "" {
		text += " of source " + d.SourceID
	}
	return text + ". What comes while it is off is not sent later."
}

func (s *service) setDestinationEnabled(ctx context.Context, c *upstream.Client, in setDestinationEnabledIn) (Switched, error) {
	found, err := s.destination(ctx, c, in.Destination)
	if err != nil {
		return Switched{}, err
	}
	var answer struct {
		Data struct {
			Destination *destinationModel `json:"destination"`
		} `json:"data"`
	}
	err = s.public(ctx, c, upstream.Request{
		Method: http.MethodPatch, Path: "/destinations/" + url.PathEscape(found.ID), JSON: map[string]bool{"enabled": in.Enabled},
	}, v1, &answer)
	if err != nil {
		return Switched{}, err
	}
	if answer.Data.Destination == nil {
		return Switched{}, unreadable()
	}
	return Switched{answer.Data.Destination.destination()}, nil
}
