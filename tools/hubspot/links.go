package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

// Link names a record to associate with, and what it is to the other: "" for the
// association that has no label.
type Link struct {
	Ref
	Label string `json:"label,omitempty"`
}

// target is a record to associate with.
type target struct {
	kind  kind
	id    string
	label string
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

// label is a kind of association between two types of record; name is "" for the
// one without a label.
type label struct {
	name     string
	category string
	id       int
}

var categoryForm = map[string]bool{"HUBSPOT_DEFINED": true, "USER_DEFINED": true, "INTEGRATOR_DEFINED": true, "WORK": true}

// labelsOf are the kinds of association from one type to another, kept for a while.
func (s *service) labelsOf(ctx context.Context, c *upstream.Client, from, to kind) ([]label, error) {
	return s.books.labels.Get(key(c, from.name, to.name), func() ([]label, error) {
		var got struct {
			Results []struct {
				Category string `json:"category"`
				ID       int    `json:"typeId"`
				Label    string `json:"label"`
			} `json:"results"`
		}
		if err := c.Get(ctx, between(from, to)+"/labels", nil, &got); err != nil {
			return nil, err
		}
		var all []label
		for _, r := range got.Results[:min(len(got.Results), 200)] {
			if categoryForm[r.Category] {
				all = append(all, label{upstream.Clean(r.Label, 100), r.Category, r.ID})
			}
		}
		return all, nil
	})
}

// between is the address of what is between two types.
func between(from, to kind) string {
	return associationsPath + "/" + url.PathEscape(from.name) + "/" + url.PathEscape(to.name)
}

// typeOf is the kind of association of that label.
func (s *service) typeOf(ctx context.Context, c *upstream.Client, from, to kind, word string) (wireAssociationType, error) {
	all, err := s.labelsOf(ctx, c, from, to)
	if err != nil {
		return wireAssociationType{}, err
	}
	if word == "" {
		i := slices.IndexFunc(all, func(l label) bool { return l.name == "" })
		if i < 0 {
			return wireAssociationType{}, fault.New(fault.NotFound, "%s and %s have no association without a label.", from.called(), to.called())
		}
		return wireAssociationType{all[i].category, all[i].id}, nil
	}
	var choice []names.Named
	for _, l := range all {
		if l.name != "" {
			choice = append(choice, names.Named{ID: fmt.Sprintf("%s/%d", l.category, l.id), Name: l.name})
		}
	}
	picked, err := names.Pick("association label", word, choice, "hubspot_list_association_labels")
	if err != nil {
		return wireAssociationType{}, err
	}
	for _, l := range all {
		if fmt.Sprintf("%s/%d", l.category, l.id) == picked.ID {
			return wireAssociationType{l.category, l.id}, nil
		}
	}
	return wireAssociationType{}, fault.New(fault.NotFound, "There is no such association label.")
}

// targets reads what is to be associated with, all of which the call may see.
func (s *service) targets(ctx context.Context, c *upstream.Client, links []Link) ([]target, error) {
	var out []target
	for _, l := range links {
		k, err := s.kind(ctx, c, l.Type)
		if err != nil {
			return nil, err
		}
		if err := readable(c, k); err != nil {
			return nil, err
		}
		if !isRecordID(l.ID) {
			return nil, fault.New(fault.InvalidArguments, "associate_to: %q is no record id. Take it from hubspot_search_objects.", upstream.Clean(l.ID, 60))
		}
		if t := (target{k, l.ID, l.Label}); !slices.ContainsFunc(out, func(o target) bool { return o.id == t.id && o.kind.name == t.kind.name && o.label == t.label }) {
			out = append(out, t)
		}
	}
	return out, nil
}

func plainLinks(refs []Ref) []Link {
	var links []Link
	for _, r := range refs {
		links = append(links, Link{Ref: r})
	}
	return links
}

// within are the associations that can go into the request that creates a record,
// so that they stand or fall with it, and those that have to be made afterwards,
// since HubSpot would not say how they are called.
func (s *service) within(ctx context.Context, c *upstream.Client, from kind, targets []target) (now []wireAssociation, done []Ref, later []target) {
	for _, t := range targets {
		kindOfLink, err := s.typeOf(ctx, c, from, t.kind, t.label)
		if err != nil {
			later = append(later, t)
			continue
		}
		a := wireAssociation{Types: []wireAssociationType{kindOfLink}}
		a.To.ID = t.id
		now, done = append(now, a), append(done, Ref{t.kind.name, t.id})
	}
	return now, done, later
}

// join associates a record that has been created and says with which it is
// associated now, and with which not.
func (s *service) join(ctx context.Context, c *upstream.Client, k kind, id string, targets []target) (done []Ref, note string) {
	var failed []string
	for _, t := range targets {
		if err := s.joinOne(ctx, c, k, id, t); err != nil {
			failed = append(failed, t.kind.name+" "+t.id+" ("+fault.From(err).Message+")")
			continue
		}
		done = append(done, Ref{t.kind.name, t.id})
	}
	if len(failed) > 0 {
		note = "it was created, but not associated with " + strings.Join(failed, "; ")
	}
	return done, note
}

// joinOne makes one association. To associate twice is to associate once: it may
// be repeated like a read.
func (s *service) joinOne(ctx context.Context, c *upstream.Client, k kind, id string, t target) error {
	rest := url.PathEscape(t.kind.name) + "/" + url.PathEscape(t.id)
	req := upstream.Request{Method: http.MethodPut, Path: k.path(id) + "/associations/default/" + rest, Read: true}
	if t.label != "" {
		kindOfLink, err := s.typeOf(ctx, c, k, t.kind, t.label)
		if err != nil {
			return err
		}
		req.Path, req.JSON = k.path(id)+"/associations/"+rest, []wireAssociationType{kindOfLink}
	}
	return c.Do(ctx, req, &struct{}{})
}
