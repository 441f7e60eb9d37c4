package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/schemas"
	"toolvault/schemas/near"
	"toolvault/tools/fault"
)

// foundTools is the answer of find_tools.
type foundTools struct {
	Tools []foundTool `json:"tools"`
	Note  string      `json:"note,omitempty"`
}

type foundTool struct {
	Name      string `json:"name"`
	Does      string `json:"does"`
	Writes    bool   `json:"writes,omitempty"`
	Arguments string `json:"arguments,omitempty"` // "channel, text, thread_ts?"
}

// Text is two lines a tool.
func (f foundTools) Text() string {
	var b strings.Builder
	for _, t := range f.Tools {
		b.WriteString(t.Name)
		if t.Writes {
			b.WriteString(" (changes something)")
		}
		b.WriteString(": " + t.Does + "\n  arguments: ")
		if t.Arguments == "" {
			b.WriteString("none")
		}
		b.WriteString(t.Arguments + "\n")
	}
	b.WriteString(f.Note)
	return strings.TrimRight(b.String(), "\n")
}

func (c *passage) findTools(context.Context) (any, error) {
	var in struct {
		Query   string `json:"query"`
		Service string `json:"service"`
		Limit   int    `json:"limit"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	cat := c.g.catalogue.Load()
	titles := c.g.usable(c.id)
	if in.Service != "" && !slices.ContainsFunc(titles, func(t string) bool { return strings.EqualFold(t, in.Service) }) {
		hint := "There are tools for " + strings.Join(titles, ", ") + "."
		if m := near.Match(in.Service, titles); m != "" {
			hint = fmt.Sprintf("Did you mean %q?", m)
		}
		return nil, fault.New(fault.NotFound, "This agent has no tools for that service. %s", hint)
	}
	offered := map[string]schemas.Tool{}
	hits := cat.index().Search(in.Query, in.Limit, func(name string) bool {
		b := cat.tools[name]
		if b == nil || b.own != nil && b.own.listed != nil || in.Service != "" && !strings.EqualFold(b.service.Title, in.Service) {
			return false
		}
		tool, ok := c.g.reachable(c.id, b)
		if ok {
			offered[name] = tool
		}
		return ok
	})
	out := foundTools{Tools: []foundTool{}}
	for _, h := range hits {
		t := offered[h.Name]
		out.Tools = append(out.Tools, foundTool{Name: t.Name, Does: t.Description, Writes: t.Write(), Arguments: t.Signature()})
	}
	out.Note = "Call one with call_tool {name, arguments}; ? may be left out. describe_tool says more of the arguments."
	if len(out.Tools) == 0 {
		out.Note = "No tool fits these words. Say it with other words; there are tools for " + strings.Join(titles, ", ") + "."
	}
	return out, nil
}

// describedTool is the answer of describe_tool.
type describedTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Input       json.RawMessage `json:"inputSchema"`
	Output      json.RawMessage `json:"outputSchema,omitempty"`
	Writes      bool            `json:"writes,omitempty"`
	Destructive bool            `json:"destructive,omitempty"`
	Example     json.RawMessage `json:"example,omitempty"`
}

func (c *passage) describeTool(context.Context) (any, error) {
	var in struct {
		Name   string `json:"name"`
		Output bool   `json:"output"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	t, ok := c.g.reachable(c.id, c.g.catalogue.Load().tools[in.Name])
	if !ok {
		hint := "Find one with find_tools."
		if m, _ := c.g.Knows(c.id, in.Name); m != "" {
			hint = fmt.Sprintf("Did you mean %s?", m)
		}
		return nil, fault.New(fault.NotFound, "There is no tool of that name. %s", hint)
	}
	d := describedTool{
		Name: t.Name, Description: t.Description, Input: t.LeanInput(),
		Writes: t.Write(), Destructive: t.Annotations.Destructive, Example: t.Example,
	}
	if in.Output {
		d.Output = t.Output
	}
	return d, nil
}
