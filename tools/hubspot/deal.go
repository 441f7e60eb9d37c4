package hubspot

import (
	"context"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type moveDealIn struct {
	ID        string  `json:"id"`
	Stage     string  `json:"stage"`
	Pipeline  string  `json:"pipeline"`
	Amount    *scalar `json:"amount"`
	CloseDate string  `json:"close_date"`
}

// moveDeal puts a deal into a stage. A stage that several pipelines have is that of
// the deal's own pipeline, where the call may read the deal.
func (s *service) moveDeal(ctx context.Context, c *upstream.Client, in moveDealIn) (One, error) {
	k, _ := standard("deals")
	given := map[string]scalar{k.stage: {text: in.Stage}}
	if in.Amount != nil {
		given["amount"] = *in.Amount
	}
	if in.CloseDate != "" {
		given["closedate"] = scalar{text: in.CloseDate}
	}
	if in.Pipeline != "" {
		given[k.pipeline] = scalar{text: in.Pipeline}
	} else if several, err := s.several(ctx, c, k, in.Stage); err == nil && several && readable(c, k) == nil {
		now, err := s.getObject(ctx, c, getObjectIn{ObjectType: k.name, ID: in.ID, Properties: []string{k.pipeline}})
		if err != nil {
			return One{}, err
		}
		given[k.pipeline] = scalar{text: now.Record.Properties[k.pipeline]}
	}
	properties, err := s.values(ctx, c, k, given)
	if err != nil {
		return One{}, err
	}
	if properties[k.stage] == "" {
		return One{}, fault.New(fault.InvalidArguments, "stage: say which stage the deal goes to; hubspot_list_pipelines names them.")
	}
	return s.update(ctx, c, k, in.ID, "", properties)
}

// several reports whether more than one pipeline has a stage of that name.
func (s *service) several(ctx context.Context, c *upstream.Client, k kind, word string) (bool, error) {
	all, err := s.pipelinesOf(ctx, c, k)
	n := 0
	for _, p := range all {
		for _, st := range p.stages {
			if st.id == word {
				return false, nil
			}
			if strings.EqualFold(st.name, strings.TrimSpace(word)) {
				n++
			}
		}
	}
	return n > 1, err
}

func (s *service) dealTools() []tools.Tool {
	return []tools.Tool{tools.New("hubspot_move_deal", s.moveDeal)}
}
