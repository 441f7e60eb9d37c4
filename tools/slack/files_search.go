package slack

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

// fileTypes are the words for Slack's modifier type:.
var fileTypes = map[string]string{"images": "images", "pdfs": "pdfs", "snippets": "snippets", "zips": "zips", "canvases": "canvases", "spaces": "spaces", "gdocs": "gdocs"}

// searchFiles finds files by name or content, as searchMessages finds messages.
func (s *service) searchFiles(ctx context.Context, c *upstream.Client, in listFilesIn, query any) (FileList, error) {
	if !c.Allows("search:read.files") {
		return FileList{}, notGranted("search:read.files")
	}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return FileList{}, err
	}
	if err := onlyOnce(in.Query, "in", "channel", in.Channel); err != nil {
		return FileList{}, err
	}
	if err := onlyOnce(in.Query, "from", "user", in.User); err != nil {
		return FileList{}, err
	}
	q := searching{searchIn: searchIn{Query: in.Query, Channel: in.Channel, Where: "all", Sort: "score", Limit: in.Limit}}
	q.families = []string{"channels"}
	if more, err := searchable(c, "all"); err == nil {
		q.families = more
	}
	if q.oldest, q.latest, err = s.span(ctx, c, in.Since, in.Until); err != nil {
		return FileList{}, err
	}
	if in.Channel != "" {
		if err := s.searchIn(ctx, c, &q); err != nil {
			return FileList{}, err
		}
	}
	if in.User != "" {
		if q.user, err = s.who(ctx, c, "user", in.User); err != nil {
			return FileList{}, err
		}
	}
	if t := fileTypes[in.Type]; t != "" {
		q.Query += " type:" + t
	}
	old, _ := s.legacy.Get(c.CredentialKey(), func() (bool, error) { return false, nil })
	if of, rest, ok := strings.Cut(from.Cursor, " "); ok {
		old, from.Cursor = of == "old", rest
	}
	if !old {
		out, err := s.filesByContext(ctx, c, q, query, from)
		if !notHere(err) || in.Cursor != "" {
			return out, tokenOfUser(err)
		}
		s.legacy.Keep(c.CredentialKey(), true)
		out, lack := s.filesOld(ctx, c, q, query, from)
		if notHere(lack) {
			return FileList{}, tokenOfUser(err)
		}
		return out, lack
	}
	out, err := s.filesOld(ctx, c, q, query, from)
	return out, tokenOfUser(err)
}

func (s *service) filesByContext(ctx context.Context, c *upstream.Client, q searching, query any, from tools.Position) (FileList, error) {
	body := searchRequest{
		Query: q.terms(false), Content: []string{"files"}, Channels: channelTypes(q.families), After: seconds(q.oldest), Before: seconds(q.latest),
		Limit: min(20, q.Limit+from.Skip), Cursor: from.Cursor,
	}
	var got struct {
		Results struct {
			Files []struct {
				ID        string `json:"file_id"`
				Title     string `json:"title"`
				Type      string `json:"file_type"`
				Author    string `json:"author_user_id"`
				Uploader  string `json:"uploader_user_id"`
				Created   int64  `json:"date_created"`
				Permalink string `json:"permalink"`
			} `json:"files"`
		} `json:"results"`
		Metadata metadata `json:"response_metadata"`
	}
	if err := callJSON(ctx, c, "assistant.search.context", body, true, &got); err != nil {
		return FileList{}, err
	}
	names := s.names(ctx, c)
	all := []File{}
	for _, f := range got.Results.Files {
		who := f.Uploader
		if who == "" {
			who = f.Author
		}
		if fileID.MatchString(f.ID) {
			all = append(all, file{ID: f.ID, Name: f.Title, Pretty: f.Type, User: who, Created: f.Created, Permalink: f.Permalink}.shown(names))
		}
	}
	return foundFiles(query, from, all, q.Limit, "new", got.Metadata.Next), nil
}

func foundFiles(query any, from tools.Position, all []File, limit int, way, next string) FileList {
	if next != "" {
		next = way + " " + next
	}
	from.Cursor = way + " " + from.Cursor
	var out FileList
	out.Files, out.Next = tools.Page(query, from, all, limit, next)
	return out
}

// filesOld asks the search of old, and drops what lies only where the call may
// not search.
func (s *service) filesOld(ctx context.Context, c *upstream.Client, q searching, query any, from tools.Position) (FileList, error) {
	page, _ := strconv.Atoi(from.Cursor)
	page = max(1, page)
	const size = 20
	var got struct {
		Files struct {
			Matches []file `json:"matches"`
			Paging  struct {
				Pages int `json:"pages"`
			} `json:"paging"`
		} `json:"files"`
	}
	err := call(ctx, c, "search.files", url.Values{
		"query": {q.terms(true)}, "count": {strconv.Itoa(size)}, "page": {strconv.Itoa(page)}, "sort": {"timestamp"}, "sort_dir": {"asc"},
	}, true, &got)
	if err != nil {
		return FileList{}, err
	}
	names := s.names(ctx, c)
	all := []File{}
	for _, f := range got.Files.Matches {
		if fileID.MatchString(f.ID) && f.within(q.families) && (q.at.id == "" || f.liesIn(q.at.id)) {
			all = append(all, f.shown(names))
		}
	}
	next := ""
	if page < got.Files.Paging.Pages && page < 100 {
		next = strconv.Itoa(page + 1)
	}
	return foundFiles(query, from, all, q.Limit, "old", next), nil
}

// liesIn reports whether the file was shared in a conversation.
func (f file) liesIn(id string) bool {
	return slices.Contains(f.Channels, id) || slices.Contains(f.Groups, id) || slices.Contains(f.IMs, id)
}

// within reports whether the file lies in a conversation of one of the kinds.
func (f file) within(families []string) bool {
	for _, family := range families {
		switch {
		case family == "channels" && (f.Public || len(f.Channels) > 0),
			family == "groups" && len(f.Groups) > 0,
			family == "im" && len(f.IMs) > 0:
			return true
		}
	}
	return false
}
