package metabase

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"toolvault/schemas/near"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

// slot is what a question or a dashboard can be given a value for.
type slot struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Slug    string          `json:"slug"`
	Type    string          `json:"type"` // "string/=", "number/between", "date/all-options", "category" …
	Target  json.RawMessage `json:"target"`
	Default json.RawMessage `json:"default"`
	Needed  bool            `json:"required"`
	raw     json.RawMessage
}

// UnmarshalJSON keeps the parameter as it came beside what is read of it.
func (p *slot) UnmarshalJSON(b []byte) error {
	type plain slot
	var q plain
	if err := json.Unmarshal(b, &q); err != nil {
		return err
	}
	*p = slot(q)
	p.raw = bytes.Clone(b)
	return nil
}

// setting is a parameter with its value, as the API takes it.
type setting struct {
	ID     string          `json:"id,omitempty"`
	Type   string          `json:"type"`
	Target json.RawMessage `json:"target,omitempty"`
	Value  json.RawMessage `json:"value"`
}

// variable is the target of a value for a template tag.
func variable(name string) json.RawMessage {
	b, _ := json.Marshal([]any{"variable", []any{"template-tag", name}})
	return b
}

// settings turns {slug or name: value} into what the API takes.
func (s *service) settings(ctx context.Context, c *upstream.Client, owner string, known []slot, values map[string]json.RawMessage) ([]setting, error) {
	all := []setting{}
	for _, word := range slices.Sorted(maps.Keys(values)) {
		p, err := pickParameter(owner, word, known)
		if err != nil {
			return nil, err
		}
		value := values[word]
		if strings.HasPrefix(p.Type, "date/") {
			if value, err = s.dateValue(ctx, c, p, value); err != nil {
				return nil, err
			}
		}
		all = append(all, setting{ID: p.ID, Type: p.Type, Target: p.Target, Value: listed(p, value)})
	}
	return all, nil
}

// pickParameter finds a parameter by its slug or its name.
func pickParameter(owner, word string, known []slot) (slot, error) {
	for _, fits := range []func(p slot) bool{
		func(p slot) bool { return p.Slug == word },
		func(p slot) bool { return strings.EqualFold(p.Slug, word) || strings.EqualFold(p.Name, word) },
	} {
		for _, p := range known {
			if fits(p) {
				return p, nil
			}
		}
	}
	if len(known) == 0 {
		return slot{}, refuseParameter("The %s takes no parameters.", owner)
	}
	var slugs []string
	for _, p := range known {
		slugs = append(slugs, p.Slug)
	}
	hint := ""
	if m := near.Match(word, slugs); m != "" {
		hint = " Did you mean " + upstream.Clean(m, 60) + "?"
	}
	return slot{}, refuseParameter("The %s has no parameter %q; it has: %s.%s", owner, upstream.Clean(word, 80), clipped(slugs), hint)
}

// listed is a value as the kind of parameter wants it: those that compare with
// several values take a list, but where the value goes into SQL as it is.
func listed(p slot, value json.RawMessage) json.RawMessage {
	several := strings.HasPrefix(p.Type, "string/") || strings.HasPrefix(p.Type, "number/")
	if !several || strings.Contains(string(p.Target), `"variable"`) || len(value) == 0 || value[0] == '[' {
		return value
	}
	return slices.Concat(json.RawMessage("["), value, json.RawMessage("]"))
}

// Metabase's own spellings of dates: past30days, next2weeks~, thismonth, lastyear,
// exclude-days-Mon, Q4-2026, 2026-11, 2026.
var ownDate = pattern.New(`^(?:(?:past|next)\d{1,4}[a-z]+(?:-from-\d+[a-z]+)?~?|(?:this|last)(?:minute|hour|day|week|month|quarter|year)|exclude-[A-Za-z0-9-]+|Q[1-4]-\d{4}|\d{4}(?:-\d{2})?)$`)

// dateValue turns what a person writes for a date into what the parameter takes:
// a day, or from~to, either end of which may be left out.
func (s *service) dateValue(ctx context.Context, c *upstream.Client, p slot, raw json.RawMessage) (json.RawMessage, error) {
	var word string
	if json.Unmarshal(raw, &word) != nil {
		return nil, refuseParameter("%s: a date is a text. Write %s, or from~to.", upstream.Clean(p.Slug, 60), when.Forms)
	}
	if ownDate.MatchString(word) {
		return raw, nil
	}
	clock, err := s.clock(ctx, c)
	if err != nil {
		return nil, err
	}
	from, to, ranged := strings.Cut(word, "~")
	if !ranged {
		from, to, ranged = strings.Cut(word, "..")
	}
	ends := []string{}
	for _, end := range []string{from, to} {
		text, err := day(p.Slug, end, clock)
		if err != nil {
			return nil, err
		}
		ends = append(ends, text)
	}
	text := ends[0]
	switch {
	case ranged:
		text += "~" + ends[1]
	case (p.Type == "date/range" || p.Type == "date/all-options") && span.MatchString(word):
		text += "~" + clock.Now.In(clock.Zone).Format(time.DateOnly) // "7d" is the time since
	}
	b, err := json.Marshal(text)
	return b, err
}

var span = pattern.New(`^\d{1,5}\s*[a-z]+( ago)?$`)

// day is a time as a day, or with the time of day where it is not midnight.
func day(argument, word string, clock when.Clock) (string, error) {
	if strings.TrimSpace(word) == "" {
		return "", nil
	}
	t, err := when.Parse(argument, word, clock)
	if err != nil {
		return "", err
	}
	t = t.In(clock.Zone)
	if h, m, s := t.Clock(); h+m+s == 0 || span.MatchString(word) && !strings.Contains(word, "h") && !strings.HasSuffix(word, "m") && !strings.Contains(word, "min") {
		return t.Format(time.DateOnly), nil
	}
	return t.Format("2006-01-02T15:04:05"), nil
}
