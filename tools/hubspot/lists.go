package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

type searchListsIn struct {
	Query      string `json:"query"`
	ObjectType string `json:"object_type"`
	Limit      int    `json:"limit"`
	Cursor     string `json:"cursor"`
}

// SegmentList is a page of HubSpot lists, which it also calls segments.
type SegmentList struct {
	Total int       `json:"total,omitempty"` // left out where it would tell of types that the call may not see
	Lists []Segment `json:"lists"`
	Next  string    `json:"next_cursor,omitempty"`
	Note  string    `json:"note,omitempty"`
}

// Segment is a HubSpot list: of records that somebody chose, or that fit a filter.
type Segment struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	ObjectType string `json:"object_type"`
	Kind       string `json:"kind"` // manual, snapshot: members can be changed; dynamic: a filter chooses them
	Size       int    `json:"size,omitempty"`
	UpdatedAt  string `json:"updated_at,omitempty"`
}

// Text is one line a list.
func (l SegmentList) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d lists", len(l.Lists))
	if l.Total > 0 {
		fmt.Fprintf(&b, ", %d in all", l.Total)
	}
	for _, x := range l.Lists {
		fmt.Fprintf(&b, "\n%s %s %s, %s", x.ID, upstream.Quote(x.Name), x.ObjectType, x.Kind)
		if x.Size > 0 {
			fmt.Fprintf(&b, ", %d members", x.Size)
		}
	}
	return b.String() + more(l.Next, l.Note)
}

type wireList struct {
	ID     string            `json:"listId"`
	Name   string            `json:"name"`
	TypeID string            `json:"objectTypeId"`
	Kind   string            `json:"processingType"`
	At     string            `json:"updatedAt"`
	Size   int               `json:"size"`
	More   map[string]string `json:"additionalProperties"`
}

func (w wireList) segment(k kind) Segment {
	size := w.Size
	if n, err := strconv.Atoi(w.More["hs_list_size"]); err == nil {
		size = n
	}
	return Segment{ID: upstream.Clean(w.ID, 40), Name: upstream.Clean(w.Name, 200), ObjectType: k.name, Kind: strings.ToLower(upstream.Clean(w.Kind, 20)), Size: max(size, 0), UpdatedAt: stamp(w.At)}
}

type wireLists struct {
	Lists  []wireList `json:"lists"`
	More   bool       `json:"hasMore"`
	Offset int        `json:"offset"`
	Total  int        `json:"total"`
}

// findLists is one page of a search for lists.
func (s *service) findLists(ctx context.Context, c *upstream.Client, query, typeID string, offset, count int) (wireLists, error) {
	req := map[string]any{
		"query": query, "offset": offset, "count": count, "listIds": []string{}, "processingTypes": []string{},
		"additionalProperties": []string{"hs_list_size"},
	}
	if typeID != "" {
		req["objectTypeId"] = typeID
	}
	var got wireLists
	err := c.Do(ctx, upstream.Request{Path: listsPath + "/search", JSON: req, Read: true}, &got)
	return got, err
}

func (s *service) searchLists(ctx context.Context, c *upstream.Client, in searchListsIn) (SegmentList, error) {
	typeID := ""
	if in.ObjectType != "" {
		k, err := s.kind(ctx, c, in.ObjectType)
		if err != nil {
			return SegmentList{}, err
		}
		if err := readable(c, k); err != nil {
			return SegmentList{}, err
		}
		typeID = k.typeID
	}
	query := []string{"search_lists", in.Query, typeID}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return SegmentList{}, err
	}
	offset, _ := strconv.Atoi(at.Cursor)
	got, err := s.findLists(ctx, c, in.Query, typeID, offset, in.Limit+at.Skip)
	if err != nil {
		return SegmentList{}, err
	}
	next := ""
	if n := offset + len(got.Lists); got.More && len(got.Lists) > 0 {
		next = strconv.Itoa(n)
	}
	out := SegmentList{Lists: []Segment{}}
	page, cursor := tools.Page(query, at, got.Lists, in.Limit, next)
	out.Next = cursor
	for _, w := range page {
		// That there is such a list tells of records which the call may not see.
		if k := s.kindOf(ctx, c, w.TypeID); readable(c, k) == nil {
			out.Lists = append(out.Lists, w.segment(k))
		}
	}
	if typeID != "" || !slices.ContainsFunc(kindNames(), func(name string) bool { return !c.Allows("crm.objects." + name + ".read") }) {
		out.Total = got.Total
		return out, nil
	}
	out.Note = "lists of types that this agent may not see are left out"
	return out, nil
}

// segment finds the list that a word means, by id or name, and checks that the call
// may see records of its type.
func (s *service) segment(ctx context.Context, c *upstream.Client, word string) (wireList, kind, error) {
	var w wireList
	if isRecordID(word) {
		var got struct {
			List wireList `json:"list"`
		}
		if err := c.Get(ctx, listsPath+"/"+url.PathEscape(word), nil, &got); err != nil {
			if f := fault.From(err); f.Kind == fault.NotFound {
				g := *f
				g.Message = fmt.Sprintf("There is no list %s that this credential can see. Find the right one with hubspot_search_lists.", word)
				return w, kind{}, &g
			}
			return w, kind{}, err
		}
		w = got.List
	} else {
		got, err := s.findLists(ctx, c, word, "", 0, 50)
		if err != nil {
			return w, kind{}, err
		}
		var choice []names.Named
		byID := map[string]wireList{}
		for _, l := range got.Lists {
			if readable(c, s.kindOf(ctx, c, l.TypeID)) == nil {
				choice = append(choice, names.Named{ID: l.ID, Name: l.Name})
				byID[l.ID] = l
			}
		}
		picked, err := names.Pick("list", word, choice, "hubspot_search_lists")
		if err != nil {
			return w, kind{}, err
		}
		w = byID[picked.ID]
	}
	if !isRecordID(w.ID) {
		return w, kind{}, fault.New(fault.UpstreamError, "HubSpot answered without the list. Try again later; if it stays so, tell the operator.")
	}
	k := s.kindOf(ctx, c, w.TypeID)
	return w, k, readable(c, k)
}

