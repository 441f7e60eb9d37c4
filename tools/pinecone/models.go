package pinecone

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) modelTools() []tools.Tool {
	return []tools.Tool{tools.New("pinecone_list_models", s.listModels)}
}

// modelInfo is ModelInfo of inference_2026-04.
type modelInfo struct {
	Model       string   `json:"model"`
	Description string   `json:"short_description"`
	Type        string   `json:"type"`
	VectorType  string   `json:"vector_type"`
	Dimension   int      `json:"default_dimension"`
	Dimensions  []int    `json:"supported_dimensions"`
	Metrics     []string `json:"supported_metrics"`
	MaxBatch    int      `json:"max_batch_size"`
	MaxTokens   int      `json:"max_sequence_length"`
	Provider    string   `json:"provider_name"`
	Parameters  []struct {
		Parameter string `json:"parameter"`
		Required  bool   `json:"required"`
		Allowed   []any  `json:"allowed_values"`
	} `json:"supported_parameters"`
}

// Model is a hosted model.
type Model struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	About      string   `json:"about,omitempty"`
	VectorType string   `json:"vector_type,omitempty"`
	Dimension  int      `json:"dimension,omitempty"`
	Dimensions []int    `json:"dimensions,omitempty"`
	Metrics    []string `json:"metrics,omitempty"`
	MaxBatch   int      `json:"max_batch,omitempty"`  // inputs of a request
	MaxTokens  int      `json:"max_tokens,omitempty"` // of an input
	Provider   string   `json:"provider,omitempty"`
	Parameters []string `json:"parameters,omitempty"` // "input_type (required): query, passage"
}

// Models is the answer of pinecone_list_models.
type Models struct {
	Models []Model `json:"models"`
	Total  int     `json:"total"`
	Next   string  `json:"next_cursor,omitempty"`
}

// others are the dimensions that a model can have besides its usual one.
func others(all []int, usual int) string {
	var words []string
	for _, d := range all {
		if d != usual {
			words = append(words, strconv.Itoa(d))
		}
	}
	return strings.Join(words, ", ")
}

// Text is one line a model.
func (m Models) Text() string {
	var b strings.Builder
	for _, one := range m.Models {
		fmt.Fprintf(&b, "%s  %s", shown(one.Name), one.Type)
		if one.VectorType != "" {
			fmt.Fprintf(&b, "  %s", one.VectorType)
		}
		if one.Dimension > 0 {
			fmt.Fprintf(&b, "  %d dimensions", one.Dimension)
		}
		if one.Dimension > 0 && len(one.Dimensions) > 1 {
			fmt.Fprintf(&b, " (or %s)", others(one.Dimensions, one.Dimension))
		}
		if len(one.Metrics) > 0 {
			b.WriteString("  " + shownAll(one.Metrics))
		}
		if one.MaxBatch > 0 {
			fmt.Fprintf(&b, "  at most %d inputs", one.MaxBatch)
		}
		if one.MaxTokens > 0 {
			fmt.Fprintf(&b, "  at most %d tokens each", one.MaxTokens)
		}
		if len(one.Parameters) > 0 {
			fmt.Fprintf(&b, "  parameters %s", shown(strings.Join(one.Parameters, "; ")))
		}
		b.WriteString("\n")
	}
	if m.Next != "" {
		fmt.Fprintf(&b, "next_cursor: %s\n", m.Next)
	}
	return b.String()
}

type listModelsIn struct {
	Type   string `json:"type"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

func getModels(ctx context.Context, c *upstream.Client, kind string) ([]modelInfo, error) {
	q := url.Values{}
	if kind != "" {
		q.Set("type", kind)
	}
	var list struct {
		Models []modelInfo `json:"models"`
	}
	err := c.Get(ctx, "/models", q, &list)
	return list.Models, err
}

func (s *service) listModels(ctx context.Context, c *upstream.Client, in listModelsIn) (Models, error) {
	query := listModelsIn{Type: in.Type}
	after, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return Models{}, err
	}
	all, err := getModels(ctx, c, in.Type)
	if err != nil {
		return Models{}, err
	}
	slices.SortFunc(all, func(a, b modelInfo) int { return strings.Compare(a.Model, b.Model) })
	out := Models{Models: []Model{}, Total: len(all)}
	for _, m := range all {
		if m.Model <= after && after != "" {
			continue
		}
		if len(out.Models) == in.Limit {
			out.Next = tools.Cursor(query, out.Models[in.Limit-1].Name)
			break
		}
		out.Models = append(out.Models, m.shown())
	}
	return out, nil
}

func (m modelInfo) shown() Model {
	out := Model{
		Name: upstream.Clean(m.Model, 100), Type: upstream.Clean(m.Type, 40), About: upstream.Clean(m.Description, 200),
		VectorType: upstream.Clean(m.VectorType, 40), Dimension: m.Dimension, Dimensions: m.Dimensions[:min(len(m.Dimensions), 30)],
		MaxBatch: m.MaxBatch, MaxTokens: m.MaxTokens, Provider: upstream.Clean(m.Provider, 60),
	}
	for _, one := range m.Metrics[:min(len(m.Metrics), 10)] {
		out.Metrics = append(out.Metrics, upstream.Clean(one, 40))
	}
	for _, p := range m.Parameters[:min(len(m.Parameters), 20)] {
		text := p.Parameter
		if p.Required {
			text += " (required)"
		}
		for i, v := range p.Allowed[:min(len(p.Allowed), 20)] {
			text += map[bool]string{true: ": ", false: ", "}[i == 0] + fmt.Sprint(v)
		}
		out.Parameters = append(out.Parameters, upstream.Clean(text, 200))
	}
	return out
}

// aboutModel adds to a failure that may come from a model's name which models
// there are.
func (s *service) aboutModel(ctx context.Context, c *upstream.Client, err error, model string) error {
	var f *fault.Error
	if model == "" || !errors.As(err, &f) || f.Kind != fault.NotFound && f.Kind != fault.InvalidArguments || f.NotSent {
		return err
	}
	all, lookup := getModels(ctx, c, "")
	if lookup != nil || slices.ContainsFunc(all, func(m modelInfo) bool { return m.Model == model }) {
		return err
	}
	var there []string
	for _, m := range all {
		there = append(there, m.Model)
	}
	g := *f
	g.Kind = fault.InvalidArguments
	g.Message = fmt.Sprintf("There is no hosted model %q.", upstream.Clean(model, 100))
	if m := near.Match(model, there); m != "" {
		g.Message += fmt.Sprintf(" Did you mean %q?", upstream.Clean(m, 100))
	} else {
		g.Message += " There are: " + upstream.Clean(strings.Join(there, ", "), 400) + "."
	}
	return &g
}
