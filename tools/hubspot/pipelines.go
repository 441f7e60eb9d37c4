package hubspot

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const (
	maxPipelines = 100
	maxStages    = 100 // of one pipeline
)

// pipeline is a pipeline of a type of record, with its stages in their order.
type pipeline struct {
	id, name string
	stages   []stage
}

type stage struct {
	id, name string
	closed   bool
	chance   string // "0.0" to "1.0"; "": none
}

type wirePipeline struct {
	ID       string      `json:"id"`
	Label    string      `json:"label"`
	Order    int         `json:"displayOrder"`
	Archived bool        `json:"archived"`
	Stages   []wireStage `json:"stages"`
}

type wireStage struct {
	ID       string         `json:"id"`
	Label    string         `json:"label"`
	Order    int            `json:"displayOrder"`
	Archived bool           `json:"archived"`
	Meta     map[string]any `json:"metadata"`
}

// pipelinesOf are the pipelines of a type, kept for a while.
func (s *service) pipelinesOf(ctx context.Context, c *upstream.Client, k kind) ([]pipeline, error) {
	return s.books.pipelines.Get(key(c, k.name), func() ([]pipeline, error) {
		var got struct {
			Results []wirePipeline `json:"results"`
		}
		if err := c.Get(ctx, pipelinesPath+"/"+url.PathEscape(k.name), nil, &got); err != nil {
			return nil, err
		}
		slices.SortStableFunc(got.Results, func(a, b wirePipeline) int { return cmp.Compare(a.Order, b.Order) })
		var all []pipeline
		for _, w := range got.Results[:min(len(got.Results), maxPipelines)] {
			if !w.Archived {
				all = append(all, w.pipeline())
			}
		}
		return all, nil
	})
}

func (w wirePipeline) pipeline() pipeline {
	p := pipeline{id: upstream.Clean(w.ID, 80), name: upstream.Clean(w.Label, 120)}
	slices.SortStableFunc(w.Stages, func(a, b wireStage) int { return cmp.Compare(a.Order, b.Order) })
	for _, x := range w.Stages[:min(len(w.Stages), maxStages)] {
		if x.Archived {
			continue
		}
		meta := func(name string) string { return upstream.Clean(fmt.Sprint(x.Meta[name]), 20) }
		st := stage{id: upstream.Clean(x.ID, 80), name: upstream.Clean(x.Label, 120), closed: meta("isClosed") == "true" || meta("ticketState") == "CLOSED"}
		if x.Meta["probability"] != nil {
			st.chance = meta("probability")
		}
		p.stages = append(p.stages, st)
	}
	return p
}

// findPipeline finds the pipeline that a word means.
func findPipeline(all []pipeline, word string) (pipeline, error) {
	var choice []names.Named
	for _, p := range all {
		choice = append(choice, names.Named{ID: p.id, Name: p.name})
	}
	picked, err := names.Pick("pipeline", word, choice, "hubspot_list_pipelines")
	if err != nil {
		return pipeline{}, err
	}
	return all[slices.IndexFunc(all, func(p pipeline) bool { return p.id == picked.ID })], nil
}

// place is a stage where it stands.
type place struct {
	pipeline pipeline
	stage    stage
}

const maxPlaces = 24 // stages that an error names

// unplaced says of a word that means no stage which stages there are, by pipeline,
// since stages of two pipelines are often called the same.
func unplaced(err error, word string, places []place) error {
	word = strings.TrimSpace(word)
	lower := strings.ToLower(word)
	shown := upstream.Clean(word, 80)
	var like []place
	var labels []string
	for _, at := range places {
		labels = append(labels, at.stage.name)
		if len(lower) >= 3 && strings.Contains(strings.ToLower(at.stage.name), lower) {
			like = append(like, at)
		}
	}
	switch {
	case 1 < len(like) && len(like) <= maxPlaces:
		return fault.New(fault.InvalidArguments, "%q could be several stages: %s. Give the id.", shown, byPipeline(like))
	case len(like) == 0 && near.Match(word, labels) == "" && 0 < len(places) && len(places) <= maxPlaces:
		return fault.New(fault.NotFound, "There is no pipeline stage %q here. There are: %s.", shown, byPipeline(places))
	}
	return err
}

// byPipeline lists stages in their order, each pipeline's behind its name.
func byPipeline(places []place) string {
	var b strings.Builder
	for i, at := range places {
		switch {
		case i == 0 || places[i-1].pipeline.id != at.pipeline.id:
			if i > 0 {
				b.WriteString("; ")
			}
			fmt.Fprintf(&b, "in %s ", upstream.Quote(at.pipeline.name))
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s)", upstream.Quote(at.stage.name), at.stage.id)
	}
	return b.String()
}

