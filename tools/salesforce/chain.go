package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) chainTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_chain_writes", s.chainWrites)}
}

type chainIn struct {
	Writes    []chained `json:"writes"`
	AllOrNone bool      `json:"all_or_none"`
}

// chained is one write of a chain. Where an id is wanted, "@{REF.id}" is what an earlier
// one has made.
type chained struct {
	Ref      string                     `json:"ref"`
	Op       string                     `json:"op"` // create, update, upsert
	Object   string                     `json:"object"`
	ID       string                     `json:"id"` // of an update; of an upsert the value of the external id
	External string                     `json:"external_id_field"`
	Fields   map[string]json.RawMessage `json:"fields"`
}

// Chain is what came of the writes of a chain.
type Chain struct {
	Done    int    `json:"done"`
	Failed  int    `json:"failed,omitempty"`
	Results []Step `json:"results"`
}

// Step is what came of one of them.
type Step struct {
	Ref    string `json:"ref"`
	Op     string `json:"op"`
	Object string `json:"object"`
	Name   string `json:"name,omitempty"`
	ID     string `json:"id,omitempty"`
	Error  string `json:"error,omitempty"`
	Link   string `json:"link,omitempty"`
}

// Text is one line, and one a write.
func (h Chain) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d writes done", h.Done)
	if h.Failed > 0 {
		fmt.Fprintf(&b, ", %d failed", h.Failed)
	}
	for _, s := range h.Results {
		fmt.Fprintf(&b, "\n%s: %s %s", s.Ref, s.Op, s.Object)
		if s.ID != "" {
			b.WriteString(" " + s.ID)
		}
		if s.Name != "" {
			b.WriteString(" " + upstream.Quote(s.Name))
		}
		if s.Link != "" {
			b.WriteString(" | " + s.Link)
		}
		if s.Error != "" {
			b.WriteString(" failed: " + s.Error)
		}
	}
	return b.String()
}

// subrequest is a part of POST /composite.
type subrequest struct {
	Method string         `json:"method"`
	URL    string         `json:"url"`
	id     string         // of the record, where it is known
	Ref    string         `json:"referenceId"`
	Body   map[string]any `json:"body"`
}

func (s *service) chainWrites(ctx context.Context, c *upstream.Client, in chainIn) (Chain, error) {
	var parts []subrequest
	out := Chain{}
	made := map[string]bool{}
	for i, w := range in.Writes {
		argument := fmt.Sprintf("writes.%d", i)
		if made[w.Ref] {
			return Chain{}, fault.Wrong("%s: there is another write with the ref %s before it.", argument, w.Ref)
		}
		part, err := s.linked(ctx, c, argument, w, made)
		if err != nil {
			return Chain{}, err
		}
		made[w.Ref] = true
		parts = append(parts, part)
		step := Step{Ref: w.Ref, Op: w.Op, Object: w.Object, Name: nameIn(&object{}, part.Body)}
		if step.Name == "" && w.ID != part.id && !strings.HasPrefix(w.ID, "@{") {
			step.Name = upstream.Clean(w.ID, 150) // by which it was found
		}
		out.Results = append(out.Results, step)
	}
	var got struct {
		Parts []struct {
			Status int             `json:"httpStatusCode"`
			Ref    string          `json:"referenceId"`
			Body   json.RawMessage `json:"body"`
		} `json:"compositeResponse"`
	}
	err := c.Do(ctx, upstream.Request{Path: path(c, "composite"), JSON: map[string]any{"allOrNone": in.AllOrNone, "compositeRequest": parts}}, &got)
	if err != nil {
		return Chain{}, err
	}
	if len(got.Parts) != len(parts) {
		return Chain{}, unsure("a result for each write")
	}
	var first *fault.Error
	certain := true // that what failed was not done
	for i, p := range got.Parts {
		step := &out.Results[i]
		if p.Status/100 == 2 && p.Ref == step.Ref {
			out.Done++
			var one saved
			if step.ID = parts[i].id; json.Unmarshal(p.Body, &one) == nil && idForm.MatchString(one.ID) {
				step.ID = one.ID
			}
			step.Link = link(c, step.Object, step.ID)
			continue
		}
		out.Failed++
		certain = certain && p.Status/100 == 4
		all := errorsOf(p.Body)
		if step.Error = saidOf(all); step.Error == "" {
			step.Error = "no reason was given"
		}
		if first == nil && !rolledBack(all) {
			named := upstream.Response{Service: title, Status: max(p.Status, 400)}
			if f := upstream.StatusFault(&named); f != nil {
				first = judge(f, named.Status, all)
				first.Message = fmt.Sprintf("writes.%d (%s): %s", i, step.Ref, first.Message)
			}
		}
	}
	if out.Done > 0 {
		return out, nil
	}
	if first == nil || !certain {
		return Chain{}, unsure("a reason why nothing was done")
	}
	first.Message = "Nothing was done. " + first.Message
	first.NotSent = true
	return Chain{}, first
}

