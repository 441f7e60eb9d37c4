package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxImage   = 512 << 10 // bytes of an image that is shown
	maxCanvas  = 2 << 20   // bytes of a canvas, as HTML
	maxRead    = 60_000    // bytes of JSON that the text of one answer takes
	tombstone  = "tombstone"
	hiddenFile = "hidden_by_limit"
)

type readFileIn struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Max    int    `json:"max_bytes"`
}

// FileContent is a file and what is in it.
type FileContent struct {
	File
	Body string `json:"text,omitempty"`
	Next int64  `json:"next_offset,omitempty"` // where to go on
	Note string `json:"note,omitempty"`

	image []byte
	kind  string // MIME type of image
}

// Text is what the file is, and its text as somebody's words.
func (f FileContent) Text() string {
	t := f.line()
	if f.Body != "" {
		t += "\n" + upstream.Quote(f.Body)
	}
	if f.Next > 0 {
		t += fmt.Sprintf("\nMore: offset %d", f.Next)
	}
	if f.Note != "" {
		t += "\nNote: " + f.Note
	}
	return t
}

// Content is the image, where it is one.
func (f FileContent) Content() []tools.Content {
	if len(f.image) == 0 {
		return nil
	}
	return []tools.Content{{Type: "image", Data: f.image, MIME: f.kind}}
}

// readFile reads a part of a file. Text comes back as text, a small image as an
// image, a canvas as Markdown; of all else what it is.
func (s *service) readFile(ctx context.Context, c *upstream.Client, in readFileIn) (FileContent, error) {
	id, err := fileWord("file", in.File)
	if err != nil {
		return FileContent{}, err
	}
	f, err := fileInfo(ctx, c, id)
	if err != nil {
		return FileContent{}, err
	}
	out := FileContent{File: f.shown(s.names(ctx, c))}
	switch {
	case f.Mode == tombstone:
		return FileContent{}, fault.New(fault.NotFound, "The file %s was deleted.", id)
	case f.Mode == hiddenFile:
		out.Note = "It is not read: the workspace's plan hides files of that age."
		return out, nil
	case f.External:
		out.Note = "It is not read: the file lies outside Slack; a person can open it by its link."
		return out, nil
	case f.canvas():
		html, _, err := s.download(ctx, c, f, 0, maxCanvas)
		if err != nil {
			return FileContent{}, err
		}
		var text []string
		for _, part := range canvasSections(string(html)) {
			text = append(text, part.Markdown)
		}
		return out.part([]byte(strings.Join(text, "\n\n")), in, int64(len(html)) > maxCanvas), nil
	case pictures[f.Mime]:
		return s.picture(ctx, c, f, out)
	case opaque(f.Mime):
		out.Note = "It is not read: only text, images and canvases are."
		return out, nil
	}
	body, more, err := s.download(ctx, c, f, in.Offset, int64(in.Max))
	if err != nil {
		return FileContent{}, err
	}
	if !isText(body) {
		out.Note = "It is not read: only text, images and canvases are."
		return out, nil
	}
	in2 := in
	in2.Offset = 0
	done := out.part(body, in2, more)
	if done.Next > 0 {
		done.Next += in.Offset
	}
	return done, nil
}

// part puts as much of a text into the answer as fits, from the offset on.
func (f FileContent) part(text []byte, in readFileIn, more bool) FileContent {
	from := min(in.Offset, int64(len(text)))
	rest := text[from:]
	n := whole(rest, min(len(rest), in.Max))
	for {
		f.Body = upstream.CleanLines(string(rest[:n]), max(1, n))
		b, err := json.Marshal(f.Body)
		if err != nil || len(b) <= maxRead || n < 1000 {
			break
		}
		n = whole(rest, n*3/4)
	}
	if n < len(rest) || more {
		f.Next = from + int64(n)
	}
	if f.Body == "" && f.Next == 0 {
		f.Note = "There is no text here: it is empty, or ends before the offset."
	}
	return f
}

