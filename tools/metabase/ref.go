package metabase

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const maxID = 1<<31 - 1

// ref is how a caller names a thing: its id, what people call it, or its address
// in this instance. "" is none.
type ref string

// UnmarshalJSON reads a number or a text.
func (r *ref) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*r = ref(strings.TrimSpace(text))
		return nil
	}
	var n float64
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*r = ref(strconv.FormatInt(int64(n), 10))
	return nil
}

// number is the id that the ref is, if it is one.
func (r ref) number() (int64, bool) {
	n, err := strconv.ParseInt(string(r), 10, 64)
	return n, err == nil && n >= 0 && n <= maxID
}

func (r ref) isURL() bool {
	return strings.HasPrefix(string(r), "http://") || strings.HasPrefix(string(r), "https://")
}

// noun is a kind of thing as the API and as people call it.
type noun struct {
	what   string   // "dashboard"
	models []string // of GET /api/search
	pages  []string // first segments of its address
}

var (
	aDashboard  = noun{"dashboard", []string{"dashboard"}, []string{"dashboard"}}
	aQuestion   = noun{"question", []string{"card", "dataset", "metric"}, []string{"question", "model", "metric"}}
	aCollection = noun{"collection", []string{"collection"}, []string{"collection"}}
	aDatabase   = noun{"database", []string{"database"}, []string{"databases"}}
)

// dashboard, question: the id that a ref means. Names are searched for, archived
// ones only where asked.
func (s *service) dashboard(ctx context.Context, c *upstream.Client, r ref) (int64, error) {
	return s.find(ctx, c, aDashboard, r, false)
}

func (s *service) question(ctx context.Context, c *upstream.Client, r ref) (int64, error) {
	return s.find(ctx, c, aQuestion, r, false)
}

// find is the id of a dashboard or a question.
func (s *service) find(ctx context.Context, c *upstream.Client, n noun, r ref, archived bool) (int64, error) {
	if id, ok, err := s.direct(ctx, c, n, r); ok || err != nil {
		return id, err
	}
	key := c.CredentialKey() + "\x00" + n.what + "\x00" + strconv.FormatBool(archived) + "\x00" + strings.ToLower(string(r))
	return s.ids.Get(key, func() (int64, error) {
		q := url.Values{"q": {string(r)}, "models": n.models, "limit": {"50"}}
		if archived {
			q.Set("archived", "true")
		}
		all, err := named(ctx, c, q)
		if err == nil && len(all) == 0 { // a name that is misspelt: what is there that is like it?
			q.Del("q")
			all, err = named(ctx, c, q)
		}
		if err != nil {
			return 0, err
		}
		one, err := names.Pick(n.what, string(r), all, "metabase_search")
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(one.ID, 10, 64)
	})
}

// named is what a search finds, with ids and names.
func named(ctx context.Context, c *upstream.Client, q url.Values) ([]names.Named, error) {
	var found searchModel
	if err := c.Get(ctx, "/api/search", q, &found); err != nil {
		return nil, err
	}
	var all []names.Named
	for _, d := range found.Data {
		if _, ok := ref(d.ID).number(); ok {
			all = append(all, names.Named{ID: string(d.ID), Name: d.Name})
		}
	}
	return all, nil
}

