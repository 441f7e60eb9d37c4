package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const maxBatch = 100 // records of one request of HubSpot's

// wireBatch is the answer to a batch, HTTP 200, 201 or, where some rows failed,
// 207 (developers.hubspot.com/docs/api-reference/error-handling, multi-status).
type wireBatch struct {
	Results []wireRecord `json:"results"`
	Errors  []wireRow    `json:"errors"`
	Count   int          `json:"numErrors"`
}

// wireRow is what went wrong with one row or several of a batch.
type wireRow struct {
	Message  string                     `json:"message"`
	Category string                     `json:"category"`
	Context  map[string]json.RawMessage `json:"context"`
	Errors   []struct {
		Message string `json:"message"`
	} `json:"errors"`
}

// Written is what a batch did.
type Written struct {
	Done   int     `json:"done"`
	Rows   []Row   `json:"records"`
	Failed []NotOK `json:"failed,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// Row is a record that was written.
type Row struct {
	ID      string `json:"id"`
	Key     string `json:"key,omitempty"`     // by which it was named, where that is not the id
	Name    string `json:"name,omitempty"`    // of a new record
	Created bool   `json:"created,omitempty"` // it was not there before
}

// NotOK is a row that was not written.
type NotOK struct {
	Row   int    `json:"row,omitempty"` // of the records given, from 1; 0: HubSpot did not say
	ID    string `json:"id,omitempty"`
	Error string `json:"error"`
}

// Text is one line a row.
func (w Written) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d done, %d failed", w.Done, len(w.Failed))
	for _, r := range w.Rows {
		b.WriteString("\n" + r.ID)
		if r.Key != "" {
			b.WriteString(" " + upstream.Quote(r.Key))
		}
		if r.Name != "" {
			b.WriteString(" " + upstream.Quote(r.Name))
		}
		if r.Created {
			b.WriteString(" created")
		}
	}
	for _, f := range w.Failed {
		b.WriteString("\nfailed")
		if f.Row > 0 {
			fmt.Fprintf(&b, ": record %d", f.Row)
		}
		if f.ID != "" {
			b.WriteString(" " + upstream.Quote(f.ID))
		}
		b.WriteString(": " + upstream.Quote(f.Error))
	}
	return b.String() + more("", w.Note)
}

// input is a row of a batch as HubSpot wants it. Trace comes back with what became
// of the row.
type input struct {
	ID           string            `json:"id,omitempty"`
	IDProperty   string            `json:"idProperty,omitempty"`
	Trace        string            `json:"objectWriteTraceId,omitempty"`
	Properties   map[string]string `json:"properties"`
	Associations []wireAssociation `json:"associations,omitempty"`
}

// write makes a batch of any length, a hundred rows a request. A request that fails
// as a whole is the failure of its rows where others have been written already:
// a failure of the call would hide those.
func (s *service) write(ctx context.Context, c *upstream.Client, k kind, verb string, rows []input, shownKey bool) (Written, error) {
	out := Written{Rows: []Row{}}
	for from := 0; from < len(rows); from += maxBatch {
		part := rows[from:min(from+maxBatch, len(rows))]
		for i := range part {
			part[i].Trace = strconv.Itoa(from + i + 1)
		}
		var got wireBatch
		err := c.Do(ctx, upstream.Request{Path: k.path("batch") + "/" + verb, JSON: map[string]any{"inputs": part}}, &got)
		if err != nil {
			err = s.explain(ctx, c, k, all(part), err)
			f := fault.From(err)
			if ctx.Err() != nil {
				return out, ended(ctx, from, len(rows))
			}
			if out.Done == 0 {
				return out, err
			}
			for i, row := range part {
				out.Failed = append(out.Failed, NotOK{from + i + 1, row.ID, f.Message})
			}
			if !f.NotSent { // the others would fare no better
				out.Note = fmt.Sprintf("stopped after record %d; of records %d to %d it is not known whether they were written", from, from+1, from+len(part))
				break
			}
			continue
		}
		out.add(k, part, got, shownKey)
		c.Progress(float64(from+len(part)), float64(len(rows)), "records written")
	}
	out.Note = notes(out.Note, lags)
	return out, nil
}

// ended is the failure of a batch whose time is up, or which nobody waits for any
// more; nil where it can go on.
func ended(ctx context.Context, done, of int) error {
	if ctx.Err() == nil {
		return nil
	}
	f := fault.From(ctx.Err())
	if done > 0 {
		g := *f
		g.Message = fmt.Sprintf("Stopped: the first %d of %d records are done, the next ones may be. Look at record %d before going on from there.", done, of, done+1)
		g.Retryable = false
		return &g
	}
	return f
}

// all are the properties of all rows, one value each.
func all(rows []input) map[string]string {
	out := map[string]string{}
	for _, r := range rows {
		for p, v := range r.Properties {
			out[p] = v
		}
	}
	return out
}

// add takes in what became of the rows of one request.
func (w *Written) add(k kind, part []input, got wireBatch, shownKey bool) {
	settled := map[string]bool{}
	byTrace := map[string]input{}
	for _, row := range part {
		byTrace[row.Trace] = row
	}
	for _, r := range got.Results[:min(len(got.Results), len(part))] {
		if !isRecordID(r.ID) {
			continue
		}
		row := Row{ID: r.ID, Created: r.New}
		given, ok := byTrace[r.Trace]
		settled[r.Trace] = ok
		if shownKey && ok && given.ID != r.ID {
			row.Key = upstream.Clean(given.ID, 200)
		}
		if given.ID == "" { // it is new
			var parts []string
			for _, p := range k.title {
				if v := r.Properties[p]; v != nil && *v != "" {
					parts = append(parts, *v)
				}
			}
			row.Name = upstream.Clean(strings.Join(parts, " "), 120)
		}
		w.Rows, w.Done = append(w.Rows, row), w.Done+1
	}
	for _, e := range got.Errors[:min(len(got.Errors), len(part))] {
		said := e.said()
		traces := e.list("objectWriteTraceId")
		ids := e.list("ids", "id")
		switch {
		case len(traces) > 0:
			for _, t := range traces {
				n, _ := strconv.Atoi(t)
				settled[t] = true
				w.Failed = append(w.Failed, NotOK{n, upstream.Clean(byTrace[t].ID, 200), said})
			}
		case len(ids) > 0:
			for _, id := range ids {
				n := 0
				if i := slices.IndexFunc(part, func(in input) bool { return in.ID == id }); i >= 0 {
					settled[part[i].Trace] = true
					n, _ = strconv.Atoi(part[i].Trace)
				}
				w.Failed = append(w.Failed, NotOK{n, upstream.Clean(id, 200), said})
			}
		default:
			w.Failed = append(w.Failed, NotOK{Error: said})
		}
	}
}

// said is what HubSpot says of the row.
func (e wireRow) said() string {
	parts := []string{e.Message}
	for _, d := range e.Errors[:min(len(e.Errors), 3)] {
		if d.Message != "" && !strings.Contains(e.Message, d.Message) {
			parts = append(parts, d.Message)
		}
	}
	if text := upstream.Clean(strings.Join(parts, "; "), maxSaid); text != "" {
		return text
	}
	if codeForm.MatchString(e.Category) {
		return e.Category
	}
	return "HubSpot did not say why"
}

// list is the first of these lists of texts in the context of the row.
func (e wireRow) list(names ...string) []string {
	for _, name := range names {
		var many []string
		var one string
		if json.Unmarshal(e.Context[name], &many) == nil && len(many) > 0 {
			return many[:min(len(many), maxBatch)]
		}
		if json.Unmarshal(e.Context[name], &one) == nil && one != "" {
			return []string{one}
		}
	}
	return nil
}
