package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"toolvault/tools/fault"
)

// elements reads all elements of an array as numbers.
func elements(doc, path string, beside ...Beside) ([]int, error) {
	var got []int
	err := Items(iotest.HalfReader(strings.NewReader(doc)), path, func(dec *json.Decoder) error {
		var n int
		err := dec.Decode(&n)
		got = append(got, n)
		return err
	}, beside...)
	return got, err
}

func TestItems(t *testing.T) {
	for name, tt := range map[string]struct {
		doc, path string
		want      []int
	}{
		"the document":        {` [1, 2,3] `, "", []int{1, 2, 3}},
		"a member":            {`{"total":9,"results":[1,2],"paging":{"next":{"after":"2"}}}`, "results", []int{1, 2}},
		"a member of another": {`{"data":{"cols":[{"rows":[7]}],"rows":[4,5]},"rows":[6]}`, "data.rows", []int{4, 5}},
		"three deep":          {`{"a":{"b":{"c":[1]}}}`, "a.b.c", []int{1}},
		"empty":               {`{"results":[]}`, "results", nil},
		"null":                {`{"results":null}`, "results", nil},
		"null on the way":     {`{"data":null}`, "data.rows", nil},
		"absent":              {`{"data":{},"x":[1]}`, "data.rows", nil},
		"other case":          {`{"Results":[1]}`, "results", nil},
		"a name with a dot":   {`{"data.rows":[9],"data":{"rows":[1]}}`, "data.rows", []int{1}},
		"an escaped name":     {`{"r\u0065sults":[3]}`, "results", []int{3}},
	} {
		got, err := elements(tt.doc, tt.path)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v %v, want %v", name, got, err, tt.want)
		}
	}
}

func TestMembersBesideItems(t *testing.T) {
	var total int
	var after, status string
	cols := []string{"kept where nothing is said"}
	missing := "kept"
	doc := `{"total":12,"big":` + strings.Repeat(`{"a":[`, 200) + "1" + strings.Repeat(`]}`, 200) + `,
		"data":{"rows":[1],"cols":["id","name"],"rows_truncated":2000},"paging":{"next":{"after":"c2","link":"x"}},"status":"failed"}`
	got, err := elements(doc, "data.rows",
		Beside{"total": &total, "paging.next.after": &after, "status": &status}, Beside{"data.cols": &cols, "none": &missing, "paging.prev.before": &missing})
	if err != nil || len(got) != 1 || total != 12 || after != "c2" || status != "failed" || len(cols) != 2 || missing != "kept" {
		t.Errorf("%v %v: total %d, after %q, status %q, cols %v, missing %q", got, err, total, after, status, cols, missing)
	}
}

// What a reader does not decode is skipped, so that what follows can be had;
// ErrEnough leaves the rest unread; any other error is the answer.
func TestItemsThatAreNotWanted(t *testing.T) {
	doc := `{"rows":[{"n":1},{"n":2},{"n":{"deep":[1,2,{"x":"]"}]}},[],null,"s",7],"status":"completed"}`
	var status string
	seen, kept := 0, 0
	err := Items(strings.NewReader(doc), "rows", func(dec *json.Decoder) error {
		if seen++; seen == 2 {
			kept++
			return dec.Decode(&struct{}{})
		}
		return nil
	}, Beside{"status": &status})
	if err != nil || seen != 7 || kept != 1 || status != "completed" {
		t.Errorf("%v: saw %d, kept %d, status %q", err, seen, kept, status)
	}

	var read bytes.Buffer
	seen = 0
	long := `{"rows":[` + strings.Repeat(`"0123456789",`, 100_000) + `1]}`
	err = Items(io.TeeReader(strings.NewReader(long), &read), "rows", func(dec *json.Decoder) error {
		if seen++; seen == 10 {
			return ErrEnough
		}
		return nil
	})
	if err != nil || seen != 10 || read.Len() > 10_000 {
		t.Errorf("%v: saw %d, read %d bytes", err, seen, read.Len())
	}

	own := errors.New("own")
	if _, err := elements(`[1]`, ""); err != nil {
		t.Error(err)
	}
	if err := Items(strings.NewReader(`[1]`), "", func(*json.Decoder) error { return own }); !errors.Is(err, own) {
		t.Errorf("got %v", err)
	}
	said := fault.New(fault.NotFound, "no such row")
	if err := Items(strings.NewReader(`[1]`), "", func(*json.Decoder) error { return fmt.Errorf("row: %w", said) }); failure(t, err) != said {
		t.Errorf("got %v", err)
	}
}

