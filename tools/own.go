package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools/fault"
)

// self is toolvault as a service: its tools need no credential and reach nobody.
const self = "toolvault"

// own is a tool of toolvault itself.
type own struct {
	run func(c *passage, ctx context.Context) (any, error)
	// listed is not nil for the three of discovery. It makes the tool's description
	// for somebody who may use those services.
	listed func(description string, services []string) string
}

func ownTools() map[string]own {
	plain := func(description string, _ []string) string { return description }
	return map[string]own{
		"toolvault_whoami": {run: (*passage).whoami},
		"find_tools":       {run: (*passage).findTools, listed: naming},
		"describe_tool":    {run: (*passage).describeTool, listed: plain},
		callTool:           {run: (*passage).callItself, listed: plain},
	}
}

// bindOwn adds the tools of toolvault itself, those that have a file.
func (cat *catalogue) bindOwn(files map[string]schemas.Tool) {
	for name, o := range ownTools() {
		file, ok := files[name]
		if !ok || file.Service != self {
			continue
		}
		delete(files, name)
		b := &bound{schema: file, service: Service{Name: self, Title: self, Scopes: scope.NewCatalog(self)}, own: &o}
		cat.tools[name] = b
		cat.order = append(cat.order, b)
	}
}

// ownTool is a tool of toolvault's as it is shown to the identity.
func (g *Gateway) ownTool(id auth.Identity, b *bound) schemas.Tool {
	if b.own.listed == nil {
		return b.schema
	}
	services := g.usable(id)
	return b.form(strings.Join(services, " "), func() schemas.Tool {
		return b.schema.WithDescription(b.own.listed(b.schema.Description, services))
	})
}

// usable are the titles of the services that the identity may use, sorted.
func (g *Gateway) usable(id auth.Identity) []string {
	var titles []string
	for _, b := range g.catalogue.Load().order {
		if b.own != nil || slices.Contains(titles, b.service.Title) {
			continue
		}
		if _, ok := g.reachable(id, b); ok {
			titles = append(titles, b.service.Title)
		}
	}
	slices.Sort(titles)
	return titles
}

// naming puts the services into the description: a model that does not read them
// does not look.
func naming(description string, services []string) string {
	text := "no service yet"
	switch n := len(services); {
	case n == 1:
		text = services[0]
	case n > 1:
		text = strings.Join(services[:n-1], ", ") + " and " + services[n-1]
	}
	return strings.ReplaceAll(description, "{services}", text)
}

// read decodes the arguments of an own tool, which have been validated.
func (c *passage) read(into any) error {
	dec := json.NewDecoder(bytes.NewReader(c.args.Raw))
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("arguments of %s: %w", c.bound.schema.Name, err)
	}
	return nil
}

// callTool is the name of the tool that stands for any other.
const callTool = "call_tool"

// Direct is the call that a call of call_tool stands for; any other is returned
// as it is. From there on it is like any call: the same checks, the same record.
func (g *Gateway) Direct(id auth.Identity, call Call) Call {
	if call.Tool != callTool || !g.offers.Load().discovers(id.Agent) {
		return call
	}
	file := g.catalogue.Load().tools[callTool]
	if file == nil || g.hides(id, file) {
		return call // there is no such tool for this agent
	}
	if _, err := file.schema.Validate(call.Arguments); err != nil {
		return call // will be refused as what it is
	}
	var inner struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal(call.Arguments, &inner) != nil || inner.Name == callTool {
		return call
	}
	call.Tool, call.Arguments, call.Through = inner.Name, inner.Arguments, callTool
	return call
}

// callItself answers a call_tool that stands for itself.
func (c *passage) callItself(context.Context) (any, error) {
	return nil, fault.New(fault.InvalidArguments, "call_tool calls another tool: name one that find_tools gave.")
}
