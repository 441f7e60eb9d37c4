package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

func (s *service) annotationTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_list_annotations", s.listAnnotations), tools.New("grafana_create_annotation", s.createAnnotation)}
}

// Annotation is a mark on the time axis: a deployment, an incident, an alert.
type Annotation struct {
	ID        int64    `json:"id"`
	Time      string   `json:"time"`
	End       string   `json:"end,omitempty"`
	Text      string   `json:"text,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	Dashboard string   `json:"dashboard,omitempty"` // uid; "": of the organisation
	Panel     int64    `json:"panel,omitempty"`
	By        string   `json:"by,omitempty"`
	Alert     string   `json:"alert,omitempty"` // its new state
}

func (a Annotation) line() string {
	text := fmt.Sprintf("annotation %d  %s", a.ID, a.Time)
	if a.End != "" {
		text += " to " + a.End
	}
	text += "  " + upstream.Quote(a.Text)
	if len(a.Tags) > 0 {
		text += "  tags " + upstream.Quote(strings.Join(a.Tags, ", "))
	}
	if a.Dashboard != "" {
		text += "  on dashboard " + a.Dashboard
	}
	if a.Panel != 0 {
		text += fmt.Sprintf(" panel %d", a.Panel)
	}
	if a.By != "" {
		text += "  by " + upstream.Quote(a.By)
	}
	if a.Alert != "" {
		text += "  alert is " + a.Alert
	}
	return text + "\n"
}

// Annotations is the answer of grafana_list_annotations.
type Annotations struct {
	Annotations []Annotation `json:"annotations"`
	From        string       `json:"from"`
	To          string       `json:"to"`
	Full        bool         `json:"limit_reached,omitempty"`
}

// Text is one to a line.
func (a Annotations) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d annotations from %s to %s\n", len(a.Annotations), a.From, a.To)
	for _, i := range a.Annotations {
		b.WriteString(i.line())
	}
	if a.Full {
		b.WriteString("There may be more: go on before the oldest with to.\n")
	}
	return b.String()
}

// AnnotationsArgs are those of grafana_list_annotations.
type AnnotationsArgs struct {
	From      string   `json:"from"`
	To        string   `json:"to"`
	Tags      []string `json:"tags"`
	Dashboard string   `json:"dashboard"`
	Type      string   `json:"type"`
	Limit     int      `json:"limit"`
}

func (s *service) listAnnotations(ctx context.Context, c *upstream.Client, in AnnotationsArgs) (Annotations, error) {
	at, err := s.during(in.From, in.To)
	if err != nil {
		return Annotations{}, err
	}
	q := url.Values{"from": {millis(at.from)}, "to": {millis(at.to)}, "limit": {strconv.Itoa(in.Limit)}, "tags": in.Tags}
	if in.Type != "" {
		q.Set("type", in.Type)
	}
	if in.Dashboard != "" {
		d, err := s.dashboard(ctx, c, in.Dashboard)
		if err != nil {
			return Annotations{}, err
		}
		q.Set("dashboardUID", d.UID)
	}
	var all []struct {
		ID        int64    `json:"id"`
		Time      int64    `json:"time"`
		End       int64    `json:"timeEnd"`
		Text      string   `json:"text"`
		Tags      []string `json:"tags"`
		Dashboard string   `json:"dashboardUID"`
		Panel     int64    `json:"panelId"`
		Login     string   `json:"login"`
		State     string   `json:"newState"`
	}
	if err := s.get(ctx, c, "/api/annotations", q, &all); err != nil {
		return Annotations{}, err
	}
	out := Annotations{Annotations: []Annotation{}, From: stamp(at.from), To: stamp(at.to), Full: len(all) >= in.Limit}
	room := maxTables
	for _, m := range all[:min(len(all), in.Limit)] {
		a := Annotation{
			ID: m.ID, Time: stamp(time.UnixMilli(m.Time)), Text: upstream.CleanLines(m.Text, 500), Panel: m.Panel,
			By: upstream.Clean(m.Login, 100), Alert: word(m.State, ""),
		}
		if m.End > m.Time {
			a.End = stamp(time.UnixMilli(m.End))
		}
		if uidForm.MatchString(m.Dashboard) {
			a.Dashboard = m.Dashboard
		}
		for _, t := range m.Tags[:min(len(m.Tags), 10)] {
			if t = upstream.Clean(t, 60); t != "" {
				a.Tags = append(a.Tags, t)
			}
		}
		raw, _ := json.Marshal(a)
		if room -= len(raw); room < 0 {
			out.Full = true
			break
		}
		out.Annotations = append(out.Annotations, a)
	}
	return out, nil
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// AnnotationArgs are those of grafana_create_annotation.
type AnnotationArgs struct {
	Text      string   `json:"text"`
	Time      string   `json:"time"`
	End       string   `json:"end"`
	Tags      []string `json:"tags"`
	Dashboard string   `json:"dashboard"`
	Panel     int64    `json:"panel"`
}

// Made is the answer of grafana_create_annotation.
type Made struct {
	Annotation
}

// Text is one line.
func (m Made) Text() string { return m.line() }

func (s *service) createAnnotation(ctx context.Context, c *upstream.Client, in AnnotationArgs) (Made, error) {
	if in.Panel != 0 && in.Dashboard == "" {
		return Made{}, fault.Wrong("panel needs dashboard.")
	}
	at, err := when.Parse("time", in.Time, s.clock())
	if err != nil {
		return Made{}, err
	}
	out := Annotation{Time: stamp(at), Text: upstream.CleanLines(in.Text, 2000), Tags: in.Tags, Panel: in.Panel}
	body := map[string]any{"text": in.Text, "time": at.UnixMilli(), "tags": in.Tags}
	if in.Tags == nil {
		body["tags"] = []string{}
	}
	if in.End != "" {
		end, err := when.Parse("end", in.End, s.clock())
		if err != nil {
			return Made{}, err
		}
		if end.Before(at) {
			return Made{}, fault.Wrong("end is before time.")
		}
		body["timeEnd"], out.End = end.UnixMilli(), stamp(end)
	}
	if in.Dashboard != "" {
		d, err := s.dashboard(ctx, c, in.Dashboard)
		if err != nil {
			return Made{}, err
		}
		body["dashboardUID"], out.Dashboard = d.UID, d.UID
		if in.Panel != 0 {
			body["panelId"] = in.Panel
		}
	}
	var r struct {
		ID int64 `json:"id"`
	}
	if err := s.do(ctx, c, upstream.Request{Path: "/api/annotations", JSON: body}, &r); err != nil {
		return Made{}, err
	}
	if r.ID <= 0 {
		return Made{}, fault.New(fault.UpstreamError, "Grafana has taken the annotation and did not say its id. Look for it with grafana_list_annotations; do not make it again.")
	}
	out.ID = r.ID
	return Made{out}, nil
}