// whole is where to cut at most n bytes so that no character is cut in two.
func whole(b []byte, n int) int {
	if n >= len(b) {
		return len(b)
	}
	for i := 0; i < utf8.UTFMax && n > 0 && !utf8.RuneStart(b[n]); i++ {
		n--
	}
	return n
}

// isText reports whether bytes are UTF-8, but for a character that is cut at
// either end, and have no control characters that text has not.
func isText(b []byte) bool {
	for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.RuneStart(b[0]); i++ {
		b = b[1:]
	}
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				b = b[:i]
			}
			break
		}
	}
	return utf8.Valid(b) && !slices.Contains(b, 0)
}

// pictures are the types of image that clients show.
var pictures = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}

// opaque reports whether a type is never text.
func opaque(kind string) bool {
	for _, prefix := range []string{"image/", "audio/", "video/", "font/", "application/pdf", "application/zip", "application/vnd.", "application/x-tar", "application/gzip"} {
		if strings.HasPrefix(kind, prefix) && !strings.HasSuffix(kind, "xml") && !strings.HasSuffix(kind, "json") {
			return true
		}
	}
	return false
}

func (s *service) picture(ctx context.Context, c *upstream.Client, f file, out FileContent) (FileContent, error) {
	if f.Size > maxImage {
		out.Note = "It is not shown: images up to " + bytesOf(maxImage) + " are."
		return out, nil
	}
	body, more, err := s.download(ctx, c, f, 0, maxImage)
	if err != nil {
		return FileContent{}, err
	}
	kind := http.DetectContentType(body)
	if more || !pictures[kind] { // what it says it is and what it is
		out.Note = "It is not shown: it is larger than Slack said, or no image."
		return out, nil
	}
	out.image, out.kind = body, kind
	return out, nil
}

// download reads at most limit bytes of a file from an offset on; more says that
// there are more. The address is Slack's to name, within Endpoint.Hosts. Slack
// redirects to its sign-in page, or answers with it, where the token lacks
// files:read.
func (s *service) download(ctx context.Context, c *upstream.Client, f file, offset, limit int64) (body []byte, more bool, err error) {
	address := f.Download
	if address == "" {
		address = f.Private
	}
	if address == "" {
		return nil, false, fault.New(fault.NotFound, "Slack does not say where the file is; it may have been deleted, or be hidden by the workspace's plan.")
	}
	kind := ""
	err = c.Do(ctx, upstream.Request{
		Method: http.MethodGet, URL: address, Header: http.Header{"Accept": {"*/*"}}, Read: true, MaxBytes: offset + limit + 1,
		Head: func(h http.Header) { kind, _, _ = mime.ParseMediaType(h.Get("Content-Type")) },
		Stream: func(r io.Reader) error {
			if _, err := io.CopyN(io.Discard, r, offset); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			body, err = io.ReadAll(io.LimitReader(r, limit+1))
			return err
		},
	}, nil)
	if g := fault.From(err); g != nil {
		if g.Status/100 == 3 || g.Status == http.StatusForbidden || g.Status == http.StatusUnauthorized {
			return nil, false, needsFilesRead()
		}
		return nil, false, err
	}
	if kind == "text/html" && signIn(f, body) {
		return nil, false, needsFilesRead()
	}
	if int64(len(body)) > limit {
		body, more = body[:limit], true
	}
	return body, more, nil
}

// signIn reports whether HTML that came in place of a file is Slack's sign-in
// page. Of a file that is itself HTML only the page's own marks tell.
func signIn(f file, body []byte) bool {
	if f.Mime != "text/html" && !f.canvas() {
		return true
	}
	head := strings.ToLower(string(body[:min(len(body), 64<<10)]))
	return strings.Contains(head, "slack") && (strings.Contains(head, `id="signin_form"`) || strings.Contains(head, "data-qa=\"sign_in") || strings.Contains(head, "/signin?redir="))
}

func needsFilesRead() error {
	f := fault.New(fault.NotPermitted, "Slack asks for a sign-in in place of the file: the app lacks files:read, or may not see it. An admin has to add the scope to the app and install it again; trying again will not help.")
	f.Needed, f.NotSent = []string{"files:read"}, true
	return f
}
