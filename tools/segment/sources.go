package segment

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) sourceTools() []tools.Tool {
	return []tools.Tool{tools.New("segment_list_sources", s.listSources)}
}

type listSourcesIn struct {
	Source string `json:"source"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// sourceModel is SourceV1, as much of it as may be seen: writeKeys and settings hold
// secrets, and of the keys only the number is kept.
type sourceModel struct {
	thing
	Enabled   bool  `json:"enabled"`
	WriteKeys count `json:"writeKeys"`
	Labels    []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"labels"`
}

// Source is a source as it is shown.
type Source struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Slug    string   `json:"slug,omitempty"`
	Type    string   `json:"type,omitempty"` // "Javascript", "Python", …
	Enabled bool     `json:"enabled"`
	Keys    int      `json:"keys"` // how many write keys it has: they are never shown
	Labels  []string `json:"labels,omitempty"`
	Plan    string   `json:"tracking_plan_id,omitempty"`
}

// Sources is the answer of segment_list_sources.
type Sources struct {
	Sources []Source `json:"sources"`
	Next    string   `json:"next_cursor,omitempty"`
}

// Text is one line a source.
func (l Sources) Text() string {
	var b strings.Builder
	if len(l.Sources) == 0 {
		b.WriteString("No source.\n")
	}
	for _, x := range l.Sources {
		fmt.Fprintf(&b, "%s  %s  %s, %s, %s", x.ID, upstream.Quote(x.Name), upstream.Quote(x.Type), onOff(x.Enabled), several(x.Keys, "write key"))
		if len(x.Labels) > 0 {
			b.WriteString("  " + upstream.Quote(strings.Join(x.Labels, ", ")))
		}
		if x.Plan != "" {
			b.WriteString("  tracking plan " + x.Plan)
		}
		b.WriteString("\n")
	}
	return b.String() + more(l.Next)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// several is a number of things, in words.
func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// more is how a text says that a list goes on.
func more(cursor string) string {
	if cursor == "" {
		return ""
	}
	return "There are more. next_cursor: " + cursor + "\n"
}

func (m sourceModel) source() Source {
	out := Source{
		ID: upstream.Clean(m.ID, 64), Name: upstream.Clean(m.called(), 120), Slug: upstream.Clean(m.Slug, 120),
		Type: upstream.Clean(m.Metadata.Name, 80), Enabled: m.Enabled, Keys: int(m.WriteKeys),
	}
	for _, l := range m.Labels[:min(len(m.Labels), 20)] {
		out.Labels = append(out.Labels, upstream.Clean(l.Key+": "+l.Value, 120))
	}
	return out
}

func (s *service) listSources(ctx context.Context, c *upstream.Client, in listSourcesIn) (Sources, error) {
	if in.Source != "" {
		return s.oneSource(ctx, c, in.Source)
	}
	query := listSourcesIn{}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Sources{}, err
	}
	items, next, err := read[sourceModel](ctx, s, c, listing{path: "/sources", key: "sources", cursor: at.Cursor, count: in.Limit})
	if err != nil {
		return Sources{}, err
	}
	all := make([]Source, 0, len(items))
	for _, m := range items {
		all = append(all, m.source())
	}
	var out Sources
	out.Sources, out.Next = tools.Page(query, at, all, in.Limit, next)
	return out, nil
}

func (s *service) oneSource(ctx context.Context, c *upstream.Client, word string) (Sources, error) {
	found, err := s.source(ctx, c, word)
	if err != nil {
		return Sources{}, err
	}
	var answer struct {
		Data struct {
			Source *sourceModel `json:"source"`
			Plan   string       `json:"trackingPlanId"`
		} `json:"data"`
	}
	if err := s.public(ctx, c, upstream.Request{Path: "/sources/" + url.PathEscape(found.ID), Read: true}, v1, &answer); err != nil {
		return Sources{}, err
	}
	if answer.Data.Source == nil {
		return Sources{}, unreadable()
	}
	one := answer.Data.Source.source()
	one.Plan = upstream.Clean(answer.Data.Plan, 64)
	return Sources{Sources: []Source{one}}, nil
}

// count is the length of a list whose elements are not kept.
type count int

// UnmarshalJSON counts; what is no list counts as none.
func (n *count) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	_ = json.Unmarshal(b, &list)
	*n = count(len(list))
	return nil
}
