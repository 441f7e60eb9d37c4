package hubspot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const (
	shortValue    = 500     // characters of a property in a list
	longValue     = 8000    // and of one record alone
	maxValues     = 60_000  // bytes of all properties of one record
	maxValueBytes = 1 << 20 // beyond, a value is cut before it is looked at
)

// Record is one CRM record: properties without a value are left out.
type Record struct {
	ID           string            `json:"id"`
	Type         string            `json:"type"`
	Name         string            `json:"name,omitempty"`
	Properties   map[string]string `json:"properties"`
	Labels       map[string]string `json:"labels,omitempty"`     // what the ids among the properties are called
	CreatedAt    string            `json:"created_at,omitempty"` // RFC 3339, UTC
	UpdatedAt    string            `json:"updated_at,omitempty"`
	URL          string            `json:"url,omitempty"`
	Archived     bool              `json:"archived,omitempty"`
	Associations []Ref             `json:"associations,omitempty"`
}

// Ref names a record.
type Ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// line is the record in one line.
func (r Record) line() string {
	var b strings.Builder
	b.Grow(512)
	put := func(texts ...string) {
		for _, t := range texts {
			b.WriteString(t)
		}
	}
	put(r.Type, " ", r.ID)
	if r.Name != "" {
		put(" ", upstream.Quote(r.Name))
	}
	for _, p := range r.order() {
		put(" | ", p, ": ", shown(r.Properties[p]))
		if label := r.Labels[p]; label != "" {
			put(" (", upstream.Quote(label), ")")
		}
	}
	for _, a := range r.Associations {
		put(" | associated: ", a.Type, " ", a.ID)
	}
	if r.CreatedAt != "" {
		put(" | created ", r.CreatedAt)
	}
	if r.Archived {
		put(" | archived")
	}
	if r.URL != "" {
		put(" | ", r.URL)
	}
	return b.String()
}

// order is the usual properties first, as they stand in kinds, then the others by
// name.
func (r Record) order() []string {
	all := make([]string, 0, len(r.Properties))
	if k, ok := standard(r.Type); ok {
		for _, p := range k.defaults {
			if _, ok := r.Properties[p]; ok {
				all = append(all, p)
			}
		}
	}
	usual := all
	for p := range r.Properties {
		if !slices.Contains(usual, p) {
			all = append(all, p)
		}
	}
	slices.Sort(all[len(usual):])
	return all
}

// elsewhere are properties that HubSpot always returns and a record has fields
// for.
var elsewhere = map[string]bool{"hs_object_id": true, "createdate": true, "hs_createdate": true, "lastmodifieddate": true, "hs_lastmodifieddate": true}

// One is a single record.
type One struct {
	Record Record `json:"record"`
	Note   string `json:"note,omitempty"`
}

// Text is one line, and what there is to say.
func (o One) Text() string { return o.Record.line() + more("", o.Note) }

// wireRecord is a record as HubSpot sends it.
type wireRecord struct {
	ID           string                  `json:"id"`
	Properties   map[string]*string      `json:"properties"`
	CreatedAt    string                  `json:"createdAt"`
	UpdatedAt    string                  `json:"updatedAt"`
	URL          string                  `json:"url"`
	Archived     bool                    `json:"archived"`
	New          bool                    `json:"new"`                // of an upsert
	Trace        string                  `json:"objectWriteTraceId"` // which of a batch it is
	History      map[string][]wireChange `json:"propertiesWithHistory"`
	Associations map[string]struct {
		Results []struct {
			ID string `json:"id"`
		} `json:"results"`
	} `json:"associations"`
}

// wireChange is a value that a property has had.
type wireChange struct {
	Value  string `json:"value"`
	At     string `json:"timestamp"`
	Source string `json:"sourceType"`
	Label  string `json:"sourceLabel"`
}

// records makes results of what HubSpot sent, values cut to limit characters.
func (s *service) records(ctx context.Context, c *upstream.Client, k kind, all []wireRecord, limit int) []Record {
	out := make([]Record, 0, len(all))
	for _, w := range all {
		out = append(out, s.record(ctx, c, k, w, limit, nil))
	}
	s.adorned(ctx, c, k, out)
	return out
}

// one makes a result of a single record.
func (s *service) one(ctx context.Context, c *upstream.Client, k kind, w wireRecord, limit int) Record {
	room := maxValues
	all := []Record{s.record(ctx, c, k, w, limit, &room)}
	s.adorned(ctx, c, k, all)
	return all[0]
}

