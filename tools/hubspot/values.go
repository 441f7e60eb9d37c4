package hubspot

import (
	"context"
	"slices"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

const ownerProperty = "hubspot_owner_id"

// stampForm is how HubSpot writes a time.
const stampForm = "2006-01-02T15:04:05.000Z"

// clock is what times are relative to: now, in the account's time zone, which is
// UTC where it cannot be had.
func (s *service) clock(ctx context.Context, c *upstream.Client, ahead bool) when.Clock {
	zone, err := time.LoadLocation(s.portals.of(ctx, c).Zone)
	if err != nil {
		zone = time.UTC
	}
	return when.Clock{Now: s.now(), Zone: zone, Ahead: ahead}
}

// digits are an id, a number, or milliseconds since 1970.
var digits = pattern.New(`^-?\d+(\.\d+)?$`)

// instant reads a time as a person writes it, ahead where it is to come.
func (s *service) instant(ctx context.Context, c *upstream.Client, argument, word string, ahead bool) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, word); err == nil {
		return t, nil // no zone is needed
	}
	return when.Parse(argument, word, s.clock(ctx, c, ahead))
}

// values are the properties of a write as HubSpot wants them: an owner, a
// pipeline or a stage by its id, a time as such. "" clears a property.
func (s *service) values(ctx context.Context, c *upstream.Client, k kind, in map[string]scalar) (map[string]string, error) {
	out := map[string]string{}
	for p, v := range in {
		out[p] = v.text
		switch {
		case v.text == "":
		case timeProperties[p] && !digits.MatchString(v.text):
			t, err := s.instant(ctx, c, "properties."+p, v.text, true)
			if err != nil {
				return nil, err
			}
			out[p] = t.UTC().Format(stampForm)
		case p == ownerProperty && !isRecordID(v.text):
			id, err := s.owner(ctx, c, v.text)
			if err != nil {
				return nil, err
			}
			out[p] = id
		}
	}
	return out, s.place(ctx, c, k, out)
}

// plainID is what the ids of pipelines and stages look like.
var plainID = pattern.New(`^[a-z0-9_-]{1,80}$`)

// place turns the names of a pipeline and a stage into their ids, and gives the
// pipeline where only the stage was named, since HubSpot wants both.
func (s *service) place(ctx context.Context, c *upstream.Client, k kind, properties map[string]string) error {
	if k.stage == "" {
		return nil
	}
	inPipeline, inStage := properties[k.pipeline], properties[k.stage]
	if inPipeline == "" && inStage == "" {
		return nil
	}
	err := s.looked(ctx, c, k, func(all []pipeline) error {
		within := ""
		if inPipeline != "" {
			p, err := findPipeline(all, inPipeline)
			if err != nil {
				return err
			}
			within = p.id
			properties[k.pipeline] = p.id
		}
		if inStage == "" {
			return nil
		}
		p, st, err := findStage(all, within, inStage)
		if err != nil {
			return err
		}
		properties[k.pipeline], properties[k.stage] = p.id, st.id
		return nil
	})
	if f := fault.From(err); f != nil && f.Status != 0 && plainID.MatchString(inPipeline+inStage) {
		return nil // the pipelines cannot be had, and these may well be ids
	}
	return err
}

// zoned writes the times in records in the account's time zone: a deal that closes
// on the 31st has midnight there, which in UTC is the day before.
func (s *service) zoned(ctx context.Context, c *upstream.Client, records []Record) {
	var zone *time.Location
	for _, r := range records {
		for p, v := range r.Properties {
			if !timeProperties[p] {
				continue
			}
			t, err := time.Parse(time.RFC3339, v)
			if err != nil {
				continue
			}
			if zone == nil {
				zone = s.clock(ctx, c, false).Zone
			}
			r.Properties[p] = t.In(zone).Format(time.RFC3339)
		}
	}
}

// adorned fills in what the ids in records are called, where that is known or
// costs one request at most, and the call may know it; and the times there.
func (s *service) adorned(ctx context.Context, c *upstream.Client, k kind, records []Record) {
	s.zoned(ctx, c, records)
	name := func(r *Record, property, text string) {
		if text == "" {
			return
		}
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		r.Labels[property] = text
	}
	has := func(properties ...string) bool {
		return slices.ContainsFunc(records, func(r Record) bool {
			return slices.ContainsFunc(properties, func(p string) bool { return p != "" && r.Properties[p] != "" })
		})
	}
	if has(ownerProperty) && c.Allows(ownerScope) {
		called := map[string]string{}
		for _, o := range adorn(ctx, s.books, key(c, "owners"), func() ([]names.Named, error) { return s.ownersOf(ctx, c) }) {
			called[o.ID] = o.Name
		}
		for i := range records {
			name(&records[i], ownerProperty, called[records[i].Properties[ownerProperty]])
		}
	}
	if !has(k.pipeline, k.stage) {
		return
	}
	pipelines, stages := map[string]string{}, map[string]string{}
	for _, p := range adorn(ctx, s.books, key(c, "pipelines", k.name), func() ([]pipeline, error) { return s.pipelinesOf(ctx, c, k) }) {
		pipelines[p.id] = p.name
		for _, st := range p.stages {
			stages[p.id+separator+st.id], stages[st.id] = st.name, st.name
		}
	}
	for i := range records {
		r := &records[i]
		in, at := r.Properties[k.pipeline], r.Properties[k.stage]
		name(r, k.pipeline, pipelines[in])
		if label := stages[in+separator+at]; label != "" {
			name(r, k.stage, label)
		} else {
			name(r, k.stage, stages[at])
		}
	}
}

// shown is a value in a result's text: what others wrote stands in «».
func shown(v string) string {
	if strings.Trim(v, "0123456789-+:.TZ") == "" || v == "true" || v == "false" {
		return v
	}
	return upstream.Quote(strings.ReplaceAll(v, "\n", " ⏎ "))
}

// more is the end of a page's text.
func more(next, note string) string {
	text := ""
	if next != "" {
		text += "\nMore: next_cursor " + next
	}
	if note != "" {
		text += "\nNote: " + note
	}
	return text
}

// notes joins what there is to say.
func notes(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, "; ")
}
