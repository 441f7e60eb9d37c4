package segment

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"toolvault/tools/names"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// Versions of the Public API. It has none in its paths: a request says in Accept
// which one it means, and each path is there in some of them.
const (
	v1     = "application/vnd.segment.v1+json"
	v1beta = "application/vnd.segment.v1beta+json"
)

const (
	wholePage = 200 // things of a list that is read whole
	maxWhole  = 5   // pages of it
	maxID     = 100 // bytes of an id
	maxName   = 500 // bytes of a name
)

// public makes a request of the Public API, in one of its versions. A body is of the
// type of the version.
func (s *service) public(ctx context.Context, c *upstream.Client, req upstream.Request, version string, out any) error {
	req.API, req.Fault = host(c, public), faultOf(public, c.Param(paramRegion))
	req.Header = map[string][]string{"Accept": {version}}
	if req.JSON != nil {
		body, err := encoded(req.JSON)
		if err != nil {
			return err
		}
		req.JSON, req.Body, req.Type = nil, body, version
	}
	return c.Do(ctx, req, out)
}

// listing is a page of a list of the Public API.
type listing struct {
	path    string
	key     string // of the list in data: "sources"
	version string // "": v1
	query   url.Values
	cursor  string
	count   int
}

// read reads a page; next is "" at the end.
func read[T any](ctx context.Context, s *service, c *upstream.Client, l listing) (items []T, next string, err error) {
	q := url.Values{"pagination[count]": {strconv.Itoa(l.count)}}
	for name, values := range l.query {
		q[name] = values
	}
	if l.cursor != "" {
		q.Set("pagination[cursor]", l.cursor)
	}
	if l.version == "" {
		l.version = v1
	}
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if err := s.public(ctx, c, upstream.Request{Path: l.path, Query: q, Read: true}, l.version, &answer); err != nil {
		return nil, "", err
	}
	var pages struct {
		Next string `json:"next"`
	}
	raw, ok := answer.Data[l.key]
	if !ok || json.Unmarshal(raw, &items) != nil || decodeLoose(answer.Data["pagination"], &pages) != nil {
		return nil, "", unreadable()
	}
	return items, pages.Next, nil
}

// thing is as much of a source, a destination or a tracking plan as a name needs.
type thing struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Slug     string `json:"slug"`
	SourceID string `json:"sourceId"`
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

func (t thing) called() string {
	for _, s := range []string{t.Name, t.Slug, t.Metadata.Name} {
		if s != "" {
			return s
		}
	}
	return ""
}

// idForm is how ids of the Public API look: 22 of letters and digits, or 24 of
// hexadecimal digits; tracking plans begin with tp_ or rs_.
var idForm = pattern.New(`^[A-Za-z0-9_-]{20,64}$`)

// find is the thing that a word means: its id or slug, its name, or a part of that.
func (s *service) find(ctx context.Context, c *upstream.Client, what, word, path, key, list string) (names.Named, error) {
	all, err := s.known.Get(c.CredentialKey()+" "+host(c, public)+path, func() ([]thing, error) { return s.whole(ctx, c, path, key) })
	if err != nil {
		return names.Named{}, err
	}
	named := make([]names.Named, len(all))
	for i, t := range all {
		named[i] = names.Named{ID: t.ID, Name: t.called()}
		if t.Slug == word && word != "" {
			return named[i], nil
		}
	}
	found, err := names.Pick(what, word, named, list)
	if err != nil && idForm.MatchString(word) { // one beyond what was read, or newer
		return names.Named{ID: word, Name: word}, nil
	}
	return found, err
}

// whole is a list as far as names are looked for in it.
func (s *service) whole(ctx context.Context, c *upstream.Client, path, key string) (all []thing, err error) {
	l := listing{path: path, key: key, count: wholePage}
	for range maxWhole {
		items, next, err := read[thing](ctx, s, c, l)
		if err != nil {
			return nil, err
		}
		for _, t := range items[:min(len(items), wholePage)] {
			if len(t.ID) <= maxID && len(t.called()) <= maxName { // whoever answers else names nothing that a person means
				all = append(all, t)
			}
		}
		if next == "" {
			break
		}
		l.cursor = next
	}
	return all, nil
}

func (s *service) source(ctx context.Context, c *upstream.Client, word string) (names.Named, error) {
	return s.find(ctx, c, "source", word, "/sources", "sources", "segment_list_sources")
}

func (s *service) destination(ctx context.Context, c *upstream.Client, word string) (names.Named, error) {
	return s.find(ctx, c, "destination", word, "/destinations", "destinations", "segment_list_destinations")
}

func (s *service) plan(ctx context.Context, c *upstream.Client, word string) (names.Named, error) {
	return s.find(ctx, c, "tracking plan", word, "/tracking-plans", "trackingPlans", "segment_list_tracking_plans")
}