// record is one record without what its ids are called. room is how many bytes of
// values there may still be; nil: no matter.
func (s *service) record(ctx context.Context, c *upstream.Client, k kind, w wireRecord, limit int, room *int) Record {
	r := Record{
		ID: upstream.Clean(w.ID, 40), Type: k.name, Properties: map[string]string{},
		CreatedAt: stamp(w.CreatedAt), UpdatedAt: stamp(w.UpdatedAt), Archived: w.Archived,
	}
	for p, v := range w.Properties {
		if v == nil || *v == "" || elsewhere[p] || !isProperty(p) {
			continue
		}
		most := limit
		if room != nil && *room <= 0 {
			most = 40
		}
		if text := value(p, *v, most); text != "" {
			r.Properties[p] = text
			if room != nil {
				*room -= len(text)
			}
		}
	}
	var parts []string
	for _, p := range k.title {
		if v := r.Properties[p]; v != "" {
			parts = append(parts, v)
		}
	}
	r.Name = upstream.Clean(strings.Join(parts, " "), 120)
	r.URL = s.link(ctx, c, k, r.ID, w.URL)
	seen := map[Ref]bool{}
	for _, to := range slices.Sorted(maps.Keys(w.Associations)) {
		for _, a := range w.Associations[to].Results {
			ref := Ref{upstream.Clean(to, 60), a.ID}
			if isRecordID(a.ID) && !seen[ref] && len(r.Associations) < 200 {
				seen[ref] = true
				r.Associations = append(r.Associations, ref)
			}
		}
	}
	return r
}

// isProperty reports whether a text is the name of a property: 1 to 100 of a-z,
// 0-9, _ and dots.
func isProperty(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 100
}

func value(property, v string, limit int) string {
	if len(v) > maxValueBytes {
		v = v[:maxValueBytes]
	}
	if htmlProperties[property] {
		v = plain(v)
	}
	return upstream.CleanLines(v, limit)
}

var (
	breaks = pattern.New(`(?i)<(?:br|/p|/div|/li|/h[1-6]|/tr)[^<>]*>`)
	tags   = pattern.New(`<[^<>]*>`)
)

// plain is the text of HTML: for reading, not for display in a browser.
func plain(s string) string {
	s = tags.ReplaceAllString(breaks.ReplaceAllString(s, "\n"), "")
	return strings.TrimSpace(html.UnescapeString(s))
}

// stamp is a time of HubSpot's in RFC 3339, or "".
func stamp(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// scalar is a value as a model may write it: a text, a number, true or false,
// or null. HubSpot wants them all as texts.
type scalar struct {
	text string
	null bool
}

// UnmarshalJSON takes any JSON value but objects and arrays.
func (s *scalar) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) == 0 || b[0] == '{' || b[0] == '[':
		return fmt.Errorf("a value must be a text, a number, true, false or null")
	case string(b) == "null":
		*s = scalar{null: true}
	case b[0] == '"':
		*s = scalar{}
		return json.Unmarshal(b, &s.text)
	default:
		*s = scalar{text: string(b)} // 0010 stays as it was written
	}
	return nil
}

// MarshalJSON writes the value as a text, for the mark of a query in a cursor.
func (s scalar) MarshalJSON() ([]byte, error) {
	if s.null {
		return []byte("null"), nil
	}
	return json.Marshal(s.text)
}

// properties are the ones to read: those asked for, or the usual ones.
func (k kind) properties(asked []string) []string {
	if len(asked) > 0 {
		return asked
	}
	return k.defaults
}

// unknown are the properties that HubSpot has passed over: it says nothing of names
// that it does not know.
func unknown(asked []string, records []wireRecord) []string {
	if len(records) == 0 {
		return nil
	}
	var missing []string
	for _, p := range asked {
		if !slices.ContainsFunc(records, func(w wireRecord) bool { _, ok := w.Properties[p]; return ok }) {
			missing = append(missing, p)
		}
	}
	return missing
}

// path is the address of a record, or of a type where id is "".
func (k kind) path(id string) string {
	p := objectsPath + "/" + url.PathEscape(k.name)
	if id != "" {
		p += "/" + url.PathEscape(id)
	}
	return p
}

// address checks an id and finds the property that it is a value of: an e-mail
// finds a contact.
func (k kind) address(id, property string) (string, url.Values, error) {
	query := url.Values{}
	switch {
	case id == "." || id == ".." || id == "":
		return "", nil, fault.New(fault.InvalidArguments, "id: %q is no id. Take it from hubspot_search_objects.", upstream.Clean(id, 60))
	case property != "":
		query.Set("idProperty", property)
	case strings.Contains(id, "@") && k.name == "contacts":
		query.Set("idProperty", "email")
	case !isRecordID(id):
		return "", nil, fault.New(fault.InvalidArguments, "id: %q is no record id, which is a number. Give id_property too, or search with hubspot_search_objects.", upstream.Clean(id, 60))
	}
	return k.path(id), query, nil
}

// numbers checks that ids of records are numbers, since only those are looked for.
func numbers(argument string, ids ...string) error {
	for _, id := range ids {
		if !isRecordID(id) {
			return fault.New(fault.InvalidArguments, "%s: %q is no record id, which is a number. Take it from hubspot_search_objects.", argument, upstream.Clean(id, 60))
		}
	}
	return nil
}

// whole checks that an answer names a record: one without is none.
func whole(w wireRecord) error {
	if !isRecordID(w.ID) {
		return fault.New(fault.UpstreamError, "HubSpot answered without a record id. Look whether it was done before doing it again.")
	}
	return nil
}
