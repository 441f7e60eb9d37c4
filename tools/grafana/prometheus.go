package grafana

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

func (s *service) prometheusTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_query_prometheus", s.queryPrometheus)}
}

// PrometheusArgs are those of grafana_query_prometheus.
type PrometheusArgs struct {
	Datasource string `json:"datasource"`
	Query      string `json:"query"`
	From       string `json:"from"`
	To         string `json:"to"`
	Step       string `json:"step"`
	MaxSeries  int    `json:"max_series"`
}

func (s *service) queryPrometheus(ctx context.Context, c *upstream.Client, in PrometheusArgs) (Metrics, error) {
	at, note, err := s.span(in.From, in.To, in.Step)
	if err != nil {
		return Metrics{}, err
	}
	src, err := s.source(ctx, c, in.Datasource, prometheusKind)
	if err != nil {
		return Metrics{}, err
	}
	path, params := "api/v1/query", url.Values{"query": {in.Query}}
	if at.step > 0 {
		path += "_range"
		params.Set("start", seconds(at.from))
		params.Set("end", seconds(at.to))
		params.Set("step", strconv.FormatInt(int64(at.step/time.Second), 10))
	} else {
		params.Set("time", seconds(at.to))
	}
	var a promAnswer
	if err := s.ask(ctx, c, src, path, params, &a); err != nil {
		return Metrics{}, err
	}
	out, err := a.metrics(src, at, in.MaxSeries)
	if note != "" {
		if out.Note != "" {
			note += "; " + out.Note
		}
		out.Note = note
	}
	return out, err
}

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// during reads when a query is about: from and to as people write them, to being now
// where it is left out. Without from there is one moment.
func (s *service) during(from, to string) (span, error) {
	at := span{to: s.now()}
	var err error
	if to != "" {
		if at.to, err = when.Parse("to", to, s.clock()); err != nil {
			return at, err
		}
	}
	at.to = at.to.Truncate(time.Second)
	if from == "" {
		return at, nil
	}
	if at.from, err = when.Parse("from", from, s.clock()); err != nil {
		return at, err
	}
	at.from = at.from.Truncate(time.Second)
	if !at.from.Before(at.to) {
		return at, fault.Wrong("from has to be before to: they are %s and %s.", stamp(at.from), stamp(at.to))
	}
	return at, nil
}

// span is during with the steps of a range: such that no series has more than 100
// points, whatever was asked for.
func (s *service) span(from, to, step string) (at span, note string, err error) {
	if at, err = s.during(from, to); err != nil {
		return at, "", err
	}
	if at.from.IsZero() {
		if step != "" {
			return at, "", fault.Wrong("step is for a range: give from too.")
		}
		return at, "", nil
	}
	least := at.to.Sub(at.from) / maxPoints
	least = nice(least)
	if step == "" {
		at.step = least
		return at, "", nil
	}
	d, f := duration("step", step)
	if f != nil {
		return at, "", f
	}
	if at.step = d; d < least {
		at.step = least
		note = fmt.Sprintf("the step is %s, so that there are no more than %d values", least, maxPoints)
	}
	return at, note, nil
}

// nice is the next step that people would choose, and 15 seconds at least.
func nice(d time.Duration) time.Duration {
	for _, n := range []time.Duration{
		15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if d <= n {
			return n
		}
	}
	days := int64(math.Ceil(d.Hours() / 24))
	return time.Duration(days) * 24 * time.Hour
}

var durationForm = pattern.New(`^(\d{1,6})\s*(s|m|h|d|w)$`)

// duration reads one as Prometheus writes it: a second at least, a year at most.
func duration(argument, word string) (time.Duration, *fault.Error) {
	m := durationForm.FindStringSubmatch(word)
	if m != nil {
		n, _ := strconv.Atoi(m[1])
		unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		if d := time.Duration(n) * unit; d >= time.Second && d <= 366*24*time.Hour {
			return d, nil
		}
	}
	return 0, fault.Wrong("%s: %q is no duration between a second and a year. Write 30s, 5m, 2h or 1d.", argument, upstream.Clean(word, 40))
}
