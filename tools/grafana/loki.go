package grafana

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

const (
	maxLine  = 1000   // characters of a line
	maxLines = 45_000 // bytes of an answer
)

func (s *service) lokiTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_query_loki", s.queryLoki)}
}

// LokiArgs are those of grafana_query_loki.
type LokiArgs struct {
	Datasource string `json:"datasource"`
	Query      string `json:"query"`
	From       string `json:"from"`
	To         string `json:"to"`
	Limit      int    `json:"limit"`
	Direction  string `json:"direction"`
}

// Line is a line of a log.
type Line struct {
	Time string `json:"time"`
	Line string `json:"line"`
}

// Stream is a log: the lines that have the same labels.
type Stream struct {
	Labels string `json:"labels"`
	Lines  []Line `json:"lines"`
}

// Logs is the answer of grafana_query_loki: lines, or series where the query counts.
type Logs struct {
	Datasource string   `json:"datasource"`
	From       string   `json:"from"`
	To         string   `json:"to"`
	Streams    []Stream `json:"streams,omitempty"`
	Lines      int      `json:"lines"`
	Full       bool     `json:"limit_reached,omitempty"` // there may be more
	Metrics    *Metrics `json:"metrics,omitempty"`
}

// Text is the lines, below their labels.
func (l Logs) Text() string {
	if l.Metrics != nil {
		return l.Metrics.Text()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d lines of %s, from %s to %s\n", l.Lines, l.Datasource, l.From, l.To)
	for _, s := range l.Streams {
		b.WriteString(upstream.Quote(s.Labels) + "\n")
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "  %s %s\n", line.Time, upstream.Quote(line.Line))
		}
	}
	if l.Full {
		b.WriteString("There may be more: narrow the query or the time, or go on before the oldest with to.\n")
	}
	return b.String()
}

// lokiStream is one of Loki's; a value is a moment in nanoseconds, a line, and
// perhaps what is kept beside the line.
type lokiStream struct {
	Labels map[string]string   `json:"stream"`
	Values [][]json.RawMessage `json:"values"`
}

func (s *service) queryLoki(ctx context.Context, c *upstream.Client, in LokiArgs) (Logs, error) {
	at, _, err := s.span(in.From, in.To, "")
	if err != nil {
		return Logs{}, err
	}
	src, err := s.source(ctx, c, in.Datasource, lokiKind)
	if err != nil {
		return Logs{}, err
	}
	var a promAnswer
	err = s.ask(ctx, c, src, "loki/api/v1/query_range", url.Values{
		"query": {in.Query}, "limit": {strconv.Itoa(in.Limit)}, "direction": {in.Direction},
		"start": {strconv.FormatInt(at.from.UnixNano(), 10)}, "end": {strconv.FormatInt(at.to.UnixNano(), 10)},
		"step": {strconv.FormatInt(int64(at.step/time.Second), 10)},
	}, &a)
	if err != nil {
		return Logs{}, err
	}
	out := Logs{Datasource: src.UID, From: stamp(at.from), To: stamp(at.to)}
	if a.Data.Type != "streams" {
		m, err := a.metrics(src, at, 20)
		out.Metrics = &m
		return out, err
	}
	var all []lokiStream
	if err := json.Unmarshal(a.Data.Result, &all); err != nil {
		return out, notAnswer(err)
	}
	out.keep(all, in.Limit, in.Direction == "forward")
	return out, nil
}

// keep takes the lines that were asked for, in order, and no more than fit.
func (l *Logs) keep(all []lokiStream, limit int, forward bool) {
	type entry struct {
		stream int
		at     int64
		line   string
	}
	var lines []entry
	for i, s := range all {
		for _, v := range s.Values {
			var at, line string
			if len(v) < 2 || json.Unmarshal(v[0], &at) != nil || json.Unmarshal(v[1], &line) != nil {
				continue
			}
			if ns, err := strconv.ParseInt(at, 10, 64); err == nil {
				lines = append(lines, entry{i, ns, line})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b entry) int {
		if forward {
			return cmp.Compare(a.at, b.at)
		}
		return cmp.Compare(b.at, a.at)
	})
	l.Full = len(lines) >= limit
	at := map[int]int{} // of a stream of Loki's: its place in ours
	room := maxLines
	for _, e := range lines[:min(len(lines), limit)] {
		line := Line{stamp3(time.Unix(0, e.at)), upstream.Clean(e.line, maxLine)}
		if room -= len(line.Line) + 60; room < 0 {
			l.Full = true
			return
		}
		i, ok := at[e.stream]
		if !ok {
			i = len(l.Streams)
			at[e.stream] = i
			l.Streams = append(l.Streams, Stream{Labels: labelled(all[e.stream].Labels)})
			room -= len(l.Streams[i].Labels)
		}
		l.Streams[i].Lines = append(l.Streams[i].Lines, line)
		l.Lines++
	}
}

// stamp3 is a moment to the millisecond.
func stamp3(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
