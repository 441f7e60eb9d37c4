package sandbox

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// slackFile is a file, or a canvas, which Slack keeps as one.
type slackFile struct {
	id, name, title, mime, kind, pretty string
	user                                string
	channels                            []string
	created                             int64
	body                                []byte
	sections                            []slackSection // of a canvas
	shared                              bool           // false: only a ticket for an upload
}

// slackSection is a part of a canvas.
type slackSection struct {
	id, tag, text string
}

const slackCanvasMIME = "application/vnd.slack-docs"

// wire is the file as Slack sends it; base is where the double is.
func (f *slackFile) wire(base string) answer {
	a := answer{
		"id": f.id, "created": f.created, "timestamp": f.created, "name": f.name, "title": f.title, "mimetype": f.mime, "filetype": f.kind, "pretty_type": f.pretty,
		"user": f.user, "size": len(f.content()), "mode": "hosted", "is_external": false, "is_public": len(f.channels) > 0, "channels": f.channels, "groups": []string{}, "ims": []string{},
		"permalink": slackURL + "files/" + f.user + "/" + f.id + "/" + f.name,
	}
	if f.mime == slackCanvasMIME {
		a["permalink"] = slackURL + "docs/" + slackTeam + "/" + f.id
	}
	if base != "" {
		a["url_private"] = base + "/files-pri/" + slackTeam + "-" + f.id + "/" + f.name
		a["url_private_download"] = base + "/files-pri/" + slackTeam + "-" + f.id + "/download/" + f.name
	}
	return a
}

// content is what a download brings: of a canvas its HTML.
func (f *slackFile) content() []byte {
	if f.mime != slackCanvasMIME {
		return f.body
	}
	var b strings.Builder
	for _, s := range f.sections {
		text := html.EscapeString(s.text)
		if s.tag == "ul" {
			text = ""
			for _, item := range strings.Split(s.text, "\n") {
				text += "<li>" + html.EscapeString(item) + "</li>"
			}
		}
		fmt.Fprintf(&b, "<%s id='%s'>%s</%s>\n", s.tag, s.id, text, s.tag)
	}
	return []byte(b.String())
}

// seen reports whether the caller may see the file: it wrote it, or is where it
// was shared.
func (w *slackWorkspace) seen(c *slackCall, f *slackFile) bool {
	return f.shared && (f.user == c.token.user || len(f.channels) == 0 && f.mime == slackCanvasMIME ||
		slices.ContainsFunc(f.channels, func(id string) bool { return w.visible(c, id) != nil }))
}

func (w *slackWorkspace) file(c *slackCall, field string) *slackFile {
	for _, f := range w.files {
		if f.id == c.form.Get(field) && w.seen(c, f) {
			return f
		}
	}
	return nil
}

func (w *slackWorkspace) filesInfo(c *slackCall) answer {
	f := w.file(c, "file")
	if f == nil {
		return slackError("file_not_found")
	}
	return answer{"file": f.wire(c.base), "comments": []answer{}, "response_metadata": answerOf("next_cursor", "")}
}

// filesList pages by number, the newest first; ts_from and ts_to include their
// second.
func (w *slackWorkspace) filesList(c *slackCall) answer {
	number := func(field string, standard int64) int64 {
		if n, err := strconv.ParseInt(c.form.Get(field), 10, 64); err == nil {
			return n
		}
		return standard
	}
	if id := c.form.Get("channel"); id != "" && w.visible(c, id) == nil {
		return slackError("channel_not_found")
	}
	kinds := map[string][]string{"images": {"png", "jpg", "gif"}, "pdfs": {"pdf"}, "snippets": {"text"}, "zips": {"zip"}, "spaces": {}, "gdocs": {}}
	if kind := c.form.Get("types"); kind != "" && kind != "all" && kinds[kind] == nil {
		return slackError("unknown_type")
	}
	var fit []*slackFile
	for _, f := range w.files {
		kind := c.form.Get("types")
		switch {
		case !w.seen(c, f), c.form.Get("channel") != "" && !slices.Contains(f.channels, c.form.Get("channel")), c.form.Get("user") != "" && f.user != c.form.Get("user"):
		case f.created < number("ts_from", 0), f.created > number("ts_to", 1<<40):
		case kind != "" && kind != "all" && !slices.Contains(kinds[kind], f.kind):
		default:
			fit = append(fit, f)
		}
	}
	slices.SortStableFunc(fit, func(a, b *slackFile) int { return int(b.created - a.created) })
	count, page := int(number("count", 100)), int(number("page", 1))
	if count < 1 || page < 1 {
		return slackError("invalid_arguments")
	}
	from := min(len(fit), (page-1)*count)
	list := []answer{}
	for _, f := range fit[from:min(len(fit), from+count)] {
		list = append(list, f.wire(c.base))
	}
	return answer{"files": list, "paging": answer{"count": count, "total": len(fit), "page": page, "pages": (len(fit) + count - 1) / count}}
}

