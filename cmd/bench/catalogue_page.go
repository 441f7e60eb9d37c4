package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// page is docs/compared.md and what it is made of.
type page struct {
	record   record // theirs, as measured now or recorded
	ours     map[string]listSize
	outcomes []outcome
	ran      bool
}

// page puts the figures together: theirs from now where they ran, else recorded.
func (c comparison) page(ctx context.Context, outcomes []outcome) (page, error) {
	p := page{outcomes: outcomes, ran: c.npm != ""}
	old, err := readRecord()
	if err != nil {
		return p, err
	}
	p.record = record{Tasks: map[string]cost{}}
	if p.record.Lists, err = c.theirLists(ctx, old); err != nil {
		return p, err
	}
	for i, o := range outcomes {
		if !o.ran {
			known, ok := old.Tasks[o.task.key]
			if !ok && o.task.theirs != nil {
				return p, fmt.Errorf("%s: theirs is not on record; run with -vendors", o.task.key)
			}
			p.outcomes[i].theirs = known
		}
		p.record.Tasks[o.task.key] = p.outcomes[i].theirs
	}
	p.ours, err = c.ourLists(ctx)
	return p, err
}

//go:embed catalogue_page.tmpl
var pageText string

func (p page) markdown() (string, error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{"Lists": p.lists(), "Tasks": p.tasks(), "Rivals": p.rivals(), "Conversations": p.conversations(), "Vendors": p.versions(), "Ran": p.ran})
	return b.String(), err
}

// thousands is a number as people read it: 12,345.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// tokens is what bytes come to, at four a token.
func tokens(bytes int) string { return thousands((bytes + 2) / 4) }

func listRow(name string, l listSize) string {
	return fmt.Sprintf("| %s | %d | %s | %s | %s |\n", name, len(l.Names), thousands(l.Bytes), thousands(l.Read+l.Instructions), tokens(l.Read+l.Instructions))
}

// lists is the table of what there is to read before the first call.
func (p page) lists() string {
	var b strings.Builder
	b.WriteString("| server | tools | bytes of the list | read | about tokens |\n| --- | --: | --: | --: | --: |\n")
	for _, mode := range []string{"--toolsets slack", "--toolsets hubspot", "--toolsets pinecone", "--toolsets metabase"} {
		b.WriteString(listRow("**toolvault** `"+mode+"`", p.ours[mode]))
	}
	b.WriteString(listRow("**toolvault**, all four of these", p.ours[""]))
	b.WriteString(listRow("**toolvault** `--discovery`, all four", p.ours["--discovery"]))
	b.WriteString(listRow("**toolvault**, all eleven services", p.ours[everything]))
	b.WriteString(listRow("**toolvault** `--discovery`, all eleven services", p.ours[everything+" --discovery"]))
	var together listSize
	for _, name := range []string{hosted, vendorHubSpot, vendorPinecone, vendorMetabase, essential, rival} {
		l := p.record.Lists[name]
		title, mode, _ := strings.Cut(name, " ")
		title = "`" + title + "` " + l.Version
		switch {
		case mode != "":
			title += " `" + mode + "`"
		case name == vendorMetabase:
			title += " `--all`"
		}
		b.WriteString(listRow(title, l))
		if name != essential && name != rival {
			together.Bytes, together.Read, together.Instructions = together.Bytes+l.Bytes, together.Read+l.Read, together.Instructions+l.Instructions
			together.Names = append(together.Names, l.Names...)
		}
	}
	b.WriteString(listRow("the first four of theirs together", together))
	return b.String()
}

