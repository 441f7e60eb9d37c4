package grafana

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_search", s.search)}
}

// hit is what GET /api/search finds: a dashboard or a folder.
type hit struct {
	UID       string   `json:"uid"`
	Title     string   `json:"title"`
	Type      string   `json:"type"` // dash-db, dash-folder
	Tags      []string `json:"tags"`
	FolderUID string   `json:"folderUid"`
	Folder    string   `json:"folderTitle"`
}

// SearchArgs are those of grafana_search.
type SearchArgs struct {
	Query  string   `json:"query"`
	Type   string   `json:"type"`
	Tags   []string `json:"tags"`
	Folder string   `json:"folder"`
	Limit  int      `json:"limit"`
	Cursor string   `json:"cursor"`
}

// Found is a dashboard or a folder.
type Found struct {
	UID       string   `json:"uid"`
	Type      string   `json:"type"` // dashboard, folder
	Title     string   `json:"title"`
	Tags      []string `json:"tags,omitempty"`
	FolderUID string   `json:"folder_uid,omitempty"` // "": the root
	Folder    string   `json:"folder,omitempty"`
}

// Finds is the answer of grafana_search.
type Finds struct {
	Items []Found `json:"items"`
	Next  string  `json:"next_cursor,omitempty"`
	Link  string  `json:"link"`
}

// Text is a line for each.
func (f Finds) Text() string {
	if len(f.Items) == 0 {
		return "Nothing found. Try fewer words, or no folder and no tags."
	}
	var b strings.Builder
	for _, i := range f.Items {
		fmt.Fprintf(&b, "%s %s  %s", i.Type, i.UID, upstream.Quote(i.Title))
		if i.FolderUID != "" {
			fmt.Fprintf(&b, "  in %s %s", upstream.Quote(i.Folder), i.FolderUID)
		}
		if len(i.Tags) > 0 {
			b.WriteString("  tags " + upstream.Quote(strings.Join(i.Tags, ", ")))
		}
		b.WriteByte('\n')
	}
	if f.Next != "" {
		fmt.Fprintf(&b, "There is more. next_cursor: %s\n", f.Next)
	}
	return b.String() + "Links are like " + f.Link
}

func (s *service) search(ctx context.Context, c *upstream.Client, in SearchArgs) (Finds, error) {
	asked := in
	asked.Cursor = ""
	text, err := tools.OpenCursor(asked, in.Cursor)
	if err != nil {
		return Finds{}, err
	}
	page := 1
	if text != "" {
		if page, err = strconv.Atoi(text); err != nil || page < 2 {
			return Finds{}, fault.Wrong("The cursor is not one that this tool gave. Leave it out to start from the first page.")
		}
	}
	q := url.Values{"limit": {strconv.Itoa(in.Limit)}, "page": {strconv.Itoa(page)}}
	if in.Query != "" {
		q.Set("query", in.Query)
	}
	switch in.Type {
	case "dashboard":
		q.Set("type", "dash-db")
	case "folder":
		q.Set("type", "dash-folder")
	}
	for _, t := range in.Tags {
		q.Add("tag", t)
	}
	if in.Folder != "" {
		folder, err := s.folder(ctx, c, in.Folder)
		if err != nil {
			return Finds{}, err
		}
		if folder.UID == "" {
			folder.UID = "general"
		}
		q.Set("folderUIDs", folder.UID)
	}
	var hits []hit
	if err := s.get(ctx, c, "/api/search", q, &hits); err != nil {
		return Finds{}, err
	}
	out := Finds{Items: []Found{}, Link: c.BaseURL() + "/d/UID"}
	for _, h := range hits[:min(len(hits), in.Limit)] {
		if !uidForm.MatchString(h.UID) {
			continue
		}
		f := Found{UID: h.UID, Type: "dashboard", Title: upstream.Clean(h.Title, 150), Folder: upstream.Clean(h.Folder, 100)}
		if h.Type == "dash-folder" {
			f.Type = "folder"
		}
		if uidForm.MatchString(h.FolderUID) {
			f.FolderUID = h.FolderUID
		}
		for _, t := range h.Tags[:min(len(h.Tags), 10)] {
			if t = upstream.Clean(t, 50); t != "" {
				f.Tags = append(f.Tags, t)
			}
		}
		out.Items = append(out.Items, f)
	}
	if len(hits) >= in.Limit {
		out.Next = tools.Cursor(asked, strconv.Itoa(page+1))
	}
	return out, nil
}

var (
	// uidForm is that of dashboards, folders, data sources and rules: 40 characters at
	// most, but names that were generated elsewhere can be longer.
	uidForm = pattern.New(`^[A-Za-z0-9_-]{1,100}$`)
	urlForm = pattern.New(`^https?://[^\s?#]+/d(?:-solo)?/([A-Za-z0-9_-]{1,100})(?:[/?#]|$)`)
	// likeUID tells a generated id from a title of one word, for what search has not
	// indexed yet.
	likeUID = pattern.New(`[0-9_-]`)
)

// dashboard finds a dashboard by its uid, its URL or its title.
func (s *service) dashboard(ctx context.Context, c *upstream.Client, ref string) (hit, error) {
	ref = strings.TrimSpace(ref)
	if m := urlForm.FindStringSubmatch(ref); m != nil {
		return hit{UID: m[1]}, nil
	}
	return s.places.Get(key(c, "dashboard", ref), func() (hit, error) {
		if uidForm.MatchString(ref) {
			h, err := s.pick(ctx, c, "dashboard", ref, url.Values{"type": {"dash-db"}, "dashboardUIDs": {ref}})
			if !notFound(err) {
				return h, err
			}
		}
		h, err := s.pick(ctx, c, "dashboard", ref, url.Values{"type": {"dash-db"}, "limit": {"100"}, "query": {ref}})
		if notFound(err) && uidForm.MatchString(ref) && likeUID.MatchString(ref) {
			return hit{UID: ref}, nil
		}
		if notFound(err) { // what is near has other words
			h, err = s.pick(ctx, c, "dashboard", ref, url.Values{"type": {"dash-db"}, "limit": {"100"}})
		}
		return h, err
	})
}

// folder finds a folder by its uid or its title; the root is "General" or "root",
// and has no uid.
func (s *service) folder(ctx context.Context, c *upstream.Client, ref string) (hit, error) {
	ref = strings.TrimSpace(ref)
	if strings.EqualFold(ref, "general") || strings.EqualFold(ref, "root") {
		return hit{Title: "General"}, nil
	}
	return s.places.Get(key(c, "folder", ref), func() (hit, error) {
		return s.pick(ctx, c, "folder", ref, url.Values{"type": {"dash-folder"}, "limit": {"1000"}})
	})
}

// pick searches, and takes the one that a name means.
func (s *service) pick(ctx context.Context, c *upstream.Client, kind, ref string, q url.Values) (hit, error) {
	var hits []hit
	if err := s.get(ctx, c, "/api/search", q, &hits); err != nil {
		return hit{}, err
	}
	by := map[string]hit{}
	all := make([]names.Named, 0, len(hits))
	for _, h := range hits {
		if uidForm.MatchString(h.UID) {
			by[h.UID] = h
			all = append(all, names.Named{ID: h.UID, Name: h.Title})
		}
	}
	one, err := names.Pick(kind, ref, all, "grafana_search")
	return by[one.ID], err
}
