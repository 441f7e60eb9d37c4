package weaviate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) objectTools() []tools.Tool {
	return []tools.Tool{
		tools.New("weaviate_get_object", s.getObject),
		tools.New("weaviate_list_objects", s.listObjects),
	}
}

type getObjectIn struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Tenant     string `json:"tenant"`
}

// Whole is the answer of weaviate_get_object.
type Whole struct {
	Collection string `json:"collection"`
	Object
	Note string `json:"note,omitempty"`
}

// Text is the object, a line a value.
func (w Whole) Text() string {
	text := w.text(fmt.Sprintf(" in %s, created %s, updated %s", w.Collection, orNone(w.Created), orNone(w.Updated)))
	if w.Note != "" {
		text += w.Note + "\n"
	}
	return text
}

func (s *service) getObject(ctx context.Context, c *upstream.Client, in getObjectIn) (Whole, error) {
	id, err := objectID(in.ID)
	if err != nil {
		return Whole{}, err
	}
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) error { return col.forTenant(in.Tenant) })
	if err != nil {
		return Whole{}, err
	}
	var m objectModel
	if err := c.Get(ctx, "/v1/objects/"+col.name+"/"+id, ofTenant(in.Tenant), &m); err != nil {
		return Whole{}, noObject(err, col, id)
	}
	if m.ID == "" {
		return Whole{}, broken()
	}
	out := Whole{Collection: col.name, Object: m.object(wholeText)}
	for most := wholeText; ; {
		if b, err := json.Marshal(out.Properties); err != nil || len(b) <= maxAnswer || most < 100 {
			return out, nil
		}
		most /= 4
		out.Object = m.object(most)
		out.Note = fmt.Sprintf("Long texts are cut at %d characters. weaviate_list_objects with properties and a filter on id shows single ones.", most)
	}
}

func ofTenant(tenant string) url.Values {
	if tenant == "" {
		return nil
	}
	return url.Values{"tenant": {tenant}}
}

// noObject says what a 404 for an object means.
func noObject(err error, col *collection, id string) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Status == http.StatusNotFound {
		where := ""
		if col.tenants {
			where = " of this tenant"
		}
		f.Message = fmt.Sprintf("The collection %s has no object %s%s. weaviate_search and weaviate_list_objects find ids.", col.name, id, where)
	}
	return err
}

type listObjectsIn struct {
	Collection string     `json:"collection"`
	Filters    []filterIn `json:"filters"`
	AnyOf      bool       `json:"any_of"`
	SortBy     string     `json:"sort_by"`
	Descending bool       `json:"descending"`
	Properties []string   `json:"properties"`
	Tenant     string     `json:"tenant"`
	Limit      int        `json:"limit"`
	Cursor     string     `json:"cursor"`
}

// Objects is the answer of weaviate_list_objects.
type Objects struct {
	Collection string   `json:"collection"`
	Objects    []Object `json:"objects"`
	Next       string   `json:"next_cursor,omitempty"`
	Note       string   `json:"note,omitempty"`
}

// Text is the objects, a line a value.
func (l Objects) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d objects of %s\n", len(l.Objects), l.Collection)
	for _, o := range l.Objects {
		b.WriteString(o.text(""))
	}
	if l.Next != "" {
		b.WriteString("more with next_cursor " + l.Next + "\n")
	}
	if l.Note != "" {
		b.WriteString(l.Note + "\n")
	}
	return b.String()
}

// maxReach is how far the server counts through results (QUERY_MAXIMUM_RESULTS).
const maxReach = 10_000

// listObjects pages through all objects by id, without an end, or through those that
// fit, in an order, as far as the server counts.
func (s *service) listObjects(ctx context.Context, c *upstream.Client, in listObjectsIn) (Objects, error) {
	query := in
	query.Cursor = ""
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Objects{}, err
	}
	var q *queryOf
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) (err error) {
		q, err = s.listing(col, in)
		return err
	})
	if err != nil {
		return Objects{}, err
	}
	out := Objects{Collection: col.name}
	var all []Object
	var next string
	if len(in.Filters) == 0 && in.SortBy == "" {
		all, next, err = byID(ctx, c, col, in, at.Cursor)
	} else {
		all, next, err = q.page(ctx, c, in.Limit, at.Cursor)
		if err == nil && next == "" && len(all) == in.Limit {
			out.Note = fmt.Sprintf("Weaviate counts no further than %d. Narrow the filters to see more.", maxReach)
		}
	}
	if err != nil {
		return Objects{}, err
	}
	out.Objects, out.Next = tools.Page(query, at, all, in.Limit, next)
	return out, nil
}

const firstID = "00000000-0000-0000-0000-000000000000"

// byID is a page of all objects in the order of their ids, behind after.
func byID(ctx context.Context, c *upstream.Client, col *collection, in listObjectsIn, after string) ([]Object, string, error) {
	if after == "" {
		after = firstID
	}
	params := url.Values{"class": {col.name}, "limit": {strconv.Itoa(in.Limit)}, "after": {after}}
	if in.Tenant != "" {
		params.Set("tenant", in.Tenant)
	}
	var answer struct {
		Objects []objectModel `json:"objects"`
	}
	if err := c.Get(ctx, "/v1/objects", params, &answer); err != nil {
		return nil, "", err
	}
	all := make([]Object, 0, len(answer.Objects))
	for _, m := range answer.Objects {
		if m.ID == "" {
			return nil, "", broken()
		}
		o := m.object(briefText)
		for name := range o.Properties {
			if len(in.Properties) > 0 && !slices.Contains(in.Properties, name) {
				delete(o.Properties, name)
			}
		}
		all = append(all, o)
	}
	if len(all) < in.Limit {
		return all, "", nil
	}
	return all, all[len(all)-1].ID, nil
}

// queryOf is a query that is asked page by page.
type queryOf struct {
	*query
	selected string
}

func (s *service) listing(col *collection, in listObjectsIn) (*queryOf, error) {
	q := &queryOf{query: newQuery("Get", col)}
	var err error
	if q.selected, err = s.narrow(q.query, in.Filters, in.AnyOf, in.Properties, in.Tenant); err != nil || in.SortBy == "" {
		return q, err
	}
	name, order := "", "asc"
	if p, err := col.property(in.SortBy); err == nil {
		if _, ok := valueKinds[p.kind]; !ok {
			return nil, refuse(fault.InvalidArguments, "%s is of the type %s, which has no order.", p.name, p.kind)
		}
		name = p.name
	} else if name = times[in.SortBy]; name == "" {
		return nil, err
	}
	if in.Descending {
		order = "desc"
	}
	q.arg("sort:[{path:%s,order:%s}]", quoted([]string{name}), order)
	return q, nil
}

// times are what the server knows of when an object was written.
var times = map[string]string{"created": "_creationTimeUnix", "updated": "_lastUpdateTimeUnix"}

// page is what stands behind the first offset results.
func (q *queryOf) page(ctx context.Context, c *upstream.Client, limit int, offset string) ([]Object, string, error) {
	from, _ := strconv.Atoi(offset)
	if from < 0 || from >= maxReach {
		from = 0
	}
	limit = min(limit, maxReach-from)
	q.arg("limit:%d,offset:%d", limit, from)
	hits, err := found(ctx, c, q.query, q.selected)
	if err != nil {
		return nil, "", err
	}
	all := make([]Object, 0, len(hits))
	for _, hit := range hits {
		all = append(all, hit.Object)
	}
	if next := from + len(all); len(all) == limit && next < maxReach {
		return all, strconv.Itoa(next), nil
	}
	return all, "", nil
}
