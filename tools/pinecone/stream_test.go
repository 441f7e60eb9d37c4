package pinecone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
)

// bigFetch is an answer of the data plane as it comes: so many records of 5,000
// dimensions, each with a kilobyte of metadata. It is made while it is read.
func bigFetch(records int) io.Reader {
	r, w := io.Pipe()
	go func() {
		vector := strings.TrimSuffix(strings.Repeat("-0.012345678901234,", 5000), ",")
		text := strings.Repeat("words ", 80)
		_, err := io.WriteString(w, `{"vectors":{`)
		for i := 0; i < records && err == nil; i++ {
			comma := ","
			if i == 0 {
				comma = ""
			}
			_, err = fmt.Fprintf(w, `%s"r%d":{"id":"r%d","values":[%s],"metadata":{"text":"%s","other":"%s","n":%d}}`, comma, i, i, vector, text, text, i)
		}
		if err == nil {
			_, err = io.WriteString(w, `},"namespace":"","usage":{"readUnits":10}}`)
		}
		_ = w.CloseWithError(err)
	}()
	return r
}

// weighed is a reader that weighs the heap every so many bytes.
type weighed struct {
	r        io.Reader
	read     int
	next     int
	peak     uint64
	baseline uint64
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (w *weighed) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.read += n; w.read >= w.next {
		w.next += 256 << 10
		w.peak = max(w.peak, heap())
	}
	return n, err
}

// A 10 MB answer is read as it comes: what is held meanwhile is under three times
// what is kept in the end.
func TestLargeAnswersAreNotHeld(t *testing.T) {
	all, err := io.ReadAll(bigFetch(110))
	if err != nil {
		t.Fatal(err)
	}
	w := &weighed{r: bytes.NewReader(all), baseline: heap()}
	g := &gathered{budget: 1 << 30, kept: map[string]Record{}, dropped: map[string]bool{}}
	read := reading{list: "vectors", take: g.take}
	if err := read.from(w); err != nil {
		t.Fatal(err)
	}
	kept, peak := int(heap())-int(w.baseline), int(w.peak)-int(w.baseline)
	t.Logf("read %d kB, kept %d kB, at most %d kB held", w.read>>10, kept>>10, peak>>10)
	if w.read < 10_000_000 || len(g.kept) != 110 {
		t.Fatalf("%d bytes, %d records", w.read, len(g.kept))
	}
	if peak > 3*kept {
		t.Errorf("%d bytes held, more than three times the %d that are kept", peak, kept)
	}
	if r := g.kept["r109"]; r.Dimension != 5000 || r.Values != nil || r.Fields["n"] != json.Number("109") {
		t.Errorf("got %d, %v", r.Dimension, r.Fields["n"])
	}
	runtime.KeepAlive(g)
	runtime.KeepAlive(all)
}

// The same through the whole tool, with the budget of an answer.
func TestLargeFetch(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if strings.HasPrefix(r.URL.Path, "/indexes") {
			_, _ = fmt.Fprintf(rw, `{"name":"x","host":%q,"status":{"ready":true,"state":"Ready"},"dimension":5000,"vector_type":"dense","metric":"cosine","spec":{}}`, r.Host)
			return
		}
		_, _ = io.Copy(rw, bigFetch(100))
	}))
	defer s.Close()
	w := &world{t: t, svc: newService(time.Now, atOnce), url: s.URL, key: "k"}
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf(`"r%d"`, i))
	}
	args := `{"index":"x","ids":[` + strings.Join(ids, ",") + `]`
	got := must[Records](w, "pinecone_fetch_records", args+`}`)
	raw, _ := json.Marshal(got)
	if len(got.Records)+len(got.Dropped) != 100 || len(got.Dropped) == 0 || len(raw) > 60_000 || len(got.Missing) != 0 {
		t.Errorf("%d records, %d dropped, %d missing, %d bytes", len(got.Records), len(got.Dropped), len(got.Missing), len(raw))
	}
	got = must[Records](w, "pinecone_fetch_records", args+`,"include_values":true}`)
	raw, _ = json.Marshal(got)
	if len(got.Records) != 1 || len(got.Records[0].Values) != 5000 || len(raw) > 120_000 || len(got.Text()) > 10_000 {
		t.Errorf("%d records, %d bytes, text %d", len(got.Records), len(raw), len(got.Text()))
	}
}

