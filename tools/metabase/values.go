package metabase

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) valuesTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_parameter_values", s.parameterValues)}
}

type parameterValuesIn struct {
	Dashboard ref    `json:"dashboard"`
	Question  ref    `json:"question"`
	Parameter string `json:"parameter"`
	Search    string `json:"search"`
	Limit     int    `json:"limit"`
}

// ParameterValues is the answer of metabase_parameter_values.
type ParameterValues struct {
	Parameter string   `json:"parameter"` // its slug
	Values    []any    `json:"values"`
	Labels    []string `json:"labels,omitempty"`
	More      bool     `json:"has_more"`
	Note      string   `json:"note,omitempty"`
}

// Text is the values in a line.
func (v ParameterValues) Text() string {
	return "parameter " + upstream.Quote(v.Parameter) + "\n" + valuesText(v.Values, v.Labels, v.More, v.Note)
}

func (s *service) parameterValues(ctx context.Context, c *upstream.Client, in parameterValuesIn) (ParameterValues, error) {
	if (in.Dashboard == "") == (in.Question == "") {
		return ParameterValues{}, fault.Wrong("Give either dashboard or question.")
	}
	if in.Dashboard != "" {
		return s.filterValues(ctx, c, in)
	}
	id, err := s.question(ctx, c, in.Question)
	if err != nil {
		return ParameterValues{}, err
	}
	card, err := getCard(ctx, c, id)
	if err != nil {
		return ParameterValues{}, err
	}
	p, err := pickParameter("question", in.Parameter, card.parameters())
	if err != nil {
		return ParameterValues{}, err
	}
	var answer valuesModel
	if err := c.Get(ctx, cardPath(id)+"/params/"+url.PathEscape(p.ID)+"/values", nil, &answer); err != nil {
		return ParameterValues{}, err
	}
	out := ParameterValues{}
	if in.Search != "" { // the description has no search here
		if answer.More {
			out.Note = "Metabase gave only the first values, and only those were searched."
		}
		answer.Values = slices.DeleteFunc(answer.Values, func(v json.RawMessage) bool { return !contains(string(v), in.Search) })
	}
	return out.of(p, answer, in.Limit), nil
}

// filterValues are those of a dashboard's filter; Metabase searches them.
func (s *service) filterValues(ctx context.Context, c *upstream.Client, in parameterValuesIn) (ParameterValues, error) {
	id, err := s.dashboard(ctx, c, in.Dashboard)
	if err != nil {
		return ParameterValues{}, err
	}
	var m dashboardModel
	if err := c.Get(ctx, dashboardPath(id), nil, &m); err != nil {
		return ParameterValues{}, err
	}
	p, err := pickParameter("dashboard", in.Parameter, m.Parameters)
	if err != nil {
		return ParameterValues{}, err
	}
	path := dashboardPath(id) + "/params/" + url.PathEscape(p.ID)
	if in.Search == "" {
		path += "/values"
	} else {
		path += "/search/" + url.PathEscape(in.Search)
	}
	var answer valuesModel
	if err := c.Get(ctx, path, nil, &answer); err != nil {
		return ParameterValues{}, err
	}
	return ParameterValues{}.of(p, answer, in.Limit), nil
}

func (v ParameterValues) of(p slot, answer valuesModel, limit int) ParameterValues {
	v.Parameter = upstream.Clean(p.Slug, 100)
	v.Values, v.Labels, v.More = offered(answer.Values, limit)
	v.More = v.More || answer.More
	return v
}