func TestDocumentsThatAreNoGood(t *testing.T) {
	huge := strings.Repeat("x", 3*maxItem)
	for name, doc := range map[string]string{
		"empty":                   ``,
		"HTML":                    `<html>Sign in to the hotel's network</html>`,
		"cut in an element":       `{"results":[1,2`,
		"cut after an element":    `{"results":[1,`,
		"cut behind the array":    `{"results":[1],"next":`,
		"cut before the array":    `{"other":{"a":[1`,
		"not closed":              `{"results":[1]`,
		"doubled":                 `{"results":[1]}{"results":[1]}`,
		"more behind":             `{"results":[1]} x`,
		"twice":                   `{"results":[1],"results":[2]}`,
		"an object":               `{"results":{"a":1}}`,
		"a string":                `{"results":"none"}`,
		"an array for an object":  `[{"results":[1]}]`,
		"a string for an object":  `"results"`,
		"an element of no number": `{"results":[1,"two"]}`,
		"a broken number":         `{"results":[1e]}`,
		"a large element":         `{"results":["` + huge + `"]}`,
		"a large member skipped":  `{"other":"` + huge + `","results":[1]}`,
		"a large name":            `{"` + huge + `":1,"results":[1]}`,
		"a large member wanted":   `{"wanted":["` + strings.Repeat(`x","`, maxItem/2) + `"],"results":[1]}`,
		"nested, skipped":         `{"other":` + strings.Repeat("[", 100_000),
		"nested, an element":      `{"results":[` + strings.Repeat("[", 100_000),
		"nested, objects":         `{"other":` + strings.Repeat(`{"a":`, 100_000),
		"a bad escape":            `{"results":[1],"x":"\u12"}`,
		"a control character":     "{\"results\":[1],\"x\":\"\n\"}",
		"no comma":                `{"results":[1 2]}`,
	} {
		var wanted []string
		_, err := elements(doc, "results", Beside{"wanted": &wanted})
		if err == nil {
			t.Errorf("%s: nothing is said", name)
			continue
		}
		f := failure(t, err)
		if f.Kind != fault.UpstreamError || f.Retryable || !strings.HasPrefix(f.Message, "The service answered with something that is not the JSON it should be. ") || len(f.Error()) > 600 {
			t.Errorf("%s: %v", name, f)
		}
	}
	// An element that is not looked at is bounded too.
	err := Items(strings.NewReader(`["`+huge+`"]`), "", func(*json.Decoder) error { return nil })
	if f := failure(t, err); f.Kind != fault.UpstreamError {
		t.Error(err)
	}
	// What keeps the bytes from coming is not the document's fault.
	broken := errors.New("connection reset")
	err = Items(io.MultiReader(strings.NewReader(`{"results":[1`), iotest.ErrReader(broken)), "results", func(dec *json.Decoder) error { return dec.Decode(new(int)) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// Through the client: a service that says in a 2xx that it failed, an answer that
// is cut off by the bound or by the service, and whose it was.
func TestItemsOfAnAnswer(t *testing.T) {
	body := ""
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, body)
	})
	c.Conceal(maskHidden)
	var rows [][]string
	ask := func(most int64) error {
		rows = nil
		return c.Do(within(t), Request{Path: "/x", Read: true, MaxBytes: most, Stream: func(r io.Reader) error {
			var status, reason string
			err := Items(r, "data.rows", func(dec *json.Decoder) error {
				rows = append(rows, nil)
				return dec.Decode(&rows[len(rows)-1])
			}, Beside{"status": &status, "error": &reason})
			if err == nil && status == "failed" {
				return fault.New(fault.InvalidArguments, "The query failed: %s", Clean(reason, 200))
			}
			return err
		}}, nil)
	}
	body = `{"data":{"rows":[["a","` + hidden + `"],["b","c"]]},"status":"completed"}`
	if err := ask(0); err != nil || len(rows) != 2 || rows[0][1] != "****" {
		t.Errorf("%v %v", rows, err)
	}
	body = `{"error":"no such table","data":{"rows":[]},"status":"failed"}`
	if f := failure(t, ask(0)); f.Kind != fault.InvalidArguments || f.Message != "The query failed: no such table" || f.Status != 202 {
		t.Errorf("%+v", f)
	}
	body = `{"data":{"rows":[["a","b"],["c"`
	if f := failure(t, ask(0)); f.Kind != fault.UpstreamError || f.Status != 202 || !strings.Contains(f.Message, "acme answered with something that is not the JSON it should be (HTTP 202)") {
		t.Errorf("%+v", f)
	}
	body = `{"data":{"rows":[` + strings.Repeat(`["a","b"],`, 1000) + `["c"]]}}`
	if f := failure(t, ask(500)); f.Kind != fault.UpstreamError || !strings.Contains(f.Message, "acme is larger than 500 bytes") {
		t.Errorf("%+v", f)
	}
}

