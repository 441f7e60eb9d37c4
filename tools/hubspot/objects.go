package hubspot

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// lags is said after a write: HubSpot's index follows the database.
const lags = "searches may show the change a minute late, hubspot_get_object at once"

type getObjectIn struct {
	ObjectType   string   `json:"object_type"`
	ID           string   `json:"id"`
	IDProperty   string   `json:"id_property"`
	Properties   []string `json:"properties"`
	Associations []string `json:"associations"`
	History      []string `json:"history"`
}

// Whole is a record with all that was asked for.
type Whole struct {
	Record  Record              `json:"record"`
	History map[string][]Change `json:"history,omitempty"` // newest first
	Note    string              `json:"note,omitempty"`
}

// Change is a value that a property has had.
type Change struct {
	Value  string `json:"value"`
	At     string `json:"at,omitempty"`     // since when, RFC 3339
	Source string `json:"source,omitempty"` // CRM_UI, API, …
}

const maxChanges = 20 // of one property

// Text is one line, one more a change, and what there is to say.
func (w Whole) Text() string {
	text := w.Record.line()
	for _, p := range slices.Sorted(maps.Keys(w.History)) {
		for _, ch := range w.History[p] {
			text += "\n" + p + " since " + ch.At + ": " + shown(ch.Value)
			if ch.Source != "" {
				text += " by " + upstream.Quote(ch.Source)
			}
		}
	}
	return text + more("", w.Note)
}

func (s *service) getObject(ctx context.Context, c *upstream.Client, in getObjectIn) (Whole, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Whole{}, err
	}
	path, query, err := k.address(in.ID, in.IDProperty)
	if err != nil {
		return Whole{}, err
	}
	query["properties"] = k.properties(in.Properties)
	associations, err := s.seen(ctx, c, in.Associations)
	if err != nil {
		return Whole{}, err
	}
	if len(associations) > 0 {
		query["associations"] = associations
	}
	if len(in.History) > 0 {
		query["propertiesWithHistory"] = in.History
	}
	var w wireRecord
	if err := c.Get(ctx, path, query, &w); err != nil {
		return Whole{}, err
	}
	if !isRecordID(w.ID) {
		return Whole{}, fault.New(fault.UpstreamError, "HubSpot answered without a record id. Try again later; if it stays so, tell the operator.")
	}
	out := Whole{Record: s.one(ctx, c, k, w, longValue), History: history(w, in.History)}
	out.Note = s.missing(ctx, c, k, unknown(in.Properties, []wireRecord{w}))
	return out, nil
}

// history is how the properties asked for have changed.
func history(w wireRecord, asked []string) map[string][]Change {
	out := map[string][]Change{}
	for _, p := range asked {
		for _, ch := range w.History[p][:min(len(w.History[p]), maxChanges)] {
			out[p] = append(out[p], Change{Value: value(p, ch.Value, shortValue), At: stamp(ch.At), Source: upstream.Clean(ch.Source+" "+ch.Label, 80)})
		}
	}
	return out
}

type createObjectIn struct {
	ObjectType string            `json:"object_type"`
	Properties map[string]scalar `json:"properties"`
	Associate  []Link            `json:"associate_to"`
}

// createObject creates a record and then associates it. A record that is there but
// could not be associated is a success with a note: a failure would be tried again.
func (s *service) createObject(ctx context.Context, c *upstream.Client, in createObjectIn) (One, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return One{}, err
	}
	targets, err := s.targets(ctx, c, in.Associate)
	if err != nil {
		return One{}, err
	}
	for _, t := range targets {
		if t.label != "" { // a label that there is not is known before anything is made
			if _, err := s.typeOf(ctx, c, k, t.kind, t.label); err != nil {
				return One{}, err
			}
		}
	}
	properties, err := s.given(ctx, c, k, in.Properties)
	if err != nil {
		return One{}, err
	}
	w, err := s.create(ctx, c, k, wireCreate{Properties: properties})
	if err != nil {
		return One{}, s.explain(ctx, c, k, properties, err)
	}
	out := One{Record: s.one(ctx, c, k, w, shortValue)}
	done, note := s.join(ctx, c, k, w.ID, targets)
	out.Record.Associations, out.Note = done, notes(note, lags)
	return out, nil
}

