package notion

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

const (
	maxPiece  = 2000 // characters of one piece of rich text
	maxPieces = 100  // of them in a value, and of options, people and pages
	maxNested = 20_000
)

// given are the values of properties by name, as a model writes them: plain, or as a
// text that is the JSON of it all.
type given = loose[map[string]json.RawMessage]

// readOnly reports whether the service makes the value.
func (p property) readOnly() bool {
	switch p.kind {
	case "title", "rich_text", "number", "select", "multi_select", "status", "date", "people", "files", "checkbox", "url", "email", "phone_number", "relation":
		return false
	}
	return true
}

// written is the values as Notion takes them, by the name of the property.
func (s *service) written(ctx context.Context, c *upstream.Client, src *source, values map[string]json.RawMessage) (map[string]any, error) {
	if len(values) > maxProperties {
		return nil, fault.Wrong("More than %d properties at once.", maxProperties)
	}
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, err := src.column(name)
		if err != nil {
			return nil, err
		}
		if len(values[name]) > maxNested*10 {
			return nil, fault.Wrong("The value of %q is too long.", upstream.Clean(name, 80))
		}
		if out[p.name], err = s.value(ctx, c, p, values[name]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// value is a value as Notion takes it: {type: …}.
func (s *service) value(ctx context.Context, c *upstream.Client, p property, raw json.RawMessage) (any, error) {
	as := func(v any, err error) (any, error) { return map[string]any{p.kind: v}, err }
	empty := string(raw) == "null" || string(raw) == `""`
	switch p.kind {
	case "title", "rich_text":
		t, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		return as(rich(p.name, t))
	case "url", "email", "phone_number":
		if empty {
			return as(nil, nil)
		}
		return as(p.text(raw))
	case "number":
		if empty {
			return as(nil, nil)
		}
		return as(p.number(raw))
	case "checkbox":
		return as(p.truth(raw))
	case "date":
		if empty {
			return as(nil, nil)
		}
		return as(s.date(p, raw))
	case "select", "status":
		if empty {
			return as(nil, nil)
		}
		t, err := p.text(raw)
		if err != nil {
			return nil, err
		}
		o, err := p.option(t)
		return as(map[string]string{"name": o}, err)
	case "multi_select", "people", "relation", "files":
		list, err := p.list(raw)
		if err != nil {
			return nil, err
		}
		return as(s.each(ctx, c, p, list))
	}
	return nil, fault.Wrong("%s is a %s: Notion makes its value, so it cannot be set.", shown(p.name), shown(p.kind))
}

// each is the entries of a property that holds several.
func (s *service) each(ctx context.Context, c *upstream.Client, p property, list []string) ([]any, error) {
	out := []any{}
	for _, word := range list {
		switch p.kind {
		case "multi_select":
			o, err := p.option(word)
			if err != nil {
				return nil, err
			}
			out = append(out, map[string]string{"name": o})
		case "people":
			id, err := s.person(ctx, c, word)
			if err != nil {
				return nil, err
			}
			out = append(out, map[string]string{"object": "user", "id": id})
		case "relation":
			id, ok, err := parseID("page", word)
			if err == nil && !ok {
				err = fault.Wrong("%s: %q is no page. Give the ids or addresses of pages, as notion_query_data_source shows them.", shown(p.name), upstream.Clean(word, 80))
			}
			if err != nil {
				return nil, err
			}
			out = append(out, map[string]string{"id": id})
		case "files":
			if !strings.HasPrefix(word, "https://") || len(word) > maxPiece {
				return nil, fault.Wrong("%s takes https addresses of files.", shown(p.name))
			}
			out = append(out, map[string]any{"type": "external", "name": word[strings.LastIndexByte(word, '/')+1:], "external": map[string]string{"url": word}})
		}
	}
	return out, nil
}

func shown(name string) string { return upstream.Quote(upstream.Clean(name, 80)) }

func (p property) wants(what string) error {
	return fault.Wrong("%s is a %s and takes %s.", shown(p.name), shown(p.kind), what)
}

// text is a value that is a text, or a number or truth in place of one.
func (p property) text(raw json.RawMessage) (string, error) {
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return "", p.wants("a text")
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", p.wants("a text")
}

// rich divides a text into pieces of rich text, which Notion joins again.
func rich(name, text string) ([]any, error) {
	out := []any{}
	runes := []rune(text)
	for len(runes) > 0 {
		n := min(len(runes), maxPiece)
		out = append(out, map[string]any{"type": "text", "text": map[string]string{"content": string(runes[:n])}})
		runes = runes[n:]
	}
	if len(out) > maxPieces {
		return nil, fault.Wrong("%s takes %d characters at most.", shown(name), maxPiece*maxPieces)
	}
	return out, nil
}

func (p property) number(raw json.RawMessage) (json.Number, error) {
	t, err := p.text(raw)
	if err != nil {
		return "", p.wants("a number")
	}
	t = strings.TrimSpace(t)
	if f, err := strconv.ParseFloat(t, 64); err != nil || f-f != 0 || len(t) > 40 || !json.Valid([]byte(t)) {
		return "", p.wants("a number")
	}
	return json.Number(t), nil
}

func (p property) truth(raw json.RawMessage) (bool, error) {
	t, err := p.text(raw)
	if err != nil {
		return false, p.wants("true or false")
	}
	switch strings.ToLower(strings.TrimSpace(t)) {
	case "true", "yes", "1":
		return true, nil
	case "false", "no", "0", "":
		return false, nil
	}
	return false, p.wants("true or false")
}

// list is one text, or a list of texts. null and "" are none.
func (p property) list(raw json.RawMessage) ([]string, error) {
	var many []json.RawMessage
	if json.Unmarshal(raw, &many) != nil {
		many = []json.RawMessage{raw}
	}
	var out []string
	for _, one := range many {
		t, err := p.text(one)
		if err != nil {
			return nil, p.wants("a list of texts")
		}
		if t = strings.TrimSpace(t); t != "" {
			out = append(out, t)
		}
	}
	if len(out) > maxPieces {
		return nil, fault.Wrong("%s takes %d entries at most.", shown(p.name), maxPieces)
	}
	return out, nil
}

var dayForm = pattern.New(`^\d{4}-\d{2}-\d{2}$`)

// date is a day or a point in time, or two with a slash, or {start, end, time_zone}.
func (s *service) date(p property, raw json.RawMessage) (any, error) {
	const takes = `a date such as 2026-11-24, a time, or "from/to"`
	var d struct {
		Start string `json:"start"`
		End   string `json:"end"`
		Zone  string `json:"time_zone"`
	}
	if strings.HasPrefix(string(raw), "{") {
		if json.Unmarshal(raw, &d) != nil || len(d.Zone) > 60 {
			return nil, p.wants(takes)
		}
	} else {
		t, err := p.text(raw)
		if err != nil {
			return nil, p.wants(takes)
		}
		d.Start, d.End, _ = strings.Cut(t, "/")
	}
	out := map[string]string{}
	for key, word := range map[string]string{"start": d.Start, "end": d.End} {
		if word == "" && key == "end" {
			continue
		}
		at, err := s.moment(p, word, d.Zone != "", true)
		if err != nil {
			return nil, err
		}
		out[key] = at
	}
	if d.Zone != "" {
		if _, err := time.LoadLocation(d.Zone); err != nil {
			return nil, fault.Wrong("%s: there is no time zone %q.", shown(p.name), upstream.Clean(d.Zone, 60))
		}
		out["time_zone"] = d.Zone
	}
	return out, nil
}

// moment is a day as it is, and every other time in full. With a zone of its own a
// time has no offset. ahead says that "7d" is to come.
func (s *service) moment(p property, word string, zoned, ahead bool) (string, error) {
	word = strings.TrimSpace(word)
	at, err := when.Parse(p.name, word, when.Clock{Now: s.now(), Ahead: ahead})
	switch {
	case err != nil:
		f := fault.From(err)
		f.NotSent = true
		f.Message = strings.Replace(f.Message, p.name, shown(p.name), 1)
		return "", f
	case dayForm.MatchString(word), word == "today", word == "tomorrow", word == "yesterday":
		return at.UTC().Format(time.DateOnly), nil
	case zoned:
		return at.Format("2006-01-02T15:04:05"), nil
	}
	return at.Format(time.RFC3339), nil
}
