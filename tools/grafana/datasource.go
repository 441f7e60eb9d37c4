package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const (
	maxSources = 500
	ownKind    = "datasource" // the type of Grafana's own: -- Grafana --, -- Mixed --, -- Dashboard --
)

func (s *service) sourceTools() []tools.Tool {
	return []tools.Tool{tools.New("grafana_list_datasources", s.listSources)}
}

// sourceModel is a data source as Grafana shows it. Where it is, and how Grafana
// signs in there, is not read.
type sourceModel struct {
	UID     string `json:"uid"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default bool   `json:"isDefault"`
	JSON    struct {
		Method string `json:"httpMethod"`
	} `json:"jsonData"`
}

// Source is a data source.
type Source struct {
	UID     string `json:"uid"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default bool   `json:"default,omitempty"`

	get bool // it takes queries by GET only
}

// Sources is the answer of grafana_list_datasources.
type Sources struct {
	Items []Source `json:"items"`
	Total int      `json:"total"`
}

// Text is a line for each.
func (s Sources) Text() string {
	var b strings.Builder
	for _, i := range s.Items {
		fmt.Fprintf(&b, "%s  %s  %s", i.UID, upstream.Quote(i.Name), i.Type)
		if i.Default {
			b.WriteString("  (default)")
		}
		b.WriteByte('\n')
	}
	if more := s.Total - len(s.Items); more > 0 {
		fmt.Fprintf(&b, "and %d more: narrow it by type or name", more)
	}
	if s.Total == 0 {
		b.WriteString("No data source found.")
	}
	return b.String()
}

// SourcesArgs are those of grafana_list_datasources.
type SourcesArgs struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	Limit int    `json:"limit"`
}

func (s *service) listSources(ctx context.Context, c *upstream.Client, in SourcesArgs) (Sources, error) {
	all, err := s.allSources(ctx, c)
	if err != nil {
		return Sources{}, err
	}
	out := Sources{Items: []Source{}}
	for _, i := range all {
		if !strings.Contains(strings.ToLower(i.Type), strings.ToLower(in.Type)) || !strings.Contains(strings.ToLower(i.Name), strings.ToLower(in.Name)) {
			continue
		}
		if out.Total++; len(out.Items) < in.Limit {
			i.Name = upstream.Clean(i.Name, 100)
			out.Items = append(out.Items, i)
		}
	}
	return out, nil
}

// allSources lists the data sources of the organisation: GET /api/datasources, or,
// for a credential that lacks datasources:read and may query all the same, the
// settings of the application.
func (s *service) allSources(ctx context.Context, c *upstream.Client) ([]Source, error) {
	return s.sources.Get(key(c), func() ([]Source, error) {
		var list []sourceModel
		err := s.get(ctx, c, "/api/datasources", nil, &list)
		if err != nil && fault.From(err).Kind == fault.NotPermitted {
			var i settings
			if i, err = s.instance(ctx, c); err == nil {
				for _, name := range keys(i.Sources) {
					list = append(list, i.Sources[name])
				}
			}
		}
		var all []Source
		for _, m := range list[:min(len(list), maxSources)] {
			if uidForm.MatchString(m.UID) && m.Type != ownKind {
				all = append(all, Source{m.UID, m.Name, word(m.Type, "unknown"), m.Default, strings.EqualFold(m.JSON.Method, http.MethodGet)})
			}
		}
		return all, err
	})
}

// Kinds of data sources, by what is in their type: Amazon's and Azure's managed
// Prometheus have types of their own.
const (
	prometheusKind = "prometheus"
	lokiKind       = "loki"
)

