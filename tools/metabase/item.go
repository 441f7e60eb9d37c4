package metabase

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) itemTools() []tools.Tool {
	return []tools.Tool{
		tools.New("metabase_archive_item", s.archiveItem),
		tools.New("metabase_copy_item", s.copyItem),
	}
}

// itemID is the id of a question, dashboard or collection, and its path.
func (s *service) itemID(ctx context.Context, c *upstream.Client, kind string, r ref, archived bool) (id int64, path string, err error) {
	switch kind {
	case "question":
		id, err = s.find(ctx, c, aQuestion, r, archived)
		return id, cardPath(id), err
	case "dashboard":
		id, err = s.find(ctx, c, aDashboard, r, archived)
		return id, dashboardPath(id), err
	}
	if archived { // those in the trash are in no list of collections
		id, err = s.find(ctx, c, aCollection, r, true)
	} else {
		id, err = s.collection(ctx, c, r)
	}
	if err == nil && id == 0 {
		err = fault.Wrong("The root collection stays where it is. Give the id or name of another.")
	}
	return id, collectionPath(id), err
}

// modelOf is what addresses call a kind of item.
func modelOf(kind string) string {
	if kind == "question" {
		return "card"
	}
	return kind
}

type archiveItemIn struct {
	Type    string `json:"type"`
	ID      ref    `json:"id"`
	Restore bool   `json:"restore"`
}

// Archived is the answer of metabase_archive_item.
type Archived struct {
	Type     string `json:"type"`
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Archived bool   `json:"archived"`
	Link     string `json:"link"`
}

// Text is one line.
func (a Archived) Text() string {
	done := "is in the trash now; restore: true brings it back"
	if !a.Archived {
		done = "is out of the trash again"
	}
	return fmt.Sprintf("%s %d  %s  %s  %s", a.Type, a.ID, upstream.Quote(a.Name), done, a.Link)
}

// archiveItem moves a thing to the trash or out of it. Nothing is deleted.
func (s *service) archiveItem(ctx context.Context, c *upstream.Client, in archiveItemIn) (Archived, error) {
	id, path, err := s.itemID(ctx, c, in.Type, in.ID, in.Restore)
	if err != nil {
		return Archived{}, err
	}
	var m struct {
		Name     string `json:"name"`
		Archived bool   `json:"archived"`
	}
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: path, JSON: map[string]any{"archived": !in.Restore}}, &m); err != nil {
		return Archived{}, err
	}
	if in.Type == "collection" {
		s.forgetCollections(c)
	}
	if m.Archived == in.Restore {
		return Archived{}, unlike(in.Type, id, "metabase_search")
	}
	return Archived{Type: in.Type, ID: id, Name: upstream.Clean(m.Name, 254), Archived: m.Archived, Link: link(c, modelOf(in.Type), id)}, nil
}

type copyItemIn struct {
	Type       string `json:"type"`
	ID         ref    `json:"id"`
	Name       string `json:"name"`
	Collection ref    `json:"collection"`
	Deep       bool   `json:"deep"`
}

func (s *service) copyItem(ctx context.Context, c *upstream.Client, in copyItemIn) (Saved, error) {
	id, path, err := s.itemID(ctx, c, in.Type, in.ID, false)
	if err != nil {
		return Saved{}, err
	}
	body := map[string]any{}
	if in.Name != "" {
		body["name"] = in.Name
	}
	if in.Collection != "" {
		collection, err := s.collection(ctx, c, in.Collection)
		if err != nil {
			return Saved{}, err
		}
		body["collection_id"] = orNull(collection)
	}
	if in.Type == "question" {
		return s.copyQuestion(ctx, c, id, body)
	}
	if in.Deep && !c.Allows("question.write") {
		return Saved{}, lacks("question.write", "To copy the questions of a dashboard")
	}
	body["is_deep_copy"] = in.Deep
	var m dashboardModel
	if err := c.Do(ctx, upstream.Request{Path: path + "/copy", JSON: body}, &m); err != nil {
		return Saved{}, err
	}
	return Saved{
		ID: m.ID, Model: "dashboard", Name: upstream.Clean(m.Name, 254), Description: upstream.CleanLines(m.Description, maxDescription),
		Collection: value(m.CollectionID), Cards: len(m.DashCards), Link: link(c, "dashboard", m.ID),
	}, nil
}

// copyQuestion copies and then, since the copy takes no name and no place, changes
// these.
func (s *service) copyQuestion(ctx context.Context, c *upstream.Client, id int64, change map[string]any) (Saved, error) {
	var m cardModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: cardPath(id) + "/copy"}, &m); err != nil {
		return Saved{}, err
	}
	if len(change) > 0 {
		if err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: cardPath(m.ID), JSON: change}, &m); err != nil {
			f := fault.From(err)
			f.Message = fmt.Sprintf("The copy is there, question %d, but it could not be renamed or moved; do not copy again, use metabase_update_question. %s", m.ID, f.Message)
			f.Retryable, f.NotSent = false, false
			return Saved{}, f
		}
	}
	return savedQuestion(c, m), nil
}

// entity is what the revisions call a kind of item.
func entity(kind string, id int64) url.Values {
	return url.Values{"entity": {modelOf(kind)}, "id": {fmt.Sprint(id)}}
}
