package metabase

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

// exporting answers an export with a body, and all else as the double does.
func exporting(t *testing.T, body func() string) *world {
	double := sandbox.NewMetabase()
	return against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/query/") {
			_, _ = io.WriteString(rw, body())
			return
		}
		double.ServeHTTP(rw, r)
	}))
}

// An export in parts is the export at once: no row is cut, none lost, none twice.
func TestExportInParts(t *testing.T) {
	var rows []string
	for i := range 400 {
		rows = append(rows, fmt.Sprintf(`%d,"a ""quoted"" text`+"\n"+`of two lines, %d"`, i, i*i))
	}
	text := "id,text\n" + strings.Join(rows, "\n") + "\n"
	var objects []string
	for i := range 400 {
		objects = append(objects, fmt.Sprintf(`{"id":%d,"n":%d,"text":"a \"quoted\" text\nof two lines"}`, i, 9007199254740993+i))
	}
	for format, body := range map[string]string{"csv": text, "json": "[" + strings.Join(objects, ",") + "]"} {
		w := exporting(t, func() string { return body })
		var all strings.Builder
		var list []json.RawMessage
		parts, count := 0, 0
		for cursor := ""; ; parts++ {
			e := must[Export](w, "metabase_export_question", `{"id":101,"format":"`+format+`","max_bytes":3000,"cursor":"`+cursor+`"}`)
			if raw, _ := json.Marshal(e.Content); len(raw) > 3200 {
				t.Errorf("%s: a part of %d bytes", format, len(raw))
			}
			count += e.Rows
			all.WriteString(e.Content)
			if format == "json" {
				var some []json.RawMessage
				if err := json.Unmarshal([]byte(e.Content), &some); err != nil || len(some) != e.Rows {
					t.Fatalf("part %d: %v in %s", parts, err, e.Content)
				}
				list = append(list, some...)
			}
			if cursor = e.Next; cursor == "" {
				break
			}
		}
		if count != 400 || parts < 5 {
			t.Errorf("%s: %d rows in %d parts", format, count, parts)
		}
		if format == "json" {
			if raw, _ := json.Marshal(list); len(list) != 400 || !strings.Contains(string(raw), "9007199254741392") {
				t.Errorf("%d objects", len(list))
			}
			continue
		}
		read, err := csv.NewReader(strings.NewReader(all.String())).ReadAll()
		if err != nil || len(read) != 401 || read[400][1] != "a \"quoted\" text\nof two lines, 159201" {
			t.Errorf("%v: %d lines", err, len(read))
		}
	}
}

func TestExportFailures(t *testing.T) {
	body := "a\n1\n2\n"
	w := exporting(t, func() string { return body })
	body = "a\n" + strings.Repeat(strings.Repeat("x", 800)+"\n", 10)
	first := must[Export](w, "metabase_export_question", `{"id":101,"max_bytes":1000}`)
	if first.Rows != 1 || !first.Truncated {
		t.Fatalf("got %+v", first)
	}
	body = "a\n" + strings.Repeat(strings.Repeat("y", 800)+"\n", 10)
	w.refused(fault.Conflict, "has changed", "metabase_export_question", `{"id":101,"max_bytes":1000,"cursor":"`+first.Next+`"}`)
	body = "a\n"
	w.refused(fault.Conflict, "has changed", "metabase_export_question", `{"id":101,"max_bytes":1000,"cursor":"`+first.Next+`"}`)
	body = "a\n" + strings.Repeat("x", maxLine+1)
	w.refused(fault.UpstreamError, "longer than", "metabase_export_question", `{"id":101}`)
	body = `{"status":"failed","error":"relation \"x\" does not exist","error_type":"invalid-query","via":[{"trace":"SECRET"}]}`
	for _, format := range []string{"csv", "json"} {
		w.refused(fault.InvalidArguments, "does not exist", "metabase_export_question", `{"id":101,"format":"`+format+`"}`)
	}
	body = `[{"a":1},{"a"`
	w.refused(fault.UpstreamError, "", "metabase_export_question", `{"id":101,"format":"json"}`)
	body = ""
	if e := must[Export](w, "metabase_export_question", `{"id":101}`); e.Rows != 0 || e.Truncated {
		t.Errorf("empty: %+v", e)
	}
	w.refused(fault.UpstreamError, "nothing", "metabase_export_question", `{"id":101,"format":"json"}`)
}

// A million rows are not read to show a few.
func TestExportStopsWhenThereIsEnough(t *testing.T) {
	read := 0
	e := &export{want: portion{}, room: 1000, sum: sha256.New()}
	err := e.csv(readerFunc(func(p []byte) (int, error) {
		read += len(p)
		if read > 1<<20 {
			return 0, io.ErrUnexpectedEOF
		}
		for i := range p {
			p[i] = "12345678,x\n"[i%11]
		}
		return len(p) / 11 * 11, nil
	}))
	if err != nil || !e.more || read > 64<<10 {
		t.Errorf("%v: read %d bytes", err, read)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