// source finds a data source by its uid or name; "" is the default one, or the only
// one, of the kinds.
func (s *service) source(ctx context.Context, c *upstream.Client, ref string, kinds ...string) (Source, error) {
	all, err := s.allSources(ctx, c)
	if err != nil {
		return Source{}, err
	}
	of := func(i Source) bool {
		return len(kinds) == 0 || slices.ContainsFunc(kinds, func(k string) bool { return strings.Contains(i.Type, k) })
	}
	var named []names.Named
	for _, i := range all {
		if i.UID == ref && !of(i) {
			return Source{}, fault.Wrong("The data source %s is of the type %s, and this needs %s.", i.UID, i.Type, strings.Join(kinds, " or "))
		}
		if of(i) {
			named = append(named, names.Named{ID: i.UID, Name: i.Name})
		}
	}
	if ref == "" {
		for _, i := range all {
			if of(i) && (i.Default || len(named) == 1) {
				return i, nil
			}
		}
		if len(named) == 0 {
			return Source{}, fault.New(fault.NotFound, "There is no data source of %s that this credential can see. grafana_list_datasources shows what there is.", strings.Join(kinds, " or "))
		}
		return Source{}, fault.Wrong("There are several data sources of %s: give datasource. grafana_list_datasources shows them.", strings.Join(kinds, " or "))
	}
	one, err := names.Pick("data source", ref, named, "grafana_list_datasources")
	if err != nil {
		return Source{}, err
	}
	return all[slices.IndexFunc(all, func(i Source) bool { return i.UID == one.ID })], nil
}

// The two ways through Grafana to the API of a data source. Azure's managed
// Prometheus takes only the first, Amazon's only the second.
const (
	byResource = "resources"
	byProxy    = "proxy"
)

// ask reads from the API of a data source, through Grafana: by the way that worked
// before, else by its resources and, where these refuse, by the proxy.
func (s *service) ask(ctx context.Context, c *upstream.Client, src Source, path string, params url.Values, out any) error {
	at := key(c, src.UID)
	known, _ := s.routes.Get(at, func() (string, error) { return byResource, nil })
	if known == byResource {
		err := s.do(ctx, c, throughGrafana(src, byResource, path, params), out)
		if err == nil || fault.From(err).Code != otherWay {
			return err
		}
	}
	err := s.do(ctx, c, throughGrafana(src, byProxy, path, params), out)
	if err == nil {
		s.routes.Keep(at, byProxy)
	}
	return err
}

func throughGrafana(src Source, way, path string, params url.Values) upstream.Request {
	req := upstream.Request{Path: "/api/datasources/uid/" + url.PathEscape(src.UID) + "/resources/" + path, Read: true, Fault: ofResource}
	if way == byProxy {
		req.Path, req.Fault = "/api/datasources/proxy/uid/"+url.PathEscape(src.UID)+"/"+path, ofSource
	}
	if src.get || len(params) == 0 || src.Type == lokiKind || strings.Contains(path, "/values") {
		req.Query = params
	} else {
		req.Method, req.Form = http.MethodPost, params
	}
	return req
}

// otherWay is the code of a refusal after which the other way is tried.
const otherWay = "other way"

func ofResource(r *upstream.Response) *fault.Error {
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusInternalServerError:
		f := fault.New(fault.UpstreamError, "The resources of the data source refuse.")
		f.Code = otherWay
		return f
	}
	return ofSource(r)
}

// ofSource reads the answer of a data source that Grafana passes on. A 401 without
// Grafana's own mark is the data source refusing Grafana, and says nothing of the
// credential.
func ofSource(r *upstream.Response) *fault.Error {
	var p problem
	_ = json.Unmarshal(r.Body, &p)
	switch {
	case r.Status == http.StatusUnauthorized && p.MessageID == "":
		return fault.New(fault.NotPermitted, "The data source does not let Grafana in. An admin has to correct how Grafana signs in there.")
	case r.Status == http.StatusBadRequest || r.Status == http.StatusUnprocessableEntity:
		said := p.said()
		if said == "" && !strings.Contains(r.Header.Get("Content-Type"), "html") {
			said = string(r.Body) // as Loki answers
		}
		f := fault.New(fault.InvalidArguments, "The data source did not accept the query. It said: %s", quote(said))
		f.Code = upstream.Clean(p.Type, 64)
		return f
	}
	return readFault(r)
}
