package tools

import (
	"fmt"
	"slices"
	"strings"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/schemas/near"
)

// Offer is which tools an agent is offered, and in what form. It narrows: what
// token, credential and policy do not grant it does not bring back.
type Offer struct {
	Toolsets  Toolsets // nil: all
	ReadOnly  bool     // none that changes something
	Discovery bool     // three tools, through which the others are found, described and called
	Pins      []string // tools that are listed beside the three

	// Irreversible are the tools that take away for good and are offered all the
	// same. The others of that sort are not.
	Irreversible []string
}

// Toolsets are parts of the catalogue.
type Toolsets []Toolset

// Toolset is the tools of a service, or those that only read or only write.
type Toolset struct {
	Service     string
	Read, Write bool
}

// ParseToolsets reads "slack:read,hubspot": services, each with :read, :write or
// neither, separated by commas or spaces. services are those that there are.
func ParseToolsets(text string, services []string) (Toolsets, error) {
	var sets Toolsets
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		service, part, narrowed := strings.Cut(word, ":")
		if !slices.Contains(services, service) {
			hint := "there are " + strings.Join(services, ", ")
			if m := near.Match(service, services); m != "" {
				hint = fmt.Sprintf("did you mean %q?", m)
			}
			return nil, fmt.Errorf("there is no service %q: %s", service, hint)
		}
		set := Toolset{Service: service, Read: part != "write", Write: part != "read"}
		if narrowed && part != "read" && part != "write" {
			return nil, fmt.Errorf("%q is no part of the tools of %s: write %s:read, %s:write or %s", part, service, service, service, service)
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("it names no service: write, for example, slack:read,hubspot")
	}
	return sets, nil
}

// Empty reports whether the offer holds no tool of any service: of toolsets that
// only change something, those that only read.
func (o Offer) Empty() bool {
	return o.ReadOnly && o.Toolsets != nil && !slices.ContainsFunc(o.Toolsets, func(s Toolset) bool { return s.Read })
}

func (sets Toolsets) have(t schemas.Tool) bool {
	return sets == nil || slices.ContainsFunc(sets, func(s Toolset) bool {
		return s.Service == t.Service && (t.Write() && s.Write || !t.Write() && s.Read)
	})
}

// SetOffers puts in force what is offered to everybody, and to agents besides.
func (g *Gateway) SetOffers(all Offer, byAgent map[string]Offer) {
	g.offers.Store(&offers{all, byAgent})
}

type offers struct {
	all     Offer
	byAgent map[string]Offer
}

// discovers reports whether the agent gets the three tools instead of all.
func (o *offers) discovers(agent string) bool { return o.all.Discovery || o.byAgent[agent].Discovery }

// have reports whether the tool is among those that the agent is offered.
func (o *offers) have(agent string, b *bound) bool {
	if b.own != nil {
		return b.own.listed == nil || o.discovers(agent)
	}
	return o.chosen(agent, b) && !o.dreaded(agent, b)
}

// chosen reports whether the tool is among those that toolsets and read-only leave.
func (o *offers) chosen(agent string, b *bound) bool {
	own := o.byAgent[agent]
	if (o.all.ReadOnly || own.ReadOnly) && b.schema.Write() {
		return false
	}
	return o.all.Toolsets.have(b.schema) && own.Toolsets.have(b.schema)
}

// dreaded reports whether the tool takes away for good and nobody has named it.
func (o *offers) dreaded(agent string, b *bound) bool {
	return b.schema.Annotations.Irreversible && !slices.Contains(o.byAgent[agent].Irreversible, b.schema.Name) && !slices.Contains(o.all.Irreversible, b.schema.Name)
}

// nameable reports whether an admin need only name the tool under irreversible for
// the identity to have it.
func (g *Gateway) nameable(id auth.Identity, b *bound) bool {
	o := g.offers.Load()
	if b.own != nil || !o.dreaded(id.Agent, b) || !o.chosen(id.Agent, b) || g.rules(id).Hides(b.schema.Name) || !id.Grants.AllowsAny(b.template) {
		return false
	}
	_, ok := g.offer(id, b)
	return ok
}

// hides reports whether a tool is as if it did not exist for an identity, whatever
// its token and its credentials allow.
func (g *Gateway) hides(id auth.Identity, b *bound) bool {
	o := g.offers.Load()
	if !o.have(id.Agent, b) {
		return true
	}
	for _, agent := range id.Chain {
		if b.own == nil && !o.have(agent, b) {
			return true
		}
	}
	return g.rules(id).Hides(b.schema.Name)
}

// reachable is the tool as the identity may call it: granted by its token and by
// a credential that is registered for it, and neither hidden by its policy nor
// left out of its offer. Whether the credential works at this moment does not
// matter here; it changes the answer of a call instead.
func (g *Gateway) reachable(id auth.Identity, b *bound) (schemas.Tool, bool) {
	switch {
	case b == nil || g.hides(id, b):
		return schemas.Tool{}, false
	case b.own != nil:
		return g.ownTool(id, b), true
	case !id.Grants.AllowsAny(b.template):
		return schemas.Tool{}, false
	}
	return g.offer(id, b)
}

// List is what a model is shown: what the identity may call or, where its offer
// says so, the three tools through which all of that is found, and its pins.
func (g *Gateway) List(id auth.Identity) []schemas.Tool {
	cat, offers := g.catalogue.Load(), g.offers.Load()
	discovers := offers.discovers(id.Agent)
	list := make([]schemas.Tool, 0, len(cat.order))
	for _, b := range cat.order {
		if discovers && (b.own == nil || b.own.listed == nil) && !slices.Contains(offers.byAgent[id.Agent].Pins, b.schema.Name) && !slices.Contains(offers.all.Pins, b.schema.Name) {
			continue
		}
		if tool, ok := g.reachable(id, b); ok {
			list = append(list, tool)
		}
	}
	return list
}

// Knows reports whether the identity may call a tool of that name, listed or not.
// Where it may not, hint is the name of one that it may and could have meant.
func (g *Gateway) Knows(id auth.Identity, name string) (hint string, ok bool) {
	cat := g.catalogue.Load()
	if _, ok := g.reachable(id, cat.tools[name]); ok {
		return "", true
	}
	var names []string
	for _, b := range cat.order {
		if _, ok := g.reachable(id, b); ok {
			names = append(names, b.schema.Name)
		}
	}
	return near.Match(name, names), false
}