// direct is the id where the ref is one, or an address that holds one.
func (s *service) direct(ctx context.Context, c *upstream.Client, n noun, r ref) (id int64, ok bool, err error) {
	if r == "" {
		return 0, false, fault.Wrong("Which %s? Give its id, its name or its URL.", n.what)
	}
	if id, ok := r.number(); ok {
		if id == 0 {
			return 0, false, fault.Wrong("There is no %s 0. Give its id, its name or its URL.", n.what)
		}
		return id, true, nil
	}
	if !r.isURL() {
		return 0, false, nil
	}
	rest, below := strings.CutPrefix(string(r), home(c)+"/")
	if !below {
		i, err := s.instance(ctx, c)
		if err != nil {
			return 0, false, err
		}
		if rest, below = strings.CutPrefix(string(r), i.site+"/"); !below || i.site == "" {
			return 0, false, fault.Wrong("That is not an address in this Metabase, which is at %s.", home(c))
		}
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	parts := strings.Split(strings.TrimPrefix(rest, "browse/"), "/")
	if len(parts) >= 2 {
		digits, _, _ := strings.Cut(parts[1], "-")
		if id, ok := ref(digits).number(); ok && id > 0 {
			for _, page := range n.pages {
				if parts[0] == page {
					return id, true, nil
				}
			}
			return 0, false, fault.Wrong("That is the address of a %s, not of a %s.", upstream.Clean(parts[0], 40), n.what)
		}
	}
	return 0, false, fault.Wrong("That address names no %s. Give one such as %s/%s/12, an id or a name.", n.what, home(c), n.pages[0])
}

// database is the id of a database; names are looked up in the list of all.
func (s *service) database(ctx context.Context, c *upstream.Client, r ref) (int64, error) {
	if id, ok, err := s.direct(ctx, c, aDatabase, r); ok || err != nil {
		return id, err
	}
	all, err := s.databases(ctx, c)
	if err != nil {
		return 0, err
	}
	one, err := names.Pick("database", string(r), all, "metabase_list_databases")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(one.ID, 10, 64)
}

func (s *service) databases(ctx context.Context, c *upstream.Client) ([]names.Named, error) {
	return s.lists.Get(c.CredentialKey()+"\x00databases", func() ([]names.Named, error) {
		all, err := allDatabases(ctx, c)
		var list []names.Named
		for _, d := range all {
			list = append(list, names.Named{ID: strconv.FormatInt(d.ID, 10), Name: d.Name})
		}
		return list, err
	})
}

// collection is the id of a collection, 0 for the root; names are looked up in
// the list of all, by themselves or as a path.
func (s *service) collection(ctx context.Context, c *upstream.Client, r ref) (int64, error) {
	if r == "0" || strings.EqualFold(string(r), "root") || strings.EqualFold(string(r), "our analytics") {
		return 0, nil
	}
	if id, ok, err := s.direct(ctx, c, aCollection, r); ok || err != nil {
		return id, err
	}
	all, err := s.collections(ctx, c)
	if err != nil {
		return 0, err
	}
	if strings.Contains(string(r), "/") { // a path, else perhaps a name with a slash
		for _, n := range all {
			if strings.EqualFold(pathOf(n.Name), strings.Trim(string(r), "/")) {
				return strconv.ParseInt(n.ID, 10, 64)
			}
		}
	}
	var plain []names.Named
	for _, n := range all {
		plain = append(plain, names.Named{ID: n.ID, Name: lastOf(n.Name)})
	}
	one, err := names.Pick("collection", string(r), plain, "metabase_search")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(one.ID, 10, 64)
}

// collections are all collections that the credential sees, but for other
// people's own. A name is the path to it, its parts divided by NUL, since a name
// may hold a slash.
func (s *service) collections(ctx context.Context, c *upstream.Client) ([]names.Named, error) {
	return s.lists.Get(c.CredentialKey()+"\x00collections", func() ([]names.Named, error) {
		var all []struct {
			ID       json.RawMessage `json:"id"` // of the root a text
			Name     string          `json:"name"`
			Location string          `json:"location"` // "/4/9/": what is above
		}
		if err := c.Get(ctx, "/api/collection", url.Values{"exclude-other-user-collections": {"true"}}, &all); err != nil {
			return nil, err
		}
		label := map[string]string{}
		for _, one := range all {
			label[string(one.ID)] = one.Name
		}
		var list []names.Named
		for _, one := range all {
			if _, ok := ref(one.ID).number(); !ok {
				continue
			}
			path := ""
			for _, above := range strings.Split(strings.Trim(one.Location, "/"), "/") {
				if n := label[above]; n != "" {
					path += n + "\x00"
				}
			}
			list = append(list, names.Named{ID: string(one.ID), Name: path + one.Name})
		}
		return list, nil
	})
}

func pathOf(name string) string { return strings.ReplaceAll(name, "\x00", "/") }

func lastOf(name string) string { return name[strings.LastIndexByte(name, 0)+1:] }

// forgetCollections is for after a change of them.
func (s *service) forgetCollections(c *upstream.Client) {
	s.lists.Forget(c.CredentialKey() + "\x00collections")
}

// home is the address of the instance, without a slash at the end.
func home(c *upstream.Client) string { return strings.TrimSuffix(c.BaseURL(), "/") }

// pages are where a person sees each kind of item, below the base URL.
var pages = map[string]string{
	"dashboard": "/dashboard/", "card": "/question/", "dataset": "/model/", "metric": "/metric/",
	"collection": "/collection/", "database": "/browse/databases/",
}

func link(c *upstream.Client, model string, id int64) string {
	page, ok := pages[model]
	if !ok {
		return ""
	}
	if model == "collection" && id == 0 {
		return home(c) + page + "root"
	}
	return home(c) + page + strconv.FormatInt(id, 10)
}
