package notion

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) commentTools() []tools.Tool {
	return []tools.Tool{
		tools.New("notion_list_comments", s.listComments),
		tools.New("notion_add_comment", s.addComment),
	}
}

type commentModel struct {
	Object     string      `json:"object"`
	ID         string      `json:"id"`
	Discussion string      `json:"discussion_id"`
	Parent     parentModel `json:"parent"`
	Created    string      `json:"created_time"`
	By         userModel   `json:"created_by"`
	Display    struct {
		Name string `json:"resolved_name"`
	} `json:"display_name"`
	RichText []textModel `json:"rich_text"`
}

// Comment is one remark in a discussion.
type Comment struct {
	ID         string `json:"id"`
	Discussion string `json:"discussion_id"`
	On         string `json:"on,omitempty"` // the page or block
	By         string `json:"by,omitempty"`
	At         string `json:"at,omitempty"` // RFC 3339
	Body       string `json:"text"`
}

func (m commentModel) comment() Comment {
	by := m.Display.Name
	if by == "" {
		by = m.By.called()
	}
	return Comment{
		ID: upstream.Clean(m.ID, 60), Discussion: upstream.Clean(m.Discussion, 60), On: m.Parent.place(),
		By: upstream.Clean(by, 100), At: upstream.Clean(m.Created, 40), Body: upstream.CleanLines(plain(m.RichText), maxCell),
	}
}

// Text is one line.
func (c Comment) Text() string {
	if c.Discussion == "" { // a connection that may not read comments gets the id of its own only
		return c.ID
	}
	return c.ID + " in discussion " + c.Discussion + " on " + c.On + ", " + upstream.Quote(c.By) + " " + c.At + ": " + upstream.Quote(c.Body)
}

// Comments are a page of them, oldest first.
type Comments struct {
	Comments []Comment `json:"comments"`
	Next     string    `json:"next_cursor,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// Text is one line a comment.
func (c Comments) Text() string {
	var lines []string
	for _, one := range c.Comments {
		lines = append(lines, one.Text())
	}
	return listed(lines, "No comments.", c.Next, c.Note)
}

type commentsIn struct {
	Page   string `json:"page"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

func (s *service) listComments(ctx context.Context, c *upstream.Client, in commentsIn) (Comments, error) {
	out := Comments{Comments: []Comment{}}
	id, err := s.page(ctx, c, in.Page)
	if err != nil {
		return out, err
	}
	at, err := tools.OpenPosition(id, in.Cursor)
	if err != nil {
		return out, err
	}
	q := url.Values{"block_id": {id}, "page_size": {strconv.Itoa(size(at, in.Limit))}}
	if at.Cursor != "" {
		q.Set("start_cursor", at.Cursor)
	}
	var list pageList[commentModel]
	if err := c.Do(ctx, upstream.Request{Path: "/comments", Query: q, Read: true, Fault: readComments.judge}, &list); err != nil {
		return out, err
	}
	all := []Comment{}
	for _, m := range list.Results {
		all = append(all, m.comment())
	}
	out.Comments, out.Next = tools.Page(id, at, all, in.Limit, list.next())
	if len(out.Comments) == 0 {
		out.Note = "Resolved ones are not listed, and those on a block only by the id of the block."
	}
	return out, nil
}

type commentIn struct {
	Page       string `json:"page"`
	Discussion string `json:"discussion"`
	Markdown   string `json:"markdown"`
}

func (s *service) addComment(ctx context.Context, c *upstream.Client, in commentIn) (Comment, error) {
	body := map[string]any{"markdown": in.Markdown, "markdown_version": markdownVersion}
	switch {
	case (in.Page == "") == (in.Discussion == ""):
		return Comment{}, fault.Wrong("Give page to begin a discussion, or discussion to answer in one.")
	case in.Discussion != "":
		id, ok := bareID(in.Discussion)
		if !ok {
			return Comment{}, fault.Wrong("That is no id of a discussion. notion_list_comments shows them.")
		}
		body["discussion_id"] = id
	default:
		id, err := s.page(ctx, c, in.Page)
		if err != nil {
			return Comment{}, err
		}
		body["parent"] = map[string]string{"type": "page_id", "page_id": id}
	}
	var m commentModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: "/comments", JSON: body, Fault: addComments.judge}, &m); err != nil {
		return Comment{}, err
	}
	if m.Object != "comment" || m.ID == "" {
		return Comment{}, unseen("the comment")
	}
	return m.comment(), nil
}
