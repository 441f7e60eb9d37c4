package grafana

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) labelTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_list_labels", s.listLabels)}
}

// LabelsArgs are those of grafana_list_labels.
type LabelsArgs struct {
	Datasource string `json:"datasource"`
	Label      string `json:"label"`
	Match      string `json:"match"`
	Search     string `json:"search"`
	From       string `json:"from"`
	Limit      int    `json:"limit"`
}

// Labels is the answer of grafana_list_labels.
type Labels struct {
	Datasource string   `json:"datasource"`
	Label      string   `json:"label,omitempty"` // whose values these are; "": names of labels
	Values     []string `json:"values"`
	Total      int      `json:"total"`
}

// Text is one to a line.
func (l Labels) Text() string {
	var b strings.Builder
	what := "labels"
	if l.Label != "" {
		what = "values of " + l.Label
	}
	fmt.Fprintf(&b, "%d %s of %s\n", l.Total, what, l.Datasource)
	for _, v := range l.Values {
		b.WriteString(upstream.Quote(v) + "\n")
	}
	if more := l.Total - len(l.Values); more > 0 {
		fmt.Fprintf(&b, "and %d more: narrow it by search or match\n", more)
	}
	return b.String()
}

var labelForm = pattern.New(`^[A-Za-z_][A-Za-z0-9_.]{0,99}$`)

func (s *service) listLabels(ctx context.Context, c *upstream.Client, in LabelsArgs) (Labels, error) {
	if in.Label != "" && !labelForm.MatchString(in.Label) {
		return Labels{}, fault.Wrong("%q is no name of a label.", upstream.Clean(in.Label, 60))
	}
	at, err := s.during(in.From, "")
	if err != nil {
		return Labels{}, err
	}
	src, err := s.source(ctx, c, in.Datasource, prometheusKind, lokiKind)
	if err != nil {
		return Labels{}, err
	}
	q := url.Values{}
	path, moment := "api/v1/", seconds
	if src.Type == lokiKind {
		path, moment = "loki/api/v1/", func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
		if in.Match != "" {
			q.Set("query", in.Match)
		}
	} else if in.Match != "" {
		q.Set("match[]", in.Match)
	}
	if !at.from.IsZero() {
		q.Set("start", moment(at.from))
		q.Set("end", moment(at.to))
	}
	if path += "labels"; in.Label != "" {
		path = strings.TrimSuffix(path, "labels") + "label/" + url.PathEscape(in.Label) + "/values"
	}
	var r struct {
		Data []string `json:"data"`
	}
	if err := s.ask(ctx, c, src, path, q, &r); err != nil {
		return Labels{}, err
	}
	slices.Sort(r.Data)
	out := Labels{Datasource: src.UID, Label: in.Label, Values: []string{}}
	for _, v := range r.Data {
		if !strings.Contains(strings.ToLower(v), strings.ToLower(in.Search)) {
			continue
		}
		if out.Total++; len(out.Values) < in.Limit {
			out.Values = append(out.Values, upstream.Clean(v, 200))
		}
	}
	return out, nil
}
