package segment

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

func (s *service) volumeTools() []tools.Tool {
	return []tools.Tool{
		tools.New("segment_event_volume", s.eventVolume),
		tools.New("segment_delivery_overview", s.deliveryOverview),
	}
}

// Point is a count at the begin of a minute, an hour or a day, in UTC.
type Point struct {
	Time  string `json:"time"`
	Count int64  `json:"count"`
}

// Volume is how many events there were of a kind.
type Volume struct {
	Event    string  `json:"event,omitempty"`
	Type     string  `json:"type,omitempty"`
	Source   string  `json:"source,omitempty"`
	SourceID string  `json:"source_id,omitempty"`
	Reason   string  `json:"reason,omitempty"` // why they were discarded
	Total    int64   `json:"total"`
	Retries  int64   `json:"retries,omitempty"`
	Series   []Point `json:"series,omitempty"`
}

// Volumes is the answer of segment_event_volume and segment_delivery_overview.
type Volumes struct {
	What        string   `json:"what"`
	Start       string   `json:"start"`
	End         string   `json:"end"`
	Granularity string   `json:"granularity"`
	Total       int64    `json:"total"` // of what Segment answered at once
	Volumes     []Volume `json:"volumes"`
	Next        string   `json:"next_cursor,omitempty"`
}

// Text is one line a kind, and one a point of time.
func (v Volumes) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s to %s: %d\n", v.What, v.Start, v.End, v.Total)
	for _, x := range v.Volumes {
		var parts []string
		for _, p := range []string{x.Event, x.Type, x.Source, x.Reason} {
			if p != "" {
				parts = append(parts, upstream.Quote(p))
			}
		}
		if x.SourceID != "" {
			parts = append(parts, x.SourceID)
		}
		if len(parts) > 0 {
			fmt.Fprintf(&b, "%s: %d", strings.Join(parts, " "), x.Total)
			if x.Retries > 0 {
				fmt.Fprintf(&b, ", %d retries", x.Retries)
			}
			b.WriteString("\n")
		}
		for _, p := range x.Series {
			fmt.Fprintf(&b, "  %s %d\n", p.Time, p.Count)
		}
	}
	if len(v.Volumes) == 0 {
		b.WriteString("Nothing was counted.\n")
	}
	return b.String() + more(v.Next)
}

// volumeModel is SourceEventVolumeV1 and DeliveryOverviewMetricsDataset.
type volumeModel struct {
	Source struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"source"`
	EventName     string  `json:"eventName"`
	EventType     string  `json:"eventType"`
	DiscardReason string  `json:"discardReason"`
	Total         float64 `json:"total"`
	Retries       float64 `json:"totalRetryCount"`
	Series        []struct {
		Time  string  `json:"time"`
		Count float64 `json:"count"`
	} `json:"series"`
}

// maxPoints is how many points of time one kind shows.
const maxPoints = 750

func (m volumeModel) volume(series bool) Volume {
	v := Volume{
		Event: upstream.Clean(m.EventName, 200), Type: upstream.Clean(m.EventType, 40), Source: upstream.Clean(m.Source.Name, 120),
		SourceID: upstream.Clean(m.Source.ID, 64), Reason: upstream.Clean(m.DiscardReason, 120), Total: whole(m.Total), Retries: whole(m.Retries),
	}
	if !series {
		return v
	}
	for _, p := range m.Series[:min(len(m.Series), maxPoints)] {
		v.Series = append(v.Series, Point{upstream.Clean(p.Time, 40), whole(p.Count)})
	}
	return v
}

// maxCount is the most that a count is believed to be: what JSON numbers hold exactly.
const maxCount = 1 << 53

// whole is a count as a number without a fraction.
func whole(f float64) int64 { return int64(math.Round(max(0, min(f, maxCount)))) }

type eventVolumeIn struct {
	Granularity string `json:"granularity"`
	Start       string `json:"start"`
	End         string `json:"end"`
	GroupBy     string `json:"group_by"`
	Source      string `json:"source"`
	Event       string `json:"event"`
	Limit       int    `json:"limit"`
	Cursor      string `json:"cursor"`
}

func (s *service) eventVolume(ctx context.Context, c *upstream.Client, in eventVolumeIn) (Volumes, error) {
	q, out, err := s.window(in.Granularity, in.Start, in.End, 90*day)
	if err != nil {
		return Volumes{}, err
	}
	query := in
	query.Limit, query.Cursor = 0, ""
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Volumes{}, err
	}
	out.What = "Events that came in"
	if in.Source != "" {
		found, err := s.source(ctx, c, in.Source)
		if err != nil {
			return Volumes{}, err
		}
		q.Set("sourceId.0", found.ID)
		out.What += " from " + shown(found.Name, 120)
	}
	if in.Event != "" {
		q.Set("eventName.0", in.Event)
		out.What += " of " + shown(in.Event, 200)
	}
	if in.GroupBy != "" {
		q.Set("groupBy.0", in.GroupBy)
	}
	items, next, err := read[volumeModel](ctx, s, c, listing{path: "/events/volume", key: "result", query: q, cursor: at.Cursor, count: in.Limit})
	if err != nil {
		return Volumes{}, err
	}
	return out.with(query, at, items, in.GroupBy == "", in.Limit, next), nil
}

// with fills in what was counted.
func (v Volumes) with(query any, at tools.Position, items []volumeModel, series bool, limit int, next string) Volumes {
	all := make([]Volume, 0, len(items))
	for _, m := range items {
		one := m.volume(series)
		v.Total = min(v.Total+one.Total, maxCount)
		all = append(all, one)
	}
	v.Volumes, v.Next = tools.Page(query, at, all, limit, next)
	return v
}

type deliveryOverviewIn struct {
	Stage       string `json:"stage"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Granularity string `json:"granularity"`
	Start       string `json:"start"`
	End         string `json:"end"`
	GroupBy     string `json:"group_by"`
	Limit       int    `json:"limit"`
	Cursor      string `json:"cursor"`
}

