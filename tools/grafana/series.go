package grafana

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxPoints = 100 // of a series
	maxLabels = 600 // characters of the labels of a series
)

// Series is a time series: one value, or one for each step of the answer.
type Series struct {
	Name   string   `json:"name"` // the labels, as in PromQL
	Value  string   `json:"value,omitempty"`
	Values []string `json:"values,omitempty"` // one a step; "": none there
	Min    string   `json:"min,omitempty"`
	Max    string   `json:"max,omitempty"`
	Avg    string   `json:"avg,omitempty"`
}

// Metrics is the answer of a query that counts.
type Metrics struct {
	Datasource string   `json:"datasource"` // uid
	From       string   `json:"from,omitempty"`
	To         string   `json:"to"`
	Step       int64    `json:"step_seconds,omitempty"`
	Series     []Series `json:"series"`
	Total      int      `json:"total_series"`
	Note       string   `json:"note,omitempty"`
}

// Text is a line or two for each series.
func (m Metrics) Text() string {
	var b strings.Builder
	if m.Step > 0 {
		fmt.Fprintf(&b, "%d series of %s, from %s to %s, a value every %d s\n", m.Total, m.Datasource, m.From, m.To, m.Step)
	} else {
		fmt.Fprintf(&b, "%d series of %s, at %s\n", m.Total, m.Datasource, m.To)
	}
	for _, s := range m.Series {
		fmt.Fprintf(&b, "%s  ", upstream.Quote(s.Name))
		if s.Values == nil {
			b.WriteString(s.Value + "\n")
			continue
		}
		fmt.Fprintf(&b, "last %s, min %s, max %s, avg %s\n ", s.Value, s.Min, s.Max, s.Avg)
		for _, v := range s.Values {
			if v == "" {
				v = "-"
			}
			b.WriteString(" " + v)
		}
		b.WriteByte('\n')
	}
	if m.Total == 0 {
		b.WriteString("Nothing matches. grafana_list_labels shows which labels and values there are.\n")
	}
	if more := m.Total - len(m.Series); more > 0 {
		fmt.Fprintf(&b, "and %d more series: add a label, sum them up, or take the largest with topk\n", more)
	}
	if m.Note != "" {
		b.WriteString(upstream.Quote(m.Note))
	}
	return b.String()
}

// span is what of time a query is about; without from one moment.
type span struct {
	from, to time.Time
	step     time.Duration
}

// promAnswer is that of Prometheus's API, which Loki shares: api/v1/query and
// query_range.
type promAnswer struct {
	Data struct {
		Type   string          `json:"resultType"` // vector, matrix, scalar, string; of Loki streams too
		Result json.RawMessage `json:"result"`
	} `json:"data"`
	Warnings []string `json:"warnings"`
	Infos    []string `json:"infos"`
}

// promSample is a moment, in seconds since 1970, and a value as a text.
type promSample struct {
	at    float64
	value string
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *promSample) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[2]any{&s.at, &s.value})
}

type promSeries struct {
	Labels     map[string]string `json:"metric"`
	Value      *promSample       `json:"value"`
	Values     []promSample      `json:"values"`
	Histogram  json.RawMessage   `json:"histogram"`
	Histograms json.RawMessage   `json:"histograms"`
}

// metrics makes the answer of a tool: most series at most.
func (a *promAnswer) metrics(src Source, at span, most int) (Metrics, error) {
	out := Metrics{Datasource: src.UID, To: stamp(at.to), Series: []Series{}}
	if at.step > 0 {
		out.From, out.Step = stamp(at.from), int64(at.step/time.Second)
	}
	var all []promSeries
	switch a.Data.Type {
	case "vector", "matrix":
		if err := json.Unmarshal(a.Data.Result, &all); err != nil {
			return out, notAnswer(err)
		}
	case "scalar", "string":
		var one promSample
		if err := json.Unmarshal(a.Data.Result, &one); err != nil {
			return out, notAnswer(err)
		}
		all = []promSeries{{Value: &one}}
	default:
		return out, notAnswer(nil)
	}
	out.Total = len(all)
	histograms := 0
	for _, s := range all {
		if len(out.Series) == most {
			break
		}
		switch {
		case s.Value != nil:
			out.Series = append(out.Series, Series{Name: labelled(s.Labels), Value: shortened(s.Value.value)})
		case len(s.Values) > 0:
			out.Series = append(out.Series, s.overTime(at))
		default:
			histograms++
		}
	}
	out.Total -= histograms
	var notes []string
	if histograms > 0 {
		notes = append(notes, fmt.Sprintf("%d native histograms are left out: ask for histogram_quantile or histogram_count of them", histograms))
	}
	for _, w := range slices.Concat(a.Warnings, a.Infos)[:min(3, len(a.Warnings)+len(a.Infos))] {
		notes = append(notes, upstream.Clean(w, 200))
	}
	out.Note = strings.Join(notes, "; ")
	return out, nil
}

func notAnswer(cause error) error {
	return fault.New(fault.UpstreamError, "The data source answered with something that is no result of a query. Is it really of that type?").Because(cause)
}

// overTime puts the values of a series on the steps of the query, and sums them up.
func (s promSeries) overTime(at span) Series {
	out := Series{Name: labelled(s.Labels)}
	steps := 1
	if at.step > 0 {
		steps = min(int(at.to.Sub(at.from)/at.step)+1, maxPoints+1)
	}
	out.Values = make([]string, steps)
	low, high, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
	for _, p := range s.Values {
		v, err := strconv.ParseFloat(p.value, 64)
		if i := int(math.Round((p.at - float64(at.from.UnixMilli())/1000) / max(at.step.Seconds(), 1))); i >= 0 && i < steps {
			out.Values[i] = shortened(p.value)
		}
		out.Value = shortened(p.value)
		if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high, sum, n = min(low, v), max(high, v), sum+v, n+1
		}
	}
	if n > 0 {
		out.Min, out.Max, out.Avg = number6(low), number6(high), number6(sum/float64(n))
	} else {
		out.Min, out.Max, out.Avg = "none", "none", "none"
	}
	return out
}

// shortened is a value with six digits; what is no number is the data source's own.
func shortened(s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "not a number"
	}
	return number6(v)
}

func number6(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// labelled writes labels as PromQL does.
func labelled(labels map[string]string) string {
	rest := maps.Clone(labels)
	name := rest["__name__"]
	delete(rest, "__name__")
	var parts []string
	for _, k := range keys(rest) {
		parts = append(parts, k+"="+strconv.Quote(rest[k]))
	}
	if name != "" && parts == nil {
		return upstream.Clean(name, maxLabels)
	}
	return upstream.Clean(name+"{"+strings.Join(parts, ", ")+"}", maxLabels)
}

// stamp is a moment as tools show it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