// uploadTicket is the first of the three steps of an upload.
func (w *slackWorkspace) uploadTicket(c *slackCall) answer {
	n, err := strconv.Atoi(c.form.Get("length"))
	if err != nil || n < 1 || c.form.Get("filename") == "" {
		return slackError("invalid_arguments")
	}
	name := c.form.Get("filename")
	f := &slackFile{id: w.next("F", "file"), name: name, title: name, user: c.token.user, body: make([]byte, 0, n), kind: "text", mime: "text/plain", pretty: "Plain Text"}
	w.files = append(w.files, f)
	return answer{"upload_url": c.base + "/upload/v1/" + f.id, "file_id": f.id}
}

// serveFile answers for files.slack.com: the second step of an upload, and
// downloads. Without files:read there is the sign-in page, with status 200.
func (w *slackWorkspace) serveFile(rw http.ResponseWriter, r *http.Request) {
	if id, ok := strings.CutPrefix(r.URL.Path, "/upload/v1/"); ok && r.Method == http.MethodPost {
		for _, f := range w.files {
			if f.id == id && !f.shared {
				body, err := io.ReadAll(r.Body)
				if err != nil || len(body) != cap(f.body) {
					http.Error(rw, "the length is another", http.StatusBadRequest)
					return
				}
				f.body = body
				_, _ = fmt.Fprintf(rw, "OK - %d", len(body))
				return
			}
		}
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/files-pri/"+slackTeam+"-")
	id, _, _ := strings.Cut(rest, "/")
	if !ok {
		http.NotFound(rw, r)
		return
	}
	t := w.bearer(r)
	for _, f := range w.files {
		if f.id != id || t == nil || !t.has("files:read") || !w.seen(&slackCall{token: t}, f) {
			continue
		}
		kind := f.mime
		if kind == slackCanvasMIME {
			kind = "text/html"
		}
		rw.Header().Set("Content-Type", kind)
		rw.Header().Set("Content-Disposition", "attachment")
		_, _ = rw.Write(f.content())
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(rw, `<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body><form id="signin_form" action="/signin?redir=x"></form></body></html>`)
}

func (w *slackWorkspace) uploadComplete(c *slackCall) answer {
	var asked []struct{ ID, Title string }
	if json.Unmarshal([]byte(c.form.Get("files")), &asked) != nil || len(asked) == 0 {
		return slackError("invalid_arguments")
	}
	id := c.form.Get("channel_id")
	ch := w.visible(c, id)
	switch {
	case ch == nil:
		return slackError("channel_not_found")
	case !ch.has(c.token.user):
		return slackError("not_in_channel")
	}
	var done []answer
	m := &slackMessage{user: c.token.user, text: c.form.Get("initial_comment"), thread: c.form.Get("thread_ts"), app: c.token.user == slackBotUser}
	for _, a := range asked {
		i := slices.IndexFunc(w.files, func(f *slackFile) bool { return f.id == a.ID && !f.shared && len(f.body) > 0 })
		if i < 0 {
			return slackError("file_not_found")
		}
		f := w.files[i]
		f.shared, f.title, f.channels, f.created = true, a.Title, []string{ch.id}, w.now().Unix()
		m.files = append(m.files, f.id)
		done = append(done, f.wire(c.base))
	}
	m.ts = w.nextTS()
	ch.messages = append(ch.messages, m)
	return answer{"files": done}
}
