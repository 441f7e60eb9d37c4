package salesforce

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_search", s.search)}
}

type searchIn struct {
	Text    string   `json:"text"`
	Objects []string `json:"objects"`
	Limit   int      `json:"limit"`
}

// Hits are the answer of a search. The API does not say how many there are in all.
type Hits struct {
	Records []Record `json:"records"`
	Note    string   `json:"note,omitempty"`
}

// Text is one line a record.
func (h Hits) Text() string {
	if len(h.Records) == 0 {
		return "Nothing was found." + tail(h.Note)
	}
	var lines []string
	for _, r := range h.Records {
		lines = append(lines, r.line())
	}
	return strings.Join(lines, "\n") + tail(h.Note)
}

// shortly are the fields by which a hit is known, of objects that every organization has.
var shortly = map[string][]string{
	"Account": {"Name"}, "Contact": {"Name", "Email"}, "Lead": {"Name", "Company"}, "Case": {"CaseNumber", "Subject", "Status"},
	"Opportunity": {"Name", "StageName"}, "User": {"Name", "Email"}, "Task": {"Subject", "Status"}, "Event": {"Subject"},
}

// everywhere are the objects that are looked into where none are named; not every
// user may see them all.
var everywhere = []string{"Account", "Contact", "Case", "Opportunity"}

// wanted is what is asked for of one object.
type wanted struct {
	Name   string   `json:"name"`
	Fields []string `json:"fields"`
	Limit  int      `json:"limit"`
}

// search looks for words. The text goes into a member of its own, where it is no
// language and nothing in it has to be escaped (parameterizedSearch).
func (s *service) search(ctx context.Context, c *upstream.Client, in searchIn) (Hits, error) {
	if len([]rune(strings.TrimSpace(in.Text))) < 2 {
		return Hits{}, fault.Wrong("text: give two characters at least.")
	}
	all, err := s.list(ctx, c)
	if err != nil {
		return Hits{}, err
	}
	var objects []wanted
	var hidden []string // of those that are looked into where none are named
	for i, word := range in.Objects {
		if !slices.ContainsFunc(all, func(b brief) bool { return b.Name == word }) {
			if hidden = append(hidden, word); slices.Contains(everywhere, word) && (len(objects) > 0 || i < len(in.Objects)-1) {
				continue
			}
			return Hits{}, s.noObject(ctx, c, upstream.Clean(word, 60))
		}
		if slices.ContainsFunc(objects, func(w wanted) bool { return w.Name == word }) {
			continue
		}
		fields := shortly[word]
		switch {
		case fields != nil:
		case strings.HasSuffix(word, "__c"):
			fields = []string{"Name"}
		default:
			o, err := s.object(ctx, c, word)
			if err != nil {
				return Hits{}, err
			}
			if o.nameField != "" {
				fields = []string{o.nameField}
			}
		}
		objects = append(objects, wanted{word, append([]string{"Id"}, fields...), in.Limit})
	}
	if objects == nil {
		return Hits{}, s.noObject(ctx, c, hidden[0])
	}
	var got struct {
		Records *[]row `json:"searchRecords"`
	}
	err = c.Do(ctx, upstream.Request{Path: path(c, "parameterizedSearch"), Read: true, JSON: map[string]any{
		"q": in.Text, "in": "ALL", "overallLimit": in.Limit, "sobjects": objects,
	}}, &got)
	if err != nil {
		return Hits{}, err
	}
	if got.Records == nil {
		return Hits{}, lacking("the result of the search")
	}
	rows := (*got.Records)[:min(len(*got.Records), in.Limit)]
	out := Hits{Records: []Record{}}
	page, cut := tools.Page(nil, tools.Position{}, records(c, rows, shortValue), in.Limit, "")
	out.Records = append(out.Records, page...)
	switch {
	case cut != "" || len(rows) == in.Limit:
		out.Note = fmt.Sprintf("These are the first %d; there may be more. Give more words, or fewer objects.", len(out.Records))
	case len(rows) == 0:
		out.Note = "What was written in the last minutes may not be in the index yet; salesforce_find_records with contains sees it."
	}
	if hidden != nil {
		out.Note = strings.TrimPrefix(out.Note+" This user cannot see "+strings.Join(hidden, ", ")+".", " ")
	}
	return out, nil
}
