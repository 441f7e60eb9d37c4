package slack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) fileTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_list_files", s.listFiles),
		tools.New("slack_read_file", s.readFile),
	}
}

// canvasType is a type of file that files.list does not know: they are picked out
// of manyFiles here (docs.slack.dev/reference/methods/files.list).
const (
	canvasType = "canvases"
	manyFiles  = 200
)

var fileID = pattern.New(`^F[A-Z0-9]{7,20}$`)

// file is one as Slack sends it.
type file struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Title     string   `json:"title"`
	Mime      string   `json:"mimetype"`
	Type      string   `json:"filetype"`
	Pretty    string   `json:"pretty_type"`
	Size      int64    `json:"size"`
	Created   int64    `json:"created"`
	User      string   `json:"user"`
	Mode      string   `json:"mode"`
	External  bool     `json:"is_external"`
	Public    bool     `json:"is_public"`
	Private   string   `json:"url_private"`
	Download  string   `json:"url_private_download"`
	Permalink string   `json:"permalink"`
	Channels  []string `json:"channels"`
	Groups    []string `json:"groups"`
	IMs       []string `json:"ims"`
}

func (f file) canvas() bool {
	return f.Mime == "application/vnd.slack-docs" || f.Type == "quip" || f.Type == "canvas"
}

// brief is the file in the line of a message.
func (f file) brief(full bool) string {
	name := label(f.Name)
	if name == "" {
		name = label(f.Title)
	}
	parts := []string{label(f.ID)}
	if full {
		if f.Mime != "" {
			parts = append(parts, label(f.Mime))
		}
		if f.Size > 0 {
			parts = append(parts, bytesOf(f.Size))
		}
	}
	return strings.TrimSpace(name + " (" + strings.Join(parts, ", ") + ")")
}

// bytesOf is a size for a person.
func bytesOf(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// File is what is known of a file.
type File struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Title     string   `json:"title,omitempty"` // where it is not the name
	Type      string   `json:"type,omitempty"`  // "PDF"
	MIME      string   `json:"mime,omitempty"`
	Size      int64    `json:"size,omitempty"` // bytes
	Created   string   `json:"created,omitempty"`
	Author    string   `json:"author,omitempty"`
	Channels  []string `json:"channels,omitempty"`
	Permalink string   `json:"permalink,omitempty"`
}

func (f File) line() string {
	t := upstream.Quote(f.Name) + " [" + f.ID + "]"
	if f.Title != "" {
		t += " " + upstream.Quote(f.Title)
	}
	for _, part := range []string{f.Type, f.MIME} {
		if part != "" {
			t += ", " + part
			break
		}
	}
	if f.Size > 0 {
		t += ", " + bytesOf(f.Size)
	}
	if f.Created != "" {
		t += ", " + f.Created
	}
	if f.Author != "" {
		t += ", by " + said(f.Author)
	}
	if len(f.Channels) > 0 {
		t += ", in " + saidAll(f.Channels)
	}
	if f.Permalink != "" {
		t += ", " + f.Permalink
	}
	return t
}

// shown is the file by its names.
func (f file) shown(names *naming) File {
	out := File{
		ID: label(f.ID), Name: upstream.Clean(f.Name, 200), Title: upstream.Clean(f.Title, 200), Type: label(f.Pretty), MIME: label(f.Mime), Size: max(0, f.Size),
		Created: rfc3339(f.Created), Permalink: link(f.Permalink),
	}
	if out.Name == "" {
		out.Name = out.Title
	}
	if out.Title == out.Name {
		out.Title = ""
	}
	if userID.MatchString(f.User) {
		out.Author = both(names.person(f.User), f.User)
	}
	for _, ids := range [][]string{f.Channels, f.Groups, f.IMs} {
		for _, id := range ids {
			if channelID.MatchString(id) && len(out.Channels) < 10 {
				out.Channels = append(out.Channels, both(names.channel(id), id))
			}
		}
	}
	return out
}