// An answer of 10 MB takes memory for what is kept of it, and little more.
func TestItemsHoldNoMoreThanIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: it reads 10 MB")
	}
	row := `{"id":123456,"name":"` + strings.Repeat("n", 60) + `","notes":"` + strings.Repeat("x", 400) + `"},`
	rows := (10 << 20) / len(row)
	doc := io.MultiReader(strings.NewReader(`{"data":{"rows":[`), &repeated{text: row, left: rows}, strings.NewReader(`{}]},"status":"completed"}`))
	type slim struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	var kept []slim
	err := Items((&Client{mask: maskHidden}).concealedStream(doc), "data.rows", func(dec *json.Decoder) error {
		if len(kept)%2000 == 0 {
			runtime.GC() // what is reachable, and not what waits to be collected
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapAlloc-min(after.HeapAlloc, before.HeapAlloc))
		}
		kept = append(kept, slim{})
		return dec.Decode(&kept[len(kept)-1])
	})
	if err != nil || len(kept) != rows+1 {
		t.Fatal(len(kept), err)
	}
	size := uint64(len(kept)) * (24 + 60)
	t.Logf("of 10 MB %d kB are kept, and at most %d kB were reachable", size>>10, peak>>10)
	if peak > 3*size {
		t.Errorf("at most %d kB were reachable, while %d kB are kept", peak>>10, size>>10)
	}
	runtime.KeepAlive(kept)
}

// repeated is a text so many times.
type repeated struct {
	text string
	left int
	rest string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.rest = r.text
		r.left--
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// FuzzItems: any bytes give elements or one fault, and where encoding/json reads
// the whole document, the elements are the same.
func FuzzItems(f *testing.F) {
	for _, doc := range []string{
		`{"data":{"rows":[1,{"a":[2]},null]},"status":"x"}`, `[1,2]`, `{"data":{"rows":[`, `{"data":[]}`, `{"data":{"rows":{}}}`, `{"status":{"a":1}}`, "", "null",
		`{"data":{"rows":[1]},"data":{"rows":[2]}}`, `{"data.rows":[1]}`,
	} {
		for _, path := range []string{"data.rows", "", "data", "a..b"} {
			f.Add([]byte(doc), path, 2)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte, path string, skip int) {
		var got []any
		var status any
		n := 0
		err := Items(bytes.NewReader(doc), path, func(dec *json.Decoder) error {
			if n++; skip > 0 && n%(skip%5+2) == 0 {
				got = append(got, nil)
				return nil
			}
			var v any
			err := dec.Decode(&v)
			got = append(got, v)
			return err
		}, Beside{"status": &status})
		if err != nil {
			if failure(t, err).Kind != fault.UpstreamError {
				t.Fatalf("%v", err)
			}
			return
		}
		if !json.Valid(doc) {
			t.Fatalf("no document, and nothing is said: %q", doc)
		}
		var whole any
		_ = json.Unmarshal(doc, &whole)
		if path != "" {
			for _, name := range strings.Split(path, ".") {
				m, _ := whole.(map[string]any)
				whole = m[name]
			}
		}
		list, _ := whole.([]any)
		if len(list) != len(got) {
			t.Fatalf("%d elements, want %d of %q at %q", len(got), len(list), doc, path)
		}
		for i, v := range got {
			if v != nil && !reflect.DeepEqual(v, list[i]) {
				t.Fatalf("element %d is %v, want %v", i, v, list[i])
			}
		}
	})
}