// findStage finds the stage that a word means, in one pipeline or, where within
// is "", in any. A name that stages of several pipelines have is an error that
// names them.
func findStage(all []pipeline, within, word string) (pipeline, stage, error) {
	var places []place
	var choice []names.Named
	for _, p := range all {
		if within != "" && p.id != within {
			continue
		}
		for _, st := range p.stages {
			places = append(places, place{p, st})
			choice = append(choice, names.Named{ID: st.id, Name: st.name})
		}
	}
	var same []string
	var last place
	for _, at := range places {
		if at.stage.id == word {
			return at.pipeline, at.stage, nil
		}
		if strings.EqualFold(at.stage.name, strings.TrimSpace(word)) {
			same, last = append(same, fmt.Sprintf("%s in %s (%s)", at.stage.name, at.pipeline.name, at.stage.id)), at
		}
	}
	switch {
	case len(same) == 1:
		return last.pipeline, last.stage, nil
	case len(same) > 1:
		return pipeline{}, stage{}, fault.New(fault.InvalidArguments, "%q is a stage of several pipelines: %s. Give the pipeline too, or the id.", upstream.Clean(word, 80), strings.Join(same[:min(len(same), 8)], ", "))
	}
	picked, err := names.Pick("pipeline stage", word, choice, "hubspot_list_pipelines")
	if err != nil {
		return pipeline{}, stage{}, unplaced(err, word, places)
	}
	at := places[slices.IndexFunc(places, func(at place) bool { return at.stage.id == picked.ID })]
	return at.pipeline, at.stage, nil
}

// looked reads the pipelines and finds something in them; where that fails it
// reads them once more, since somebody may have made the stage a minute ago.
func (s *service) looked(ctx context.Context, c *upstream.Client, k kind, find func([]pipeline) error) error {
	all, err := s.pipelinesOf(ctx, c, k)
	if err != nil {
		return err
	}
	if err = find(all); err == nil {
		return nil
	}
	fresh := c.Stats().Requests
	s.books.pipelines.Forget(key(c, k.name))
	again, err2 := s.pipelinesOf(ctx, c, k)
	if err2 != nil || c.Stats().Requests == fresh {
		return err
	}
	return find(again)
}

type listPipelinesIn struct {
	ObjectType string `json:"object_type"`
}

// PipelineList is the pipelines of a type of record.
type PipelineList struct {
	Pipelines []Pipeline `json:"pipelines"`
}

// Pipeline is a pipeline with its stages in order.
type Pipeline struct {
	ID     string  `json:"id"`
	Label  string  `json:"label"`
	Stages []Stage `json:"stages"`
}

// Stage is a stage of a pipeline. Probability is that of a deal there.
type Stage struct {
	ID          string `json:"id"`
	Label       string `json:"label"`
	Closed      bool   `json:"closed,omitempty"`
	Probability string `json:"probability,omitempty"`
}

// Text is one line a pipeline and one a stage.
func (l PipelineList) Text() string {
	var b strings.Builder
	for _, p := range l.Pipelines {
		fmt.Fprintf(&b, "%s (%s)\n", upstream.Quote(p.Label), p.ID)
		for _, st := range p.Stages {
			fmt.Fprintf(&b, "  %s (%s)", upstream.Quote(st.Label), st.ID)
			if st.Probability != "" {
				b.WriteString(", probability " + st.Probability)
			}
			if st.Closed {
				b.WriteString(", closed")
			}
			b.WriteByte('\n')
		}
	}
	if len(l.Pipelines) == 0 {
		return "This type of record has no pipelines."
	}
	return strings.TrimRight(b.String(), "\n")
}

func (s *service) listPipelines(ctx context.Context, c *upstream.Client, in listPipelinesIn) (PipelineList, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return PipelineList{}, err
	}
	all, err := s.pipelinesOf(ctx, c, k)
	if err != nil {
		return PipelineList{}, err
	}
	out := PipelineList{Pipelines: []Pipeline{}}
	for _, p := range all {
		shown := Pipeline{ID: p.id, Label: p.name, Stages: []Stage{}}
		for _, st := range p.stages {
			shown.Stages = append(shown.Stages, Stage{st.id, st.name, st.closed, st.chance})
		}
		out.Pipelines = append(out.Pipelines, shown)
	}
	return out, nil
}

func (s *service) pipelineTools() []tools.Tool {
	return []tools.Tool{tools.New("hubspot_list_pipelines", s.listPipelines)}
}
