package metabase

import (
	"context"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) historyTools() []tools.Tool {
	return []tools.Tool{
		tools.New("metabase_history", s.history),
		tools.New("metabase_revert", s.revert),
	}
}

type historyIn struct {
	Type  string `json:"type"`
	ID    ref    `json:"id"`
	Limit int    `json:"limit"`
}

// Version is one of a question's or dashboard's.
type Version struct {
	Version int64  `json:"version"`
	At      string `json:"at,omitempty"`
	By      string `json:"by,omitempty"`
	Change  string `json:"change,omitempty"`
	Current bool   `json:"current,omitempty"`
}

// Versions is the answer of metabase_history, newest first.
type Versions struct {
	Type     string    `json:"type"`
	ID       int64     `json:"id"`
	Versions []Version `json:"versions"`
	Total    int       `json:"total"`
}

// Text is one line a version.
func (v Versions) Text() string {
	if len(v.Versions) == 0 {
		return fmt.Sprintf("%s %d has no history.", v.Type, v.ID)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d\n", v.Type, v.ID)
	for _, one := range v.Versions {
		fmt.Fprintf(&b, "version %d  %s  by %s  %s", one.Version, one.At, upstream.Quote(one.By), upstream.Quote(one.Change))
		if one.Current {
			b.WriteString("  (as it is now)")
		}
		b.WriteByte('\n')
	}
	if len(v.Versions) < v.Total {
		fmt.Fprintf(&b, "%d of %d.\n", len(v.Versions), v.Total)
	}
	return b.String()
}

// revision is one of GET /api/revision, which answers newest first.
type revision struct {
	ID          int64  `json:"id"`
	Description string `json:"description"`
	At          string `json:"timestamp"`
	User        struct {
		Name string `json:"common_name"`
	} `json:"user"`
}

func (s *service) revisions(ctx context.Context, c *upstream.Client, kind string, id int64) ([]revision, error) {
	var all []revision
	err := c.Get(ctx, "/api/revision", entity(kind, id), &all)
	return all, err
}

func (s *service) history(ctx context.Context, c *upstream.Client, in historyIn) (Versions, error) {
	id, _, err := s.itemID(ctx, c, in.Type, in.ID, false)
	if err != nil {
		return Versions{}, err
	}
	all, err := s.revisions(ctx, c, in.Type, id)
	if err != nil {
		return Versions{}, err
	}
	out := Versions{Type: in.Type, ID: id, Versions: []Version{}, Total: len(all)}
	for i, r := range all[:min(len(all), in.Limit)] {
		out.Versions = append(out.Versions, Version{
			Version: r.ID, At: stamp(r.At), By: upstream.Clean(r.User.Name, 100), Change: upstream.Clean(r.Description, 300), Current: i == 0,
		})
	}
	return out, nil
}

type revertIn struct {
	Type    string `json:"type"`
	ID      ref    `json:"id"`
	Version int64  `json:"version"`
}

// Reverted is the answer of metabase_revert.
type Reverted struct {
	Type    string `json:"type"`
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Version int64  `json:"version"` // the one that it was brought back to
	Link    string `json:"link"`
}

// Text is one line.
func (r Reverted) Text() string {
	return fmt.Sprintf("%s %d  %s  is as it was in version %d  %s", r.Type, r.ID, upstream.Quote(r.Name), r.Version, r.Link)
}

// revert looks whether the version is one of the thing's: Metabase takes any.
func (s *service) revert(ctx context.Context, c *upstream.Client, in revertIn) (Reverted, error) {
	id, path, err := s.itemID(ctx, c, in.Type, in.ID, false)
	if err != nil {
		return Reverted{}, err
	}
	all, err := s.revisions(ctx, c, in.Type, id)
	if err != nil {
		return Reverted{}, err
	}
	known := false
	for _, r := range all {
		known = known || r.ID == in.Version
	}
	if !known {
		f := fault.New(fault.NotFound, "%s %d has no version %d. metabase_history lists them.", in.Type, id, in.Version)
		f.NotSent = true
		return Reverted{}, f
	}
	body := map[string]any{"entity": modelOf(in.Type), "id": id, "revision_id": in.Version}
	if err := c.Do(ctx, upstream.Request{Path: "/api/revision/revert", JSON: body}, nil); err != nil {
		return Reverted{}, err
	}
	var m struct {
		Name string `json:"name"`
	}
	if err := c.Get(ctx, path, nil, &m); err != nil {
		return Reverted{}, err
	}
	return Reverted{Type: in.Type, ID: id, Name: upstream.Clean(m.Name, 254), Version: in.Version, Link: link(c, modelOf(in.Type), id)}, nil
}