func (p page) versions() string {
	var all []string
	for name, v := range vendors() {
		all = append(all, name+"@"+v.version)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func taskRow(words string, ours, theirs cost, remark string) string {
	return fmt.Sprintf("| %s | %d | %s | %s | %d | %s | %s | %s |\n", words,
		ours.Calls, thousands(ours.Sent), thousands(ours.Read), theirs.Calls, thousands(theirs.Sent), thousands(theirs.Read), remark)
}

func (c cost) plus(d cost) cost {
	return cost{c.Calls + d.Calls, c.Sent + d.Sent, c.Read + d.Read, c.Structured + d.Structured}
}

const taskHead = "| task | calls | sent | read | theirs: calls | sent | read | theirs |\n| --- | --: | --: | --: | --: | --: | --: | --- |\n"

// tasks is the table of the twenty tasks.
func (p page) tasks() string {
	var b strings.Builder
	b.WriteString(taskHead)
	var all, theirAll cost
	for _, group := range p.groups() {
		sum, theirs := sums(group)
		for _, o := range group {
			b.WriteString(taskRow(o.task.words, o.ours, o.theirs, o.task.cannot))
		}
		b.WriteString(taskRow("**"+title(group[0].task.service)+"**", sum, theirs, "`"+group[0].task.vendor+"`"))
		all, theirAll = all.plus(sum), theirAll.plus(theirs)
	}
	b.WriteString(taskRow("**All**", all, theirAll, "ours as structured content: "+thousands(all.Structured)))
	return b.String()
}

// rivals is the table of Slack's tasks beside the server for it that most use.
func (p page) rivals() string {
	var b strings.Builder
	b.WriteString(taskHead)
	var group []outcome
	for _, o := range p.outcomes {
		if o.task.vendor == rival {
			group = append(group, o)
			b.WriteString(taskRow(o.task.words, o.ours, o.theirs, o.task.cannot))
		}
	}
	sum, theirs := sums(group)
	b.WriteString(taskRow("**Slack**", sum, theirs, "`"+rival+"`"))
	return b.String()
}

// conversations is the table of what a task comes to on average if it is all that a
// conversation is about: the list, what is sent and what is read.
func (p page) conversations() string {
	var b strings.Builder
	b.WriteString("| with | calls | list | sent and read | together | about tokens |\n| --- | --: | --: | --: | --: | --: |\n")
	row := func(name string, list, tasks int, c cost) {
		each := (c.Sent + c.Read) / tasks
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s | %s | %s |\n", name, float64(c.Calls)/float64(tasks), thousands(list), thousands(each), thousands(list+each), tokens(list+each))
	}
	reads := func(l listSize) int { return l.Read + l.Instructions }
	var ours, theirs, discovered cost
	oneSet, oneServer, allServers, n := 0, 0, 0, 0
	for _, group := range p.groups() {
		mine, other := sums(group)
		ours, theirs = ours.plus(mine), theirs.plus(other)
		for _, o := range group {
			discovered = discovered.plus(o.discovered)
			n++
		}
		oneSet += reads(p.ours["--toolsets "+group[0].task.service])
		oneServer += reads(p.record.Lists[group[0].task.vendor])
	}
	services := len(p.groups())
	allServers = oneServer
	row("**toolvault**, all four", reads(p.ours[""]), n, ours)
	row("**toolvault** `--toolsets`, the service of the task", oneSet/services, n, ours)
	row("**toolvault** `--discovery`, all four", reads(p.ours["--discovery"]), n, discovered)
	row("theirs, all four servers", allServers, n, theirs)
	row("theirs, the server of the task", oneServer/services, n, theirs)
	return b.String()
}

func sums(group []outcome) (ours, theirs cost) {
	for _, o := range group {
		ours, theirs = ours.plus(o.ours), theirs.plus(o.theirs)
	}
	return ours, theirs
}

// title is how a service's name is written.
func title(service string) string {
	return map[string]string{"slack": "Slack", "hubspot": "HubSpot", "pinecone": "Pinecone", "metabase": "Metabase"}[service]
}

// groups are the outcomes of the twenty tasks by service, in the order of the page.
func (p page) groups() [][]outcome {
	order := []string{"slack", "hubspot", "pinecone", "metabase"}
	groups := make([][]outcome, len(order))
	for _, o := range p.outcomes {
		if at := slices.Index(order, o.task.service); at >= 0 && o.task.vendor != rival {
			groups[at] = append(groups[at], o)
		}
	}
	return slices.DeleteFunc(groups, func(g []outcome) bool { return len(g) == 0 })
}

// write puts the page into docs/, and the record beside the bench if theirs ran.
func (p page) write() error {
	root, err := repository()
	if err != nil {
		return err
	}
	text, err := p.markdown()
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(root, "docs", "compared.md"), []byte(text), 0o644)
	if err != nil || !p.ran {
		return err
	}
	b, err := json.MarshalIndent(p.record, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "cmd", "bench", "catalogue_record.json"), append(b, '\n'), 0o644)
}
