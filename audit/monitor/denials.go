package monitor

import (
	"fmt"
	"slices"
	"strings"
)

// denials are the calls of an agent that were refused lately.
type denials struct {
	Tally tally    `json:"tally"`
	Tools []probed `json:"tools,omitempty"`
	Top   top      `json:"top"` // of the tally
}

type probed struct {
	Name string `json:"n"`
	At   int64  `json:"t"` // seconds
}

// suspicion is how much a failure looks like somebody who tries what goes. Models
// send wrong arguments and ask for what is not there without meaning harm.
func suspicion(outcome []byte, unknownTool bool) float32 {
	switch string(outcome) {
	case "not_permitted":
		return 1
	case "not_found":
		if unknownTool {
			return 1
		}
		return 0.5
	case "invalid_arguments":
		return 0.5
	}
	return 0
}

// denied judges what an agent was refused.
func (j *Judge) denied(s *seen, a *agent) {
	weight := suspicion(s.outcome, len(s.service) == 0)
	if weight == 0 {
		return
	}
	name, rule := a.name, &a.how.denials
	d := &a.Denied
	d.Top.on(hourOf(s.time)/24, d.Top.limit(rule.Count, 3))
	sum := d.Tally.add(s, rule.Window, weight)
	d.Top.Today = max(d.Top.Today, sum)
	tools := d.probe(s, int64(rule.Window.Seconds()))
	limit := max(rule.Count, 3*d.Top.Value)
	if rule.Off || sum < limit || len(tools) < rule.Tools {
		return
	}
	j.sign(s, sign{rule: RuleDenials, how: *rule, key: name, subject: Subject{Agent: name}, evidence: d.Tally.Recent, say: func() (string, string) {
		return fmt.Sprintf("agent %s was refused over %d tools within %s: %s", name, len(tools), rule.Window, strings.Join(tools[:min(len(tools), 8)], ", ")),
			fmt.Sprintf("in its worst %s of the last weeks a score of %.0f; this is %.0f (not permitted and unknown tools 1 each, wrong arguments and not found 0.5)", rule.Window, d.Top.Value, sum)
	}})
}

// probe adds the tool of a record, and returns those of the last while.
func (d *denials) probe(s *seen, window int64) []string {
	now := s.time.Unix()
	d.Tools = slices.DeleteFunc(d.Tools, func(p probed) bool { return p.At < now-window || p.Name == string(s.tool) })
	if len(d.Tools) >= maxProbed {
		d.Tools = slices.Delete(d.Tools, 0, 1)
	}
	d.Tools = append(d.Tools, probed{string(s.tool), now})
	names := make([]string, len(d.Tools))
	for i, p := range d.Tools {
		names[i] = strings.ToValidUTF8(p.Name[:min(len(p.Name), 60)], "")
	}
	return names
}