// stages are the steps of an event's way, and what is counted there. Those behind the
// source are of one destination (destinationConfigId of the vendor's SDKs).
var stages = map[string]struct {
	says          string
	byDestination bool
}{
	"successfully-received":   {"Events received", false},
	"failed-on-ingest":        {"Events that failed on ingest", false},
	"filtered-at-source":      {"Events filtered at the source", false},
	"filtered-at-destination": {"Events filtered at the destination", true},
	"failed-delivery":         {"Events that could not be delivered", true},
	"successful-delivery":     {"Events delivered", true},
}

func (s *service) deliveryOverview(ctx context.Context, c *upstream.Client, in deliveryOverviewIn) (Volumes, error) {
	stage := stages[in.Stage]
	switch {
	case stage.byDestination && in.Destination == "":
		return Volumes{}, fault.Wrong("The stage %s is of one destination: give destination, from segment_list_destinations. Nothing was asked.", in.Stage)
	case !stage.byDestination && in.Destination != "":
		return Volumes{}, fault.Wrong("The stage %s comes before any destination: leave destination out. Nothing was asked.", in.Stage)
	}
	q, out, err := s.window(in.Granularity, in.Start, in.End, 30*day)
	if err != nil {
		return Volumes{}, err
	}
	query := in
	query.Limit, query.Cursor = 0, ""
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Volumes{}, err
	}
	found, err := s.source(ctx, c, in.Source)
	if err != nil {
		return Volumes{}, err
	}
	q.Set("sourceId", found.ID)
	out.What = stage.says + ", source " + shown(found.Name, 120)
	if in.Destination != "" {
		if found, err = s.destination(ctx, c, in.Destination); err != nil {
			return Volumes{}, err
		}
		q.Set("destinationConfigId", found.ID)
		out.What += ", destination " + shown(found.Name, 120)
	}
	if in.GroupBy != "" {
		q.Set("groupBy.0", in.GroupBy)
	}
	items, next, err := read[volumeModel](ctx, s, c, listing{
		path: "/delivery-overview/" + in.Stage, key: "dataset", version: v1beta, query: q, cursor: at.Cursor, count: in.Limit,
	})
	if err != nil {
		return Volumes{}, err
	}
	return out.with(query, at, items, in.GroupBy == "", in.Limit, next), nil
}

const day = 24 * time.Hour

// window is a span of time as the Public API takes it: by minutes 4 hours at most, by
// hours 14 days ("granularity" of the delivery overview), by days so many. Segment
// advises to end a minute before now.
func (s *service) window(granularity, start, end string, days time.Duration) (url.Values, Volumes, error) {
	most, says := days, fmt.Sprintf("%d days", days/day)
	switch granularity {
	case "MINUTE":
		most, says = 4*time.Hour, "4 hours"
	case "HOUR":
		most, says = 14*day, "14 days"
	}
	last := s.now().Add(-time.Minute).Truncate(time.Minute)
	to := last
	if end != "" {
		t, err := s.moment("end", end)
		if err != nil {
			return nil, Volumes{}, err
		}
		if t.Before(last) {
			to = t
		}
	}
	from := to.Add(-min(7*day, most))
	if start != "" {
		t, err := s.moment("start", start)
		if err != nil {
			return nil, Volumes{}, err
		}
		from = t
	}
	switch {
	case !from.Before(to):
		return nil, Volumes{}, fault.Wrong("start (%s) has to be before end (%s). Nothing was asked.", wire(from), wire(to))
	case to.Sub(from) > most:
		return nil, Volumes{}, fault.Wrong("By %s, Segment is asked for %s at most. Take a shorter time or a coarser granularity (DAY, HOUR, MINUTE). Nothing was asked.", granularity, says)
	}
	q := url.Values{"granularity": {granularity}, "startTime": {wire(from)}, "endTime": {wire(to)}}
	return q, Volumes{Start: wire(from), End: wire(to), Granularity: granularity}, nil
}

func (s *service) moment(argument, word string) (time.Time, error) {
	return when.Parse(argument, word, when.Clock{Now: s.now()})
}

func wire(t time.Time) string { return t.UTC().Format(time.RFC3339) }