// given are the values of a new record: what is empty is left out.
func (s *service) given(ctx context.Context, c *upstream.Client, k kind, in map[string]scalar) (map[string]string, error) {
	properties, err := s.values(ctx, c, k, in)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(properties, func(_, v string) bool { return v == "" })
	if len(properties) == 0 {
		return nil, fault.New(fault.InvalidArguments, "properties: all are empty. Give at least one value.")
	}
	return properties, nil
}

type wireCreate struct {
	Properties   map[string]string `json:"properties"`
	Associations []wireAssociation `json:"associations,omitempty"`
}

func (s *service) create(ctx context.Context, c *upstream.Client, k kind, req wireCreate) (wireRecord, error) {
	var w wireRecord
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: k.path(""), JSON: req}, &w); err != nil {
		return w, err
	}
	return w, whole(w)
}

type updateObjectIn struct {
	ObjectType string            `json:"object_type"`
	ID         string            `json:"id"`
	IDProperty string            `json:"id_property"`
	Properties map[string]scalar `json:"properties"`
}

// updateObject sets properties; null and "" clear one.
func (s *service) updateObject(ctx context.Context, c *upstream.Client, in updateObjectIn) (One, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return One{}, err
	}
	properties, err := s.values(ctx, c, k, in.Properties)
	if err != nil {
		return One{}, err
	}
	return s.update(ctx, c, k, in.ID, in.IDProperty, properties)
}

func (s *service) update(ctx context.Context, c *upstream.Client, k kind, id, idProperty string, properties map[string]string) (One, error) {
	path, query, err := k.address(id, idProperty)
	if err != nil {
		return One{}, err
	}
	var w wireRecord
	err = c.Do(ctx, upstream.Request{Method: http.MethodPatch, Path: path, Query: query, JSON: wireCreate{Properties: properties}}, &w)
	if err != nil {
		return One{}, s.explain(ctx, c, k, properties, err)
	}
	if err := whole(w); err != nil {
		return One{}, err
	}
	out := One{Record: s.one(ctx, c, k, w, shortValue)}
	out.Note = notes(s.missing(ctx, c, k, unknown(slices.Sorted(maps.Keys(properties)), []wireRecord{w})), lags)
	return out, nil
}

type archiveObjectIn struct {
	ObjectType string `json:"object_type"`
	ID         string `json:"id"`
}

// Archived is what was put away.
type Archived struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Note string `json:"note"`
}

// Text is one line.
func (a Archived) Text() string {
	return "Archived " + a.Type + " " + a.ID + more("", a.Note)
}

// archiveObject puts a record into the recycling bin.
func (s *service) archiveObject(ctx context.Context, c *upstream.Client, in archiveObjectIn) (Archived, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return Archived{}, err
	}
	if err := numbers("id", in.ID); err != nil {
		return Archived{}, err
	}
	if err := c.Do(ctx, upstream.Request{Method: http.MethodDelete, Path: k.path(in.ID)}, nil); err != nil {
		return Archived{}, err
	}
	return Archived{k.name, in.ID, "a person can restore it in HubSpot for 90 days"}, nil
}

type mergeObjectsIn struct {
	ObjectType string `json:"object_type"`
	Primary    string `json:"primary_id"`
	Merge      string `json:"merge_id"`
}

// mergeObjects makes two records one, which nobody can undo. The record that is
// left may have an id of its own.
func (s *service) mergeObjects(ctx context.Context, c *upstream.Client, in mergeObjectsIn) (One, error) {
	k, err := s.kind(ctx, c, in.ObjectType)
	if err != nil {
		return One{}, err
	}
	if err := numbers("primary_id, merge_id", in.Primary, in.Merge); err != nil {
		return One{}, err
	}
	if in.Primary == in.Merge {
		return One{}, fault.New(fault.InvalidArguments, "primary_id and merge_id are the same record.")
	}
	var w wireRecord
	req := map[string]string{"primaryObjectId": in.Primary, "objectIdToMerge": in.Merge}
	if err := c.Do(ctx, upstream.Request{Path: k.path("merge"), JSON: req}, &w); err != nil {
		return One{}, err
	}
	if err := whole(w); err != nil {
		return One{}, err
	}
	return One{Record: s.one(ctx, c, k, w, shortValue), Note: lags}, nil
}

func (s *service) objectTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_get_object", s.getObject),
		tools.New("hubspot_create_object", s.createObject),
		tools.New("hubspot_update_object", s.updateObject),
		tools.New("hubspot_archive_object", s.archiveObject),
		tools.New("hubspot_merge_objects", s.mergeObjects),
	}
}