// Documents are read in the same way, their vectors under the names of the schema.
func TestLargeDocuments(t *testing.T) {
	vector := strings.TrimSuffix(strings.Repeat("0.5,", 5000), ",")
	answer := func(rw http.ResponseWriter, list string) {
		begin, end, sep := `{"documents":{`, `}}`, func(i int) string { return fmt.Sprintf(`"d%d":`, i) }
		if list == "matches" {
			begin, end, sep = `{"matches":[`, `]}`, func(int) string { return "" }
		}
		_, _ = io.WriteString(rw, begin)
		for i := range 50 {
			if i > 0 {
				_, _ = io.WriteString(rw, ",")
			}
			_, _ = fmt.Fprintf(rw, `%s{"_id":"d%d","_score":%d,"vec":[%s],"title":"t%d","values":["a","b"]}`, sep(i), i, 50-i, vector, i)
		}
		_, _ = io.WriteString(rw, end)
	}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasPrefix(r.URL.Path, "/indexes"):
			_, _ = fmt.Fprintf(rw, `{"name":"x","host":%q,"status":{"ready":true,"state":"Ready"},"spec":{},"schema":{"fields":{"vec":{"type":"dense_vector","dimension":5000,"metric":"cosine"},"title":{"type":"string","full_text_search":{}}}}}`, r.Host)
		case strings.HasSuffix(r.URL.Path, "/search"):
			answer(rw, "matches")
		default:
			answer(rw, "documents")
		}
	}))
	defer s.Close()
	w := &world{t: t, svc: newService(time.Now, atOnce), url: s.URL, key: "k"}
	got := must[Documents](w, "pinecone_search_documents", `{"index":"x","query":"t","top_k":50}`)
	if len(got.Hits) != 50 || got.Hits[0].ID != "d0" || got.Hits[0].Score != 50 || got.Hits[0].Fields["vec"] != nil || got.Hits[0].Fields["values"] != `["a","b"]` {
		t.Errorf("%d hits: %+v", len(got.Hits), got.Hits[0])
	}
	recs := must[Records](w, "pinecone_fetch_records", `{"index":"x","ids":["d0","d1"],"include_values":true}`)
	if len(recs.Records)+len(recs.Dropped) != 2 || len(recs.Records[0].Values) != 5000 {
		t.Errorf("got %d records, %v dropped", len(recs.Records), recs.Dropped)
	}
	if recs = must[Records](w, "pinecone_fetch_records", `{"index":"x","ids":["d3"]}`); recs.Records[0].Dimension != 5000 || recs.Records[0].Values != nil {
		t.Errorf("got %+v", recs.Records[0])
	}
}

func BenchmarkFetch10MB(b *testing.B) {
	all, _ := io.ReadAll(bigFetch(105))
	b.SetBytes(int64(len(all)))
	b.ReportAllocs()
	for b.Loop() {
		g := &gathered{budget: maxBudget, kept: map[string]Record{}, dropped: map[string]bool{}}
		read := reading{list: "vectors", take: g.take}
		if err := read.from(bytes.NewReader(all)); err != nil {
			b.Fatal(err)
		}
	}
}

// collect reads an answer with and without values.
func collect(body string, list string, values bool) (map[string]vectorModel, string, error) {
	all := map[string]vectorModel{}
	read := reading{list: list, values: func() bool { return values }, take: func(m vectorModel) { all[m.ID] = m }}
	err := read.from(strings.NewReader(body))
	return all, read.next, err
}