type listFilesIn struct {
	Query   string `json:"query"`
	Channel string `json:"channel"`
	User    string `json:"user"`
	Type    string `json:"type"`
	Since   string `json:"since"`
	Until   string `json:"until"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

// FileList is a page of files.
type FileList struct {
	Files []File `json:"files"`
	Total int    `json:"total,omitempty"` // on the first page
	Next  string `json:"next_cursor,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Text is one line a file.
func (l FileList) Text() string {
	var b strings.Builder
	for _, f := range l.Files {
		b.WriteString(f.line() + "\n")
	}
	if l.Total > 0 {
		fmt.Fprintf(&b, "%d in all\n", l.Total)
	}
	return ending(&b, len(l.Files), "files", l.Next, l.Note)
}

// listFiles lists files, the newest first. Slack pages by number; a page would
// shift when a file is added, so that the time of the last one is where the next
// page begins, and how many of that very second were given.
func (s *service) listFiles(ctx context.Context, c *upstream.Client, in listFilesIn) (FileList, error) {
	query := in
	query.Limit, query.Cursor = 0, ""
	if in.Query != "" {
		return s.searchFiles(ctx, c, in, query)
	}
	text, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return FileList{}, err
	}
	oldest, latest, err := s.span(ctx, c, in.Since, in.Until)
	if err != nil {
		return FileList{}, err
	}
	fields, err := s.fileFilter(ctx, c, in)
	if err != nil {
		return FileList{}, err
	}
	skip := 0
	if head, tail, ok := strings.Cut(text, " "); ok {
		if skip, err = strconv.Atoi(tail); err != nil || skip < 0 || skip > 1000 || !tsForm.MatchString(head+".000000") {
			return FileList{}, fault.New(fault.InvalidArguments, "The cursor is not one that this tool gave. Leave it out to start from the first page.")
		}
		latest = head + ".000000"
	}
	if oldest != "" {
		fields.Set("ts_from", oldest[:10])
	}
	if latest != "" {
		fields.Set("ts_to", latest[:10])
	}
	asked := min(in.Limit+skip, 1000)
	if in.Type == canvasType {
		asked = manyFiles
	}
	fields.Set("count", strconv.Itoa(asked))
	fields.Set("page", "1")
	var got struct {
		Files  []file `json:"files"`
		Paging struct {
			Total int `json:"total"`
		} `json:"paging"`
	}
	if err := call(ctx, c, "files.list", fields, true, &got); err != nil {
		return FileList{}, err
	}
	names := s.names(ctx, c)
	out := FileList{Files: []File{}}
	files := got.Files[:min(len(got.Files), asked)]
	n := min(skip, len(files)) // of them, those that have been looked at
	for ; n < len(files) && len(out.Files) < in.Limit; n++ {
		if f := files[n]; fileID.MatchString(f.ID) && (in.Type != canvasType || f.canvas()) {
			out.Files = append(out.Files, f.shown(names))
		}
	}
	if in.Cursor == "" && in.Type != canvasType {
		out.Total = max(0, got.Paging.Total)
	}
	if n > skip && got.Paging.Total > n {
		last, same := files[n-1].Created, 0
		for i := n - 1; i >= 0 && files[i].Created == last; i-- {
			same++
		}
		out.Next = tools.Cursor(query, fmt.Sprintf("%010d %d", last, same))
	}
	return out, nil
}

// fileFilter is what of the arguments Slack itself filters by.
func (s *service) fileFilter(ctx context.Context, c *upstream.Client, in listFilesIn) (url.Values, error) {
	fields := url.Values{"types": {in.Type}}
	if in.Type == canvasType {
		fields.Set("types", "all")
	}
	if in.Channel != "" {
		at, err := s.locate(ctx, c, in.Channel)
		if err != nil {
			return nil, err
		}
		fields.Set("channel", at.id)
	}
	if in.User != "" {
		who, err := s.who(ctx, c, "user", in.User)
		if err != nil {
			return nil, err
		}
		fields.Set("user", who.id)
	}
	return fields, nil
}

// fileWord finds the id of a file: as it is, or in its link.
func fileWord(argument, word string) (string, error) {
	word = strings.Trim(strings.TrimSpace(word), "<>")
	if fileID.MatchString(word) {
		return word, nil
	}
	if u, err := url.Parse(word); err == nil && link(word) != "" {
		for _, part := range strings.Split(u.Path, "/") {
			if fileID.MatchString(part) {
				return part, nil
			}
		}
	}
	return "", fault.New(fault.InvalidArguments, "%s: %q is no file. Give its id, such as F07EXPORTS01, or its link; slack_list_files and slack_read_channel show them.", argument, upstream.Clean(word, 80))
}

// fileInfo asks for one file.
func fileInfo(ctx context.Context, c *upstream.Client, id string) (file, error) {
	var got struct {
		File file `json:"file"`
	}
	if err := call(ctx, c, "files.info", url.Values{"file": {id}}, true, &got); err != nil {
		return file{}, err
	}
	if got.File.ID != id {
		return file{}, fault.New(fault.NotFound, "Slack has no file %s.", id)
	}
	return got.File, nil
}
