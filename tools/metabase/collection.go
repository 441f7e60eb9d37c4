package metabase

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) collectionTools() []tools.Tool {
	return []tools.Tool{
		tools.New("metabase_list_collection", s.listCollection),
		tools.New("metabase_create_collection", s.createCollection),
		tools.New("metabase_update_collection", s.updateCollection),
	}
}

// Named is a thing by its id and what it is called.
type Named struct {
	ID   int64  `json:"id"`
	Name string `json:"name,omitempty"`
}

type listCollectionIn struct {
	Collection ref      `json:"collection"`
	Models     []string `json:"models"`
	Archived   bool     `json:"archived"`
	Limit      int      `json:"limit"`
	Cursor     string   `json:"cursor"`
}

// Contents is the answer of metabase_list_collection.
type Contents struct {
	Collection Named  `json:"collection"` // 0: the root
	Items      []Item `json:"items"`
	Total      int    `json:"total"`
	Next       string `json:"next_cursor,omitempty"`
}

// Text is one line an item.
func (l Contents) Text() string {
	s := fmt.Sprintf("collection %d  %s\n", l.Collection.ID, upstream.Quote(l.Collection.Name))
	if len(l.Items) == 0 {
		return s + "It is empty.\n"
	}
	return s + lines(l.Items) + more(len(l.Items), l.Total, l.Next)
}

func (s *service) listCollection(ctx context.Context, c *upstream.Client, in listCollectionIn) (Contents, error) {
	id, err := s.collection(ctx, c, in.Collection)
	if err != nil {
		return Contents{}, err
	}
	q := url.Values{"models": in.Models}
	if in.Archived {
		q.Set("archived", "true")
	}
	list, err := items(ctx, c, collectionPath(id)+"/items", q, in.Limit, in.Cursor)
	if err != nil {
		return Contents{}, err
	}
	out := Contents{Collection: Named{ID: id, Name: "Our analytics"}, Items: list.Items, Total: list.Total, Next: list.Next}
	if id > 0 {
		if out.Collection.Name, err = s.collectionName(ctx, c, id); err != nil {
			return Contents{}, err
		}
	}
	return out, nil
}

func collectionPath(id int64) string {
	if id == 0 {
		return "/api/collection/root"
	}
	return "/api/collection/" + strconv.FormatInt(id, 10)
}

// collectionName is what a collection is called; "" where the list has it not.
func (s *service) collectionName(ctx context.Context, c *upstream.Client, id int64) (string, error) {
	all, err := s.collections(ctx, c)
	if err != nil {
		return "", err
	}
	for _, n := range all {
		if n.ID == strconv.FormatInt(id, 10) {
			return upstream.Clean(pathOf(n.Name), 254), nil
		}
	}
	return "", nil
}

// collectionModel is a collection as the API has it.
type collectionModel struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Archived    bool   `json:"archived"`
	Location    string `json:"location"`
}

// Saved is the answer of tools that make or change something.
type Saved struct {
	ID          int64  `json:"id"`
	Model       string `json:"model"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Collection  int64  `json:"collection"` // in which it is; 0: the root
	CollectedIn string `json:"collection_name,omitempty"`
	Cards       int    `json:"cards,omitempty"` // of a dashboard
	Note        string `json:"note,omitempty"`
	Link        string `json:"link"`
}

// Text is one or two lines.
func (s Saved) Text() string {
	t := fmt.Sprintf("%s %d  %s  in ", s.Model, s.ID, upstream.Quote(s.Name))
	switch {
	case s.CollectedIn != "":
		t += "collection " + upstream.Quote(s.CollectedIn)
	case s.Collection == 0:
		t += "the root"
	default:
		t += fmt.Sprintf("collection %d", s.Collection)
	}
	if s.Cards > 0 {
		t += fmt.Sprintf("  %d cards", s.Cards)
	}
	t += "  " + s.Link
	if s.Note != "" {
		t += "\n" + s.Note
	}
	return t
}

type createCollectionIn struct {
	Name        string `json:"name"`
	Parent      ref    `json:"parent"`
	Description string `json:"description"`
}

func (s *service) createCollection(ctx context.Context, c *upstream.Client, in createCollectionIn) (Saved, error) {
	body := map[string]any{"name": in.Name}
	parent, err := s.into(ctx, c, in.Parent)
	if err != nil {
		return Saved{}, err
	}
	if parent > 0 {
		body["parent_id"] = parent
	}
	if in.Description != "" {
		body["description"] = in.Description
	}
	var m collectionModel
	if err := c.Do(ctx, upstream.Request{Path: "/api/collection", JSON: body}, &m); err != nil {
		return Saved{}, err
	}
	s.forgetCollections(c)
	return savedCollection(c, m), nil
}

type updateCollectionIn struct {
	ID          ref     `json:"id"`
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Parent      ref     `json:"parent"`
}

func (s *service) updateCollection(ctx context.Context, c *upstream.Client, in updateCollectionIn) (Saved, error) {
	id, err := s.collection(ctx, c, in.ID)
	if err != nil {
		return Saved{}, err
	}
	if id == 0 {
		return Saved{}, fault.Wrong("The root collection cannot be changed. Give the id or name of another.")
	}
	body := map[string]any{}
	if in.Name != nil {
		body["name"] = *in.Name
	}
	if in.Description != nil {
		body["description"] = nullable(*in.Description)
	}
	if in.Parent != "" {
		parent, err := s.collection(ctx, c, in.Parent)
		if err != nil {
			return Saved{}, err
		}
		if parent == id {
			return Saved{}, fault.Wrong("A collection cannot be inside itself.")
		}
		body["parent_id"] = orNull(parent)
	}
	if len(body) == 0 {
		return Saved{}, fault.Wrong("There is nothing to change: give name, description or parent.")
	}
	var m collectionModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: collectionPath(id), JSON: body}, &m); err != nil {
		return Saved{}, err
	}
	s.forgetCollections(c)
	return savedCollection(c, m), nil
}

func savedCollection(c *upstream.Client, m collectionModel) Saved {
	return Saved{
		ID: m.ID, Model: "collection", Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Collection: above(m.Location), Link: link(c, "collection", m.ID),
	}
}

// above is the last id of a location such as "/4/9/"; 0 is the root.
func above(location string) int64 {
	var last int64
	for i := 0; i < len(location); {
		j := i
		for j < len(location) && location[j] != '/' {
			j++
		}
		if n, ok := ref(location[i:j]).number(); ok {
			last = n
		}
		i = j + 1
	}
	return last
}

// into is the collection that something new goes into: 0, the root, unless it is
// named.
func (s *service) into(ctx context.Context, c *upstream.Client, r ref) (int64, error) {
	if r == "" {
		return 0, nil
	}
	return s.collection(ctx, c, r)
}

func orNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// unlike is the fault of a change that was taken and is not there: other clients
// have shipped updates that were taken and dropped, so we look.
func unlike(what string, id int64, tool string) *fault.Error {
	return fault.New(fault.UpstreamError, "Metabase took the change of %s %d and shows other values than were sent. Look at it with %s.", what, id, tool)
}
