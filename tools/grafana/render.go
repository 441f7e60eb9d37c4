package grafana

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// maxImage is how large an image a model gets, in bytes.
const maxImage = 1 << 20

func (s *service) renderTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_render_panel", s.render)}
}

// RenderArgs are those of grafana_render_panel.
type RenderArgs struct {
	Dashboard string            `json:"dashboard"`
	Panel     any               `json:"panel"`
	From      string            `json:"from"`
	To        string            `json:"to"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Theme     string            `json:"theme"`
	Variables map[string]string `json:"variables"`
}

// Image is the answer of grafana_render_panel; the picture itself is its content.
type Image struct {
	Dashboard string `json:"dashboard"` // uid
	Panel     int64  `json:"panel,omitempty"`
	From      string `json:"from"`
	To        string `json:"to"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Bytes     int    `json:"bytes"`
	Link      string `json:"link"`

	png []byte
}

// Text says what the picture shows.
func (i Image) Text() string {
	what := "dashboard " + i.Dashboard
	if i.Panel != 0 {
		what = fmt.Sprintf("panel %d of %s", i.Panel, what)
	}
	return fmt.Sprintf("An image of %s, from %s to %s, %d by %d pixels  %s", what, i.From, i.To, i.Width, i.Height, i.Link)
}

// Content is the picture.
func (i Image) Content() []tools.Content {
	return []tools.Content{{Type: "image", MIME: "image/png", Data: i.png}}
}

var variableForm = pattern.New(`^[A-Za-z0-9_]{1,60}$`)

func (s *service) render(ctx context.Context, c *upstream.Client, in RenderArgs) (Image, error) {
	at, err := s.during(in.From, in.To)
	if err != nil {
		return Image{}, err
	}
	q := url.Values{
		"from": {millis(at.from)}, "to": {millis(at.to)}, "width": {strconv.Itoa(in.Width)}, "height": {strconv.Itoa(in.Height)},
		"theme": {in.Theme}, "tz": {"UTC"}, "kiosk": {"true"},
	}
	for _, name := range keys(in.Variables) {
		if !variableForm.MatchString(name) {
			return Image{}, fault.Wrong("%q is no name of a variable.", upstream.Clean(name, 60))
		}
		q.Set("var-"+name, in.Variables[name])
	}
	if org := c.Param("org_id"); org != "" {
		q.Set("orgId", org) // the renderer opens a page, which goes by this
	}
	i, err := s.instance(ctx, c)
	if err != nil {
		return Image{}, err
	}
	if !i.Renderer {
		return Image{}, noRenderer()
	}
	d, err := s.dashboard(ctx, c, in.Dashboard)
	if err != nil {
		return Image{}, err
	}
	out := Image{Dashboard: d.UID, From: stamp(at.from), To: stamp(at.to)}
	path := "/d/" + url.PathEscape(d.UID)
	if in.Panel != nil {
		if out.Panel, err = s.panelID(ctx, c, d.UID, fmt.Sprint(in.Panel)); err != nil {
			return Image{}, err
		}
		q.Set("panelId", strconv.FormatInt(out.Panel, 10))
		path = "/d-solo/" + url.PathEscape(d.UID)
	}
	var raw []byte
	err = s.do(ctx, c, upstream.Request{
		Path: "/render" + path, Query: q, Read: true, MaxBytes: maxImage, Header: http.Header{"Accept": {"image/png"}},
		Fault: func(r *upstream.Response) *fault.Error {
			raw = r.Body
			return ofRender(r)
		},
	}, nil)
	if err != nil {
		return Image{}, err
	}
	if out.png, out.Width, out.Height, err = plainPNG(raw); err != nil {
		return Image{}, noRenderer().Because(err)
	}
	out.Bytes = len(out.png)
	out.Link = c.BaseURL() + "/d/" + d.UID + "?from=" + millis(at.from) + "&to=" + millis(at.to)
	return out, nil
}

// panelID is a number where one is given, so that nothing has to be read.
func (s *service) panelID(ctx context.Context, c *upstream.Client, uid, ref string) (int64, error) {
	if n, err := strconv.ParseInt(strings.TrimSpace(ref), 10, 32); err == nil && n > 0 {
		return n, nil
	}
	d, err := s.load(ctx, c, uid)
	if err != nil {
		return 0, err
	}
	p, err := d.spec.panel(ref)
	if err == nil && p.id <= 0 {
		err = fault.Wrong("The panel %s has no id, so it cannot be shown alone. Leave panel out.", upstream.Quote(upstream.Clean(p.title, 80)))
	}
	return p.id, err
}

func noRenderer() *fault.Error {
	return fault.New(fault.UpstreamError, "No image came back: the image renderer of this Grafana is not installed, or does not work. An admin has to set it up. grafana_query_prometheus and grafana_query_loki bring the numbers.")
}

func ofRender(r *upstream.Response) *fault.Error {
	f := readFault(r)
	switch {
	case f == nil:
	case r.Status == http.StatusNotFound:
		f.Message = "There is nothing to render there: look for the dashboard with grafana_search, and for the panel with grafana_get_dashboard."
	case r.Status == http.StatusInternalServerError:
		g := noRenderer()
		g.Status = r.Status
		return g
	}
	return f
}