type listMembersIn struct {
	List       string   `json:"list"`
	Properties []string `json:"properties"`
	Limit      int      `json:"limit"`
	Cursor     string   `json:"cursor"`
}

// Members is a page of the records in a list.
type Members struct {
	List    Segment  `json:"list"`
	Total   int      `json:"total,omitempty"`
	Results []Record `json:"results"`
	Next    string   `json:"next_cursor,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a record.
func (m Members) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d members of list %s %s", len(m.Results), m.List.ID, upstream.Quote(m.List.Name))
	if m.Total > 0 {
		fmt.Fprintf(&b, ", %d in all", m.Total)
	}
	for _, r := range m.Results {
		b.WriteString("\n" + r.line())
	}
	return b.String() + more(m.Next, m.Note)
}

func (s *service) listMembers(ctx context.Context, c *upstream.Client, in listMembersIn) (Members, error) {
	w, k, err := s.segment(ctx, c, in.List)
	if err != nil {
		return Members{}, err
	}
	query := []any{"list_members", w.ID, in.Properties}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Members{}, err
	}
	params := url.Values{"limit": {strconv.Itoa(min(in.Limit+at.Skip, 250))}}
	if at.Cursor != "" {
		params.Set("after", at.Cursor)
	}
	var got struct {
		Total   int `json:"total"`
		Results []struct {
			ID string `json:"recordId"`
		} `json:"results"`
		Paging wirePaging `json:"paging"`
	}
	if err := c.Get(ctx, listsPath+"/"+url.PathEscape(w.ID)+"/memberships", params, &got); err != nil {
		return Members{}, err
	}
	var ids []string
	for _, m := range got.Results[min(at.Skip, len(got.Results)):] {
		if isRecordID(m.ID) && len(ids) < in.Limit {
			ids = append(ids, m.ID)
		}
	}
	wires, err := s.fetch(ctx, c, k, "", ids, k.properties(in.Properties))
	if err != nil {
		return Members{}, err
	}
	byID := map[string]Record{}
	for _, r := range s.records(ctx, c, k, wires, shortValue) {
		byID[r.ID] = r
	}
	all := make([]Record, min(at.Skip, len(got.Results)))
	for _, m := range got.Results[len(all):] {
		r, ok := byID[m.ID]
		if !ok {
			r = Record{ID: upstream.Clean(m.ID, 40), Type: k.name, Properties: map[string]string{}}
		}
		all = append(all, r)
	}
	out := Members{List: w.segment(k), Total: got.Total, Results: []Record{}, Note: s.missing(ctx, c, k, unknown(in.Properties, wires))}
	page, next := tools.Page(query, at, all, in.Limit, got.Paging.Next.After)
	out.Results, out.Next = append(out.Results, page...), next
	return out, nil
}

type updateListMembersIn struct {
	List   string   `json:"list"`
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

// Membership is what became of the members of a list.
type Membership struct {
	List    Segment  `json:"list"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Missing []string `json:"not_found,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line for each.
func (m Membership) Text() string {
	text := fmt.Sprintf("list %s %s: %d added, %d removed", m.List.ID, upstream.Quote(m.List.Name), len(m.Added), len(m.Removed))
	if len(m.Missing) > 0 {
		text += "\nNot found: " + strings.Join(m.Missing, ", ")
	}
	return text + more("", m.Note)
}

func (s *service) updateListMembers(ctx context.Context, c *upstream.Client, in updateListMembersIn) (Membership, error) {
	if len(in.Add)+len(in.Remove) == 0 {
		return Membership{}, fault.New(fault.InvalidArguments, "Give the ids of records to add or to remove.")
	}
	if err := numbers("add, remove", append(append([]string{}, in.Add...), in.Remove...)...); err != nil {
		return Membership{}, err
	}
	w, k, err := s.segment(ctx, c, in.List)
	if err != nil {
		return Membership{}, err
	}
	if w.Kind == "DYNAMIC" {
		return Membership{}, fault.New(fault.InvalidArguments, "A filter chooses the members of list %s, so they cannot be added or removed by hand. Change the records, or take a manual list.", w.ID)
	}
	var got struct {
		Added   []string `json:"recordsIdsAdded"`
		Removed []string `json:"recordIdsRemoved"`
		Missing []string `json:"recordIdsMissing"`
	}
	req := map[string][]string{"recordIdsToAdd": append([]string{}, in.Add...), "recordIdsToRemove": append([]string{}, in.Remove...)}
	err = c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: listsPath + "/" + url.PathEscape(w.ID) + "/memberships/add-and-remove", JSON: req}, &got)
	if err != nil {
		return Membership{}, err
	}
	out := Membership{List: w.segment(k), Added: ids(got.Added), Removed: ids(got.Removed), Missing: ids(got.Missing)}
	if n := len(in.Add) + len(in.Remove) - len(out.Added) - len(out.Removed) - len(out.Missing); n > 0 {
		out.Note = fmt.Sprintf("%d were so already", n)
	}
	return out, nil
}

// ids are those that are ids.
func ids(given []string) []string {
	var out []string
	for _, id := range given[:min(len(given), 1000)] {
		if isRecordID(id) {
			out = append(out, id)
		}
	}
	return out
}

func (s *service) listTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_search_lists", s.searchLists),
		tools.New("hubspot_list_members", s.listMembers),
		tools.New("hubspot_update_list_members", s.updateListMembers),
	}
}