// linked is one write as a part of the request.
func (s *service) linked(ctx context.Context, c *upstream.Client, argument string, w chained, made map[string]bool) (subrequest, error) {
	o, err := s.object(ctx, c, w.Object)
	if err != nil {
		return subrequest{}, err
	}
	linked, plain := map[string]string{}, map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(w.Fields)) {
		var text string
		raw := w.Fields[name]
		_ = json.Unmarshal(raw, &text)
		ref, err := refTo(argument+".fields."+name, text, made)
		if err != nil {
			return subrequest{}, err
		}
		if !ref {
			plain[name] = raw
			continue
		}
		f, err := o.field(argument+".fields", name)
		if err != nil {
			return subrequest{}, err
		}
		if f.kind != "reference" {
			return subrequest{}, fault.Wrong("%s: %s refers to no record, so it takes no @{…}.", argument, name)
		}
		linked[name] = text
	}
	body := map[string]any{}
	if len(plain) > 0 || len(linked) == 0 {
		if body, err = s.values(ctx, c, o, argument+".fields", plain, w.Op == "create"); err != nil {
			return subrequest{}, err
		}
	}
	for name, v := range body { // a list of values, say
		if text, _ := v.(string); strings.Contains(text, "@{") {
			return subrequest{}, fault.Wrong("%s.fields.%s: it may not hold @{, in the place of which Salesforce would put something.", argument, name)
		}
	}
	for name, ref := range linked {
		body[name] = ref
	}
	out := subrequest{Method: http.MethodPatch, Ref: w.Ref, Body: body}
	switch w.Op {
	case "create":
		if w.ID != "" || w.External != "" {
			return subrequest{}, fault.Wrong("%s: a create takes no id; upsert does, with external_id_field.", argument)
		}
		out.Method, out.URL = http.MethodPost, path(c, "sobjects", o.name)
	case "upsert":
		f, value, err := s.externalValue(o, w.External, w.ID)
		if err != nil {
			return subrequest{}, err
		}
		if strings.Contains(value, "@{") {
			return subrequest{}, fault.Wrong("%s: the value of an external id may not hold @{.", argument)
		}
		out.URL = path(c, "sobjects", o.name, f.name, value)
	default:
		ref, err := refTo(argument+".id", w.ID, made)
		if err != nil {
			return subrequest{}, err
		}
		if ref { // braces stay as they are: Salesforce puts the id in their place
			out.URL = path(c, "sobjects", o.name) + "/" + w.ID
			break
		}
		id, err := s.recordID(ctx, c, o, argument+".id", w.ID)
		if err != nil {
			return subrequest{}, err
		}
		out.id, out.URL = id, path(c, "sobjects", o.name, id)
	}
	return out, nil
}

// refTo reports whether a text is the id of what an earlier write has made. Salesforce
// puts values in the place of "@{…}" wherever it stands, and knows no way to write it as
// a text; so anywhere else it is refused.
func refTo(argument, text string, made map[string]bool) (bool, error) {
	if !strings.Contains(text, "@{") {
		return false, nil
	}
	m := reference.FindStringSubmatch(text)
	if m == nil {
		return false, fault.Wrong("%s: Salesforce would put something in the place of \"@{\". It may stand in a chain only as a whole value, \"@{REF.id}\"; write such a text with salesforce_update_record.", argument)
	}
	if !made[m[1]] {
		return false, fault.Wrong("%s: there is no earlier write with the ref %s.", argument, m[1])
	}
	return true, nil
}
