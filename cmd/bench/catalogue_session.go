package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// session is what a script of tool calls works with: one side's server and what it
// cost so far. The first thing that goes wrong ends it: later calls do nothing, so
// that a script reads like a conversation. err says what it was.
type session struct {
	ctx    context.Context
	server *mcpProcess
	world  *world
	made   []made
	said   strings.Builder // all that a model has read, for the facts
	err    error
	log    io.Writer

	discover string          // the task's words: tools are found and described before they are called
	known    map[string]bool // and these have been
}

// made is one call: the bytes of its arguments as JSON, of the texts that came back
// and of the structured content beside them.
type made struct {
	tool                     string
	args                     object
	sent, read, structuredly int
}

// cost is what a whole script came to.
type cost struct {
	Calls      int `json:"calls"`
	Sent       int `json:"sent"` // bytes of all arguments
	Read       int `json:"read"` // bytes of all texts
	Structured int `json:"structured,omitempty"`
}

func (s *session) cost() cost {
	c := cost{Calls: len(s.made)}
	for _, m := range s.made {
		c.Sent, c.Read, c.Structured = c.Sent+m.sent, c.Read+m.read, c.Structured+m.structuredly
	}
	return c
}

// object is the arguments of a call, and any other JSON object of a script.
type object map[string]any

// call calls a tool of the server.
func (s *session) call(tool string, args object) answer {
	if s.discover != "" {
		s.seek(tool)
		return s.direct("call_tool", object{"name": tool, "arguments": args})
	}
	return s.direct(tool, args)
}

// seek does what a model has to where only find_tools, describe_tool and call_tool
// are listed: it looks for a tool in the words of the task, then in the tool's own,
// and has it described before its first use.
func (s *session) seek(tool string) {
	if s.known[tool] || s.err != nil {
		return
	}
	if s.known == nil {
		s.known = map[string]bool{}
		s.direct("find_tools", object{"query": s.discover})
	}
	if !strings.Contains(s.said.String(), tool) {
		_, words, _ := strings.Cut(tool, "_")
		s.direct("find_tools", object{"query": strings.ReplaceAll(words, "_", " ")})
		if s.err == nil && !strings.Contains(s.said.String(), tool) {
			s.err = fmt.Errorf("find_tools finds %s by neither %q nor its name", tool, s.discover)
		}
	}
	s.direct("describe_tool", object{"name": tool})
	s.known[tool] = true
}

func (s *session) direct(tool string, args object) answer {
	if s.err != nil {
		return answer{s: s}
	}
	r, err := s.server.call(s.ctx, tool, args)
	if err != nil {
		s.err = err
		return answer{s: s}
	}
	return s.note(tool, args, r)
}

// instead does what a tool that cannot be run here does: it asks the service itself,
// and takes the service's answer for the tool's.
func (s *session) instead(tool string, args object, m method) answer {
	return s.find(tool, args, m, "", nil)
}

// find is the same for a tool that searches: of the list in the answer only the
// items that fit are counted.
func (s *session) find(tool string, args object, m method, list string, fits func(object) bool) answer {
	if s.err != nil {
		return answer{s: s}
	}
	var all map[string]any
	if all, s.err = m.ask(s.ctx, s.world); s.err != nil {
		return answer{s: s}
	}
	if items, ok := all[list].([]any); ok {
		all[list] = slices.DeleteFunc(items, func(i any) bool { o, _ := i.(map[string]any); return !fits(o) })
	}
	text, err := compact(all)
	if err != nil {
		s.err = err
		return answer{s: s}
	}
	return s.note(tool, args, result{text: string(text)})
}

func (s *session) note(tool string, args object, r result) answer {
	sent, err := compact(args)
	if err != nil {
		s.err = err
		return answer{s: s}
	}
	if s.log != nil {
		_, _ = fmt.Fprintf(s.log, "%s %s\n%s\n\n", tool, sent, r.text)
	}
	s.made = append(s.made, made{tool: tool, args: args, sent: len(sent), read: len(r.text), structuredly: len(r.structured)})
	s.said.WriteString(r.text)
	s.said.WriteByte('\n')
	a := answer{s: s, tool: tool, raw: r.text}
	body := string(r.structured)
	if body == "" {
		body = r.text
		if start := strings.IndexAny(body, "{["); start >= 0 {
			body = body[start:]
		}
	}
	// What is no JSON has nothing to be found in; only "at" minds.
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	_ = dec.Decode(&a.value)
	return a
}

// method is one method of Slack's Web API and its arguments.
type method struct {
	name string
	form url.Values
}

// slack makes a method of name, value, name, value...
func slack(name string, pairs ...string) method {
	m := method{name, url.Values{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.form.Set(pairs[i], pairs[i+1])
	}
	return m
}

func (m method) ask(ctx context.Context, w *world) (map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.doubles["slack"].BaseURL()+"/"+m.name, strings.NewReader(m.form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+w.secrets["slack"])
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if dec.Decode(&answer) != nil || answer["ok"] != true {
		return nil, fmt.Errorf("slack: %s: %s", m.name, b)
	}
	return answer, nil
}

// answer is what came back, for the values that the next call needs.
type answer struct {
	s     *session
	tool  string
	value any
	raw   string
}

// at is the value under keys and indexes; that there is none ends the session.
func (a answer) at(path ...any) any {
	if a.s.err != nil {
		return ""
	}
	v := a.value
	for _, step := range path {
		var next any
		switch step := step.(type) {
		case string:
			o, _ := v.(map[string]any)
			next = o[step]
		case int:
			if l, _ := v.([]any); step < len(l) {
				next = l[step]
			}
		}
		if next == nil {
			got, _ := compact(a.value)
			a.s.err = fmt.Errorf("the answer of %s has nothing at %v: %.600s", a.tool, path, got)
			return ""
		}
		v = next
	}
	return v
}

// text is the same as a string.
func (a answer) text(path ...any) string { return fmt.Sprint(a.at(path...)) }

// where is the item of a list in which a key has a value.
func (a answer) where(list, key string, want any) answer {
	items, _ := a.at(list).([]any)
	for _, i := range items {
		if o, ok := i.(map[string]any); ok && fmt.Sprint(o[key]) == fmt.Sprint(want) {
			return answer{s: a.s, tool: a.tool, value: o}
		}
	}
	if a.s.err == nil {
		a.s.err = fmt.Errorf("the answer of %s has no %s with %s %v", a.tool, list, key, want)
	}
	return answer{s: a.s, tool: a.tool}
}

// row is the first row of a table in CSV in which a column has a value.
func (a answer) row(column, want string) map[string]string {
	if a.s.err != nil {
		return nil
	}
	table := csv.NewReader(strings.NewReader(a.raw))
	table.FieldsPerRecord = -1
	rows, err := table.ReadAll()
	for _, row := range rows[min(1, len(rows)):] {
		named := map[string]string{}
		for i, name := range rows[0] {
			if i < len(row) {
				named[name] = row[i]
			}
		}
		if named[column] == want {
			return named
		}
	}
	a.s.err = fmt.Errorf("the answer of %s has no row with %s %s (%v): %.600s", a.tool, column, want, err, a.raw)
	return nil
}
