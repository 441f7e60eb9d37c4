package tools

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools/fault"
	"toolvault/tools/find"
)

// catalogue is every tool there is, bound; it is swapped as a whole when the
// configuration changes.
type catalogue struct {
	tools map[string]*bound
	order []*bound // by name
	words struct {
		once  sync.Once
		index *find.Index
	}
}

// index finds tools by what people say. It is made at its first use.
func (cat *catalogue) index() *find.Index {
	cat.words.once.Do(func() {
		all := make([]schemas.Tool, len(cat.order))
		for i, b := range cat.order {
			all[i] = b.schema
		}
		cat.words.index = find.New(all)
	})
	return cat.words.index
}

// bound is a tool with its schema and its service.
type bound struct {
	tool     Tool
	schema   schemas.Tool
	service  Service
	template scope.Need // its Name may hold a placeholder
	slots    slots      // of the schema, for the argument that chooses an account
	forms    forms
	own      *own // of a tool of toolvault itself; then there is no handler, scope or credential
}

// SetServices puts services in force, with the base URLs that they have now, for
// calls that begin from now on.
func (g *Gateway) SetServices(services []Service) error {
	files := map[string]schemas.Tool{}
	for _, t := range g.Schemas {
		files[t.Name] = t
	}
	cat := &catalogue{tools: map[string]*bound{}}
	for _, s := range services {
		for _, t := range s.Tools {
			file, ok := files[t.Name]
			if !ok {
				return fmt.Errorf("tool %s has no file schemas/%s/%s.json", t.Name, s.Name, t.Name)
			}
			b, err := bind(s, t, file)
			if err != nil {
				return err
			}
			delete(files, t.Name)
			cat.tools[t.Name] = b
			cat.order = append(cat.order, b)
		}
	}
	cat.bindOwn(files)
	for name, file := range files {
		if slices.ContainsFunc(services, func(s Service) bool { return s.Name == file.Service }) {
			return fmt.Errorf("schemas/%s/%s.json has no handler", file.Service, name)
		}
	}
	slices.SortFunc(cat.order, func(a, b *bound) int { return strings.Compare(a.schema.Name, b.schema.Name) })
	g.catalogue.Store(cat)
	return nil
}

func bind(s Service, t Tool, file schemas.Tool) (*bound, error) {
	b := &bound{tool: t, schema: file, service: s}
	b.template = scope.Need{Service: s.Name, Name: file.Scope, Write: file.Write()}
	if file.Scope != "" && !strings.Contains(file.Scope, "{") {
		d, ok := s.Scopes.Lookup(file.Scope)
		if !ok {
			return nil, fmt.Errorf("schemas/%s/%s.json: %s has no scope %q", s.Name, t.Name, s.Name, file.Scope)
		}
		if file.Write() && !d.Write {
			return nil, fmt.Errorf("schemas/%s/%s.json: the tool changes something, and the scope %q only reads", s.Name, t.Name, d.Name)
		}
		b.template.Name = d.Name
	}
	var err error
	if b.slots, err = findSlots(file.Input, auth.Account); err != nil {
		return nil, fmt.Errorf("schemas/%s/%s.json: input: %w", s.Name, t.Name, err)
	}
	return b, nil
}

// need is the permission that a call with these arguments requires: the
// placeholder in the tool's scope is replaced by the argument of that name. What
// the service's catalogue does not list, such as a custom object type, needs the
// permission for "custom" ones.
func (b *bound) need(args map[string]any) (scope.Need, *fault.Error) {
	n := b.template
	before, rest, ok := strings.Cut(n.Name, "{")
	if !ok {
		return n, nil
	}
	argument, after, _ := strings.Cut(rest, "}")
	given, ok := args[argument]
	if !ok {
		given = b.schema.Default(argument)
	}
	value, _ := given.(string)
	for _, v := range []string{value, "custom"} {
		if d, ok := b.service.Scopes.Lookup(before + v + after); ok && (d.Write || !n.Write) {
			n.Name = d.Name
			return n, nil
		}
	}
	return n, fault.New(fault.InvalidArguments, "The argument %s of %s names nothing that %s knows.", argument, b.schema.Name, b.service.Title)
}

// needOfRaw is need for arguments that have not been validated.
func (b *bound) needOfRaw(raw json.RawMessage) (scope.Need, *fault.Error) {
	if !strings.Contains(b.template.Name, "{") {
		return b.template, nil
	}
	var args map[string]any
	if err := json.Unmarshal(raw, &args); err != nil {
		return scope.Need{}, fault.New(fault.InvalidArguments, "The arguments are not a JSON object.")
	}
	return b.need(args)
}

// unknown is the answer for a tool that does not exist, or that the caller may
// not see: the same for both. Only names that the caller may see are suggested.
func (c *passage) unknown() *fault.Error {
	if hint, _ := c.g.Knows(c.id, c.call.Tool); hint != "" {
		return fault.New(fault.NotFound, "There is no tool of that name. Did you mean %s?", hint)
	}
	if c.call.Through != "" {
		return fault.New(fault.NotFound, "There is no tool of that name. Find the right one with find_tools.")
	}
	return fault.New(fault.NotFound, "There is no tool of that name. Ask for the list of tools (tools/list) and choose one of those.")
}
