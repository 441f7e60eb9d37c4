package config

import (
	"fmt"
	"maps"
	"slices"

	"toolvault/tools"
)

// offerKeys are the keys of an agent that say which tools it is offered, and how.
var offerKeys = []string{"toolsets", "read_only", "discovery", "pin", "irreversible"}

func (r *reader) offer(m map[string]*node, field string) tools.Offer {
	services := slices.Sorted(maps.Keys(r.known.Catalogs))
	o := tools.Offer{
		ReadOnly:  r.flag(m["read_only"], join(field, "read_only")),
		Discovery: r.flag(m["discovery"], join(field, "discovery")),
	}
	r.texts(m["toolsets"], join(field, "toolsets"), func(s string) (string, error) {
		sets, err := tools.ParseToolsets(s, services)
		if err == nil && len(sets) > 1 {
			err = fmt.Errorf("one toolset an item: write [slack:read, hubspot]")
		}
		o.Toolsets = append(o.Toolsets, sets...)
		return s, err
	})
	if o.Empty() {
		r.fail(m["toolsets"].at, join(field, "toolsets"), "read_only leaves none of these, which only change something: name a service or a :read, or leave read_only out")
	}
	o.Irreversible = r.texts(m["irreversible"], join(field, "irreversible"), func(s string) (string, error) {
		irreversible, err := r.tool(s)
		if err == nil && !irreversible {
			err = fmt.Errorf("%s can be undone or only reads, so it need not be named here", s)
		}
		return s, err
	})
	o.Pins = r.texts(m["pin"], join(field, "pin"), func(s string) (string, error) {
		irreversible, err := r.tool(s)
		if err == nil && irreversible && r.known.Tools != nil && !slices.Contains(o.Irreversible, s) {
			err = fmt.Errorf("%s cannot be undone and is off: name it under irreversible too", s)
		}
		return s, err
	})
	if len(o.Pins) > 0 && !o.Discovery && m["discovery"] == nil {
		r.fail(m["pin"].at, join(field, "pin"), "tools are pinned beside the three of discovery: add discovery: true, or false where only --discovery turns it on")
	}
	return o
}

// tool checks the name of a tool, and tells whether what it does is for good.
func (r *reader) tool(name string) (irreversible bool, err error) {
	if r.known.Tools == nil {
		return true, nil
	}
	irreversible, ok := r.known.Tools[name]
	if !ok {
		hint := didYouMean(name, slices.Sorted(maps.Keys(r.known.Tools)))
		if hint == "" {
			hint = ": 'toolvault tools list' shows them all"
		}
		return false, fmt.Errorf("there is no tool %s%s", show(name), hint)
	}
	return irreversible, nil
}
