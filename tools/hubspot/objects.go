package hubspot

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type getObjectIn struct {
	ObjectType   string   `json:"object_type"`
	ID           string   `json:"id"`
	IDProperty   string   `json:"id_property"`
	Properties   []string `json:"properties"`
	Associations []string `json:"associations"`
}

func (s *service) getObject(ctx context.Context, c *upstream.Client, in getObjectIn) (One, error) {
	k, err := parseKind(in.ObjectType)
	if err != nil {
		return One{}, err
	}
	path, query, err := k.address(in.ID, in.IDProperty)
	if err != nil {
		return One{}, err
	}
	query["properties"] = k.properties(in.Properties)
	for _, a := range in.Associations {
		to, err := parseKind(a)
		if err != nil {
			return One{}, err
		}
		if err := readable(c, to); err != nil {
			return One{}, err
		}
		query.Add("associations", to.name)
	}
	var w wireRecord
	if err := c.Get(ctx, path, query, &w); err != nil {
		return One{}, err
	}
	if !isRecordID(w.ID) {
		return One{}, fault.New(fault.UpstreamError, "HubSpot answered without a record id. Try again later; if it stays so, tell the operator.")
	}
	room := maxPageValues
	return One{Record: s.record(ctx, c, k, w, longValue, &room), Note: unknown(in.Properties, []wireRecord{w})}, nil
}

type createObjectIn struct {
	ObjectType string            `json:"object_type"`
	Properties map[string]scalar `json:"properties"`
	Associate  []Ref             `json:"associate_to"`
}

// createObject creates a record and then associates it, each with the default
// association, for which no type id is needed. A record that is there but could
// not be associated is a success with a note: a failure would be tried again.
func (s *service) createObject(ctx context.Context, c *upstream.Client, in createObjectIn) (One, error) {
	k, err := parseKind(in.ObjectType)
	if err != nil {
		return One{}, err
	}
	targets, err := parseRefs(c, in.Associate)
	if err != nil {
		return One{}, err
	}
	properties := map[string]string{}
	for p, v := range in.Properties {
		if v.text != "" { // nothing to set
			properties[p] = v.text
		}
	}
	if len(properties) == 0 {
		return One{}, fault.New(fault.InvalidArguments, "properties: all are empty. Give at least one value.")
	}
	w, err := s.create(ctx, c, k, wireCreate{Properties: properties})
	if err != nil {
		return One{}, err
	}
	room := maxPageValues
	out := One{Record: s.record(ctx, c, k, w, shortValue, &room)}
	out.Record.Associations, out.Note = associate(ctx, c, k, w.ID, targets)
	return out, nil
}

type wireCreate struct {
	Properties   map[string]string `json:"properties"`
	Associations []wireAssociation `json:"associations,omitempty"`
}

type wireAssociation struct {
	To struct {
		ID string `json:"id"`
	} `json:"to"`
	Types []wireAssociationType `json:"types"`
}

type wireAssociationType struct {
	Category string `json:"associationCategory"`
	ID       int    `json:"associationTypeId"`
}

func (s *service) create(ctx context.Context, c *upstream.Client, k kind, req wireCreate) (wireRecord, error) {
	var w wireRecord
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: k.path(""), JSON: req}, &w); err != nil {
		return w, err
	}
	return w, whole(w)
}

// target is a record to associate with.
type target struct {
	kind kind
	id   string
}

func parseRefs(c *upstream.Client, refs []Ref) ([]target, error) {
	var out []target
	for _, r := range refs {
		k, err := parseKind(r.Type)
		if err != nil {
			return nil, err
		}
		if err := readable(c, k); err != nil {
			return nil, err
		}
		if !isRecordID(r.ID) {
			return nil, fault.New(fault.InvalidArguments, "associate_to: %q is no record id. Take it from hubspot_search_objects.", upstream.Clean(r.ID, 60))
		}
		if t := (target{k, r.ID}); !slices.ContainsFunc(out, func(o target) bool { return o.id == t.id && o.kind.name == t.kind.name }) {
			out = append(out, t)
		}
	}
	return out, nil
}

// associate makes default associations and says which there are now, and which
// could not be made.
func associate(ctx context.Context, c *upstream.Client, k kind, id string, targets []target) (done []Ref, note string) {
	var failed []string
	for _, t := range targets {
		path := k.path(id) + "/associations/default/" + url.PathEscape(t.kind.name) + "/" + url.PathEscape(t.id)
		// To associate twice is to associate once: it may be repeated like a read.
		err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: path, Read: true}, &struct{}{})
		if err != nil {
			failed = append(failed, t.kind.name+" "+t.id+" ("+fault.From(err).Message+")")
			continue
		}
		done = append(done, Ref{t.kind.name, t.id})
	}
	if len(failed) > 0 {
		note = "It was created, but not associated with " + strings.Join(failed, "; ")
	}
	return done, note
}

type updateObjectIn struct {
	ObjectType string            `json:"object_type"`
	ID         string            `json:"id"`
	IDProperty string            `json:"id_property"`
	Properties map[string]scalar `json:"properties"`
}

// updateObject sets properties; null and "" clear one.
func (s *service) updateObject(ctx context.Context, c *upstream.Client, in updateObjectIn) (One, error) {
	k, err := parseKind(in.ObjectType)
	if err != nil {
		return One{}, err
	}
	path, query, err := k.address(in.ID, in.IDProperty)
	if err != nil {
		return One{}, err
	}
	properties := map[string]string{}
	for p, v := range in.Properties {
		properties[p] = v.text
	}
	var w wireRecord
	err = c.Do(ctx, upstream.Request{Method: http.MethodPatch, Path: path, Query: query, JSON: wireCreate{Properties: properties}}, &w)
	if err != nil {
		return One{}, err
	}
	if err := whole(w); err != nil {
		return One{}, err
	}
	room := maxPageValues
	out := One{Record: s.record(ctx, c, k, w, shortValue, &room)}
	out.Note = unknown(slices.Sorted(maps.Keys(properties)), []wireRecord{w})
	return out, nil
}