func TestReadingTellsVectorsFromWhatLooksLikeThem(t *testing.T) {
	const body = `{"namespace":"values","vectors":{
		"values":{"id":"values","values":[1, -2.5e3 ,0.1],"sparseValues":{"indices":[3],"values":[0.5]},"metadata":{"values":["a","b"],"k":"\"values\":[1,2]"}},
		"b":{"id":"b","values":[],"metadata":null}, "c":{"id":"c","values":null}},
		"pagination":{"next":"tok"},"more":{"deep":[[{"values":[1,2]}]]}}`
	got, next, err := collect(body, "vectors", true)
	if err != nil || next != "tok" || len(got) != 3 {
		t.Fatalf("%v, %q, %v", got, next, err)
	}
	m := got["values"]
	if m.Values.N != 3 || !reflect.DeepEqual(m.Values.V, []float64{1, -2500, 0.1}) || m.Sparse.own()[3] != 0.5 {
		t.Errorf("got %+v", m)
	}
	if string(m.Metadata["values"]) != `["a","b"]` || string(m.Metadata["k"]) != `"\"values\":[1,2]"` {
		t.Errorf("metadata: %s", m.Metadata)
	}
	got, _, err = collect(body, "vectors", false)
	if m := got["values"]; err != nil || m.Values.N != 3 || len(m.Values.V) != 0 {
		t.Errorf("without values: %+v, %v", m.Values, err)
	}
	got, _, err = collect(`{"matches":[{"id":"a","score":0.5,"values":[1]},{"id":"b","score":0.25}]}`, "matches", false)
	if err != nil || got["a"].Score != 0.5 || got["a"].Values.N != 1 || got["b"].Values != nil {
		t.Errorf("matches: %+v, %v", got, err)
	}
}

func TestReadingRefusesWhatIsNotTheAnswer(t *testing.T) {
	for _, body := range []string{
		``, `[]`, `null`, `{`, `{"vectors":`, `{"vectors":{"a":{"values":[1,2`, `{"vectors":{"a":{"values":[1,"x"]}}}`,
		`{"vectors":{"a":{"values":[[1]]}}}`, `{"vectors":7}`, `{"vectors":{"a":7}}`, `{"vectors":{"a":{"metadata":[]}}}`,
		`{"vectors":{"a":{"id":7}}}`, `{"vectors":{"a":{"values":"x"}}}`, `<html>`, `{"pagination":{"next":7}}`,
		`{"vectors":{"a":{"values":[` + strings.Repeat("1,", maxNumbers+1) + `1]}}}`,
	} {
		_, _, err := collect(body, "vectors", true)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.UpstreamError {
			t.Errorf("%.60s: %v", body, err)
		}
	}
	cut := errors.New("cut off")
	read := reading{list: "vectors"}
	if err := read.from(io.MultiReader(strings.NewReader(`{"vectors":{`), broken{cut})); !errors.Is(err, cut) {
		t.Errorf("what the transport says stays: %v", err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// Whatever the bytes: no panic, one typed error or the same as an ordinary decoder.
func FuzzReading(f *testing.F) {
	f.Add(`{"vectors":{"a":{"id":"a","values":[1,2],"metadata":{"values":[1]}}},"pagination":{"next":"x"}}`, false)
	f.Add(`{"vectors":{"values":{"values":[0.5e1,-3]}}}`, true)
	f.Fuzz(func(t *testing.T, body string, values bool) {
		got, _, err := collect(body, "vectors", values)
		if err != nil {
			var typed *fault.Error
			if !errors.As(err, &typed) {
				t.Errorf("an untyped error: %v", err)
			}
			return
		}
		var plain struct {
			Vectors map[string]struct {
				Values   []float64                  `json:"values"`
				Metadata map[string]json.RawMessage `json:"metadata"`
			} `json:"vectors"`
		}
		if json.Unmarshal([]byte(body), &plain) != nil || strings.Count(body, `"vectors"`) != 1 || strings.Contains(body, `\`) {
			return
		}
		delete(plain.Vectors, "") // the id within stands for it
		for id, v := range plain.Vectors {
			m := got[id]
			if m.Values != nil && m.Values.N != len(v.Values) || values && m.Values != nil && len(v.Values) > 0 && !reflect.DeepEqual(m.Values.V, v.Values) {
				t.Errorf("%q: %v, an ordinary decoder has %v", id, m.Values, v.Values)
			}
			same := func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }
			if strings.Count(body, `"metadata"`) == len(got) && !maps.EqualFunc(m.Metadata, v.Metadata, same) {
				t.Errorf("%q: metadata %s, want %s", id, m.Metadata, v.Metadata)
			}
		}
	})
}
