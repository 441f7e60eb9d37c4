package slack

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) uploadTools() []tools.Tool {
	return []tools.Tool{tools.New("slack_upload_file", s.uploadFile)}
}

type uploadIn struct {
	Channel  string `json:"channel"`
	Filename string `json:"filename"`
	Content  string `json:"content"`
	Base64   string `json:"content_base64"`
	Title    string `json:"title"`
	Comment  string `json:"comment"`
	ThreadTS string `json:"thread_ts"`
}

// Uploaded is a file that is there now.
type Uploaded struct {
	FileID    string `json:"file_id"`
	Filename  string `json:"filename"`
	Size      int    `json:"size"`
	ChannelID string `json:"channel_id"`
	Channel   string `json:"channel"`
	Permalink string `json:"permalink,omitempty"`
}

// Text says where.
func (u Uploaded) Text() string {
	t := fmt.Sprintf("Uploaded %s (%s, %s) to %s", u.Filename, u.FileID, bytesOf(int64(u.Size)), named(u.Channel, u.ChannelID))
	if u.Permalink != "" {
		t += ", " + u.Permalink
	}
	return t
}

// bytes are what is uploaded, from one of the two arguments.
func (in uploadIn) bytes() ([]byte, error) {
	switch {
	case (in.Content == "") == (in.Base64 == ""):
		return nil, fault.New(fault.InvalidArguments, "Give either content (text) or content_base64, and not both.")
	case in.Content != "":
		return []byte(in.Content), nil
	}
	b, err := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == ' ' {
			return -1
		}
		return r
	}, in.Base64))
	if err != nil || len(b) == 0 {
		return nil, fault.New(fault.InvalidArguments, "content_base64 is not base64 (RFC 4648 section 4).")
	}
	return b, nil
}

func fileName(word string) (string, error) {
	name := strings.TrimSpace(word)
	if name == "" || name == "." || name == ".." || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\\x00\n\r") || upstream.Clean(name, 200) != name {
		return "", fault.New(fault.InvalidArguments, "filename: %q will not do. Give a name without a folder, such as report.csv.", upstream.Clean(word, 80))
	}
	return name, nil
}

// uploadFile uploads in Slack's three steps: ask where to, send the bytes, and
// share the file. Until the last nobody sees anything of it, so the first two may
// be repeated. The address to send to is a secret of its own, and gets no token.
func (s *service) uploadFile(ctx context.Context, c *upstream.Client, in uploadIn) (Uploaded, error) {
	body, err := in.bytes()
	if err != nil {
		return Uploaded{}, err
	}
	name, err := fileName(in.Filename)
	if err != nil {
		return Uploaded{}, err
	}
	to, err := s.reach(ctx, c, in.Channel)
	if err != nil {
		return Uploaded{}, err
	}
	thread, err := threadIn(to, in.ThreadTS)
	if err != nil {
		return Uploaded{}, err
	}
	var ticket struct {
		URL string `json:"upload_url"`
		ID  string `json:"file_id"`
	}
	if err := call(ctx, c, "files.getUploadURLExternal", url.Values{"filename": {name}, "length": {strconv.Itoa(len(body))}}, true, &ticket); err != nil {
		return Uploaded{}, err
	}
	if !fileID.MatchString(ticket.ID) {
		return Uploaded{}, fault.New(fault.UpstreamError, "Slack gave no id for the file, so nothing was sent. Tell the operator.")
	}
	c.Progress(1, 3, "sending "+bytesOf(int64(len(body))))
	err = c.Do(ctx, upstream.Request{
		URL: ticket.URL, Bare: true, Body: body, Type: "application/octet-stream", Read: true, MaxBytes: 64 << 10,
		Stream: func(r io.Reader) error {
			_, err := io.Copy(io.Discard, r) // it says "OK - 123", and means it by the status
			return err
		},
	}, nil)
	if err != nil {
		f := *fault.From(err)
		f.Message = "The file was not uploaded: " + f.Message
		f.NotSent = true
		return Uploaded{}, &f
	}
	c.Progress(2, 3, "sharing the file")
	title := in.Title
	if title == "" {
		title = name
	}
	share := map[string]any{"files": []map[string]string{{"id": ticket.ID, "title": title}}, "channel_id": to.id}
	if thread != "" {
		share["thread_ts"] = thread
	}
	if in.Comment != "" {
		share["initial_comment"] = in.Comment
	}
	var got struct {
		Files []file `json:"files"`
	}
	if err := callJSON(ctx, c, "files.completeUploadExternal", share, false, &got); err != nil {
		return Uploaded{}, s.stale(c, in.Channel, err)
	}
	to = s.titled(ctx, c, to)
	out := Uploaded{FileID: ticket.ID, Filename: name, Size: len(body), ChannelID: to.id, Channel: to.shown()}
	if len(got.Files) > 0 {
		out.Permalink = link(got.Files[0].Permalink)
	}
	return out, nil
}

// reach is locate for something that is to be put there: direct messages are
// opened where there are none yet.
func (s *service) reach(ctx context.Context, c *upstream.Client, word string) (place, error) {
	at, err := s.find(ctx, c, word)
	if err != nil || !userID.MatchString(at.id) {
		return at, err
	}
	var got struct {
		Channel channel `json:"channel"`
	}
	if err := call(ctx, c, "conversations.open", url.Values{"users": {at.id}}, false, &got); err != nil {
		return place{}, err
	}
	if !channelID.MatchString(got.Channel.ID) {
		return place{}, fault.New(fault.UpstreamError, "Slack opened direct messages with %s and did not say where.", at.shown())
	}
	return place{got.Channel.ID, at.name}, nil
}
