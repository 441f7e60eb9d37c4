package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// snapshot is what the account's users see: records, associations, properties that
// somebody made or changed, members of lists.
func (p *hubspotPortal) snapshot() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]string{}
	gone := map[string]bool{}
	for kind, records := range p.records {
		for _, r := range records {
			if r.archived {
				gone[kind+" "+r.id] = true
				continue
			}
			var parts []string
			for _, name := range slices.Sorted(maps.Keys(r.properties)) {
				if !strings.HasSuffix(name, "modifieddate") {
					parts = append(parts, name+"="+r.properties[name])
				}
			}
			all[kind+" "+r.id] = strings.Join(parts, "\n")
		}
	}
	for l := range p.links {
		from, to := l.fromType+" "+l.from, l.toType+" "+l.to
		if from < to && !gone[from] && !gone[to] {
			all["association "+from+" "+to] = ""
		}
	}
	for l, ids := range p.labelled {
		for _, id := range ids {
			if from, to := l.fromType+" "+l.from, l.toType+" "+l.to; from < to && !gone[from] && !gone[to] {
				all[fmt.Sprintf("association %s %s label %d", from, to, id)] = ""
			}
		}
	}
	for kind, definitions := range p.properties {
		for _, d := range definitions {
			all["property "+kind+" "+d.name] = fmt.Sprintf("%s %s %s %v %v", d.label, d.about, d.group, d.options, d.hidden)
		}
	}
	for _, l := range p.lists {
		for _, id := range l.members {
			all["list "+l.id+" member "+id] = ""
		}
	}
	return all
}
