package metabase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// endless is an answer whose rows do not end; it counts what was read.
type endless struct {
	head string
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.head != "" {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.read > 4<<20 {
		return 0, io.ErrUnexpectedEOF // so that a reader without an end fails, and does not hang
	}
	const row = `,[1,"x"]`
	n := copy(p, strings.Repeat(row, max(1, len(p)/len(row))))
	e.read += n
	return n, nil
}

func TestReadingStopsWhenThereIsEnough(t *testing.T) {
	for name, c := range map[string]struct {
		head     string
		expected int
	}{
		"columns known from an earlier run": {`{"data":{"rows":[[0,"x"]`, 2},
		"columns before rows":               {`{"data":{"cols":[{"name":"a"},{"name":"b"}],"rows":[[0,"x"]`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := &endless{head: c.head}
			got, err := readRows(e, portion{limit: 3, expected: c.expected})
			if err != nil || len(got.rows) != 3 || !got.more {
				t.Fatalf("got %+v, %v", got, err)
			}
			if e.read > 64<<10 {
				t.Errorf("read %d bytes", e.read)
			}
		})
	}
}

func TestReadingWithUnknownColumnsIsBounded(t *testing.T) {
	e := &endless{head: `{"data":{"rows":[[0,"x"]`}
	got, err := readRows(io.LimitReader(e, 1<<20), portion{limit: 3, expected: 0})
	if err != nil || len(got.rows) != 3 || !got.more {
		t.Fatalf("got %+v, %v", got, err)
	}
	if out := got.answer(nil, portion{}, nil); len(out.Columns) != 2 || out.Columns[1].Name != "column 2" || !out.Truncated {
		t.Errorf("got %+v", out)
	}
}

func TestReadRowsJudgesAnswers(t *testing.T) {
	for _, c := range []struct {
		name, body string
		kind       fault.Kind // "": it worked
		says       string
	}{
		{"rows first", `{"data":{"rows":[[1]],"cols":[{"name":"a"}]},"status":"completed"}`, "", ""},
		{"status first", `{"status":"completed","error":null,"data":{"cols":[],"rows":[]}}`, "", ""},
		{"failed", `{"status":"failed","error":"boom","via":[{"trace":"SECRET"}],"data":{"rows":[],"cols":[]}}`, fault.UpstreamError, "boom"},
		{"failed, status last", `{"data":{"rows":[],"cols":[]},"error":"boom","status":"failed"}`, fault.UpstreamError, "boom"},
		{"failed after rows", `{"data":{"rows":[[1]],"cols":[{"name":"a"}]},"status":"failed","error":"boom"}`, fault.UpstreamError, "boom"},
		{"failed without a word", `{"data":{"rows":[[1]],"cols":[{"name":"a"}]},"status":"failed"}`, fault.UpstreamError, "failed"},
		{"error without status", `{"error":"boom"}`, fault.UpstreamError, "boom"},
		{"error is an object", `{"status":"failed","error":{"trace":"SECRET"}}`, fault.UpstreamError, "failed"},
		{"invalid query", `{"status":"failed","error":"x","error_type":"invalid-query"}`, fault.InvalidArguments, "correct it"},
		{"SQLSTATE 42", `{"status":"failed","error":"x","state":"42S22"}`, fault.InvalidArguments, "correct it"},
		{"permissions", `{"status":"failed","error":"x","error_type":"missing-required-permissions"}`, fault.NotPermitted, "grant"},
		{"timed out", `{"status":"failed","error":"x","error_type":"timed-out"}`, fault.Timeout, "too long"},
		{"nothing", `{}`, fault.UpstreamError, "failed"},
		{"empty", ``, fault.UpstreamError, "breaks off"},
		{"half", `{"data":{"rows":[[1],[2`, fault.UpstreamError, "breaks off"},
		{"a page", `<!DOCTYPE html>`, fault.UpstreamError, "base_url"},
		{"a list", `[1]`, fault.UpstreamError, "base_url"},
		{"rows is no list", `{"data":{"rows":7}}`, fault.UpstreamError, "base_url"},
		{"a row is no list", `{"data":{"rows":[7]}}`, fault.UpstreamError, "base_url"},
		{"data is null", `{"data":null,"status":"completed"}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readRows(strings.NewReader(c.body), portion{limit: 10, expected: 0})
			if c.kind == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != c.kind || !strings.Contains(f.Message, c.says) || strings.Contains(f.Message, "SECRET") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestValuesAreExactCleanAndBounded(t *testing.T) {
	long := strings.Repeat("y", 5000)
	body := `{"data":{"rows":[[9007199254740993,1.50,"9007199254740993",null,true,{"a":[1]},"\u202ex\u0000\u001b[2J` + long + `"]],"cols":[{"name":"A\u202e","base_type":"type/BigInteger"}]},"status":"completed"}`
	got, err := readRows(strings.NewReader(body), portion{limit: 10, expected: 0})
	if err != nil {
		t.Fatal(err)
	}
	out := got.answer(nil, portion{}, nil)
	row := out.Rows[0]
	raw, _ := json.Marshal(row[:6])
	if want := `[9007199254740993,1.50,"9007199254740993",null,true,"{\"a\":[1]}"]`; string(raw) != want {
		t.Errorf("got %s", raw)
	}
	if s := row[6].(string); utf8.RuneCountInString(s) != maxValue || !strings.Contains(s, "yyy") || strings.ContainsAny(s, "\u202e\x00\x1b") {
		t.Errorf("text: %.20q, %d", s, utf8.RuneCountInString(s))
	}
	if !strings.HasPrefix(out.Columns[0].Name, "A") || strings.Contains(out.Columns[0].Name, "\u202e") || out.Columns[0].Type != "BigInteger" || len(out.Columns) != 7 {
		t.Errorf("columns: %+v", out.Columns)
	}
}

func TestManyWideRowsAreBounded(t *testing.T) {
	row := `["` + strings.Repeat("w", 400) + `"` + strings.Repeat(`,"v"`, 150) + `]`
	body := `{"data":{"rows":[` + strings.Repeat(row+",", 499) + row + `],"cols":[{"name":"a"}]},"status":"completed"}`
	got, err := readRows(strings.NewReader(body), portion{limit: 500, expected: 0})
	if err != nil {
		t.Fatal(err)
	}
	out := got.answer(nil, portion{}, nil)
	if raw, _ := json.Marshal(out); len(raw) > 3*maxRows || !out.Truncated || len(out.Rows[0]) != maxColumns || out.Count != len(out.Rows) {
		t.Errorf("%d bytes, %d rows of %d", len(raw), len(out.Rows), len(out.Rows[0]))
	}
}

func FuzzReadRows(f *testing.F) {
	f.Add(`{"data":{"rows":[[1,"a"]],"cols":[{"name":"a"}]},"status":"completed"}`, 1, 1)
	f.Add(`{"status":"failed","error":"x"}`, 5, 0)
	f.Fuzz(func(t *testing.T, body string, limit, expected int) {
		limit, expected = 1+abs(limit)%500, abs(expected)%200
		got, err := readRows(strings.NewReader(body), portion{limit: limit, expected: expected})
		if err != nil {
			var f *fault.Error
			if !errors.As(err, &f) {
				t.Errorf("not a fault: %v", err)
			}
			return
		}
		out := got.answer(nil, portion{}, nil)
		if len(out.Rows) > limit {
			t.Errorf("%d rows, limit %d", len(out.Rows), limit)
		}
		if _, err := json.Marshal(out); err != nil {
			t.Error(err)
		}
		_ = out.Text()
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func TestFaults(t *testing.T) {
	const j, p = "application/json;charset=utf-8", "text/plain"
	for _, c := range []struct {
		status     int
		kind, body string
		want       fault.Kind
		code, says string
	}{
		{401, p, "Unauthenticated", fault.CredentialInvalid, "", "refused the credential"},
		{402, j, `{"message":"premium"}`, fault.NotPermitted, "", "plan"},
		{403, p, "Sie haben keine Berechtigung.", fault.NotPermitted, "", "group lacks the permission"},
		{404, p, "Not found.", fault.NotFound, "", "metabase_search"},
		{404, p, "API endpoint does not exist.", fault.NotFound, "", "metabase_search"},
		{404, j, `{"message":"The object has been archived.","error_code":"archived"}`, fault.NotFound, "archived", "trash"},
		{400, j, `{"errors":{"name":"must be non-blank","id":"must be an integer"},"specific-errors":{}}`, fault.InvalidArguments, "", `"id: must be an integer; name: must be non-blank"`},
		{400, p, "Invalid field: x", fault.InvalidArguments, "", "Invalid field"},
		{400, j, `{"errors":{"x":{"deep":1}}}`, fault.InvalidArguments, "", `"x:"`},
		{400, j, `{"message":"bad \u202e\u001b text"}`, fault.InvalidArguments, "", `"bad `},
		{429, p, "slow down", fault.RateLimited, "", "rate"},
		{500, j, `{"message":"SECRET","via":[{"type":"SECRET"}],"trace":[["SECRET"]]}`, fault.UpstreamError, "", "an error of its own"},
		{503, "text/html", "<html>SECRET</html>", fault.UpstreamUnavailable, "", "not available"},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.says), func(t *testing.T) {
			f := readFault(&upstream.Response{Service: name, Status: c.status, Header: http.Header{"Content-Type": {c.kind}}, Body: []byte(c.body)})
			if f == nil || f.Kind != c.want || f.Code != c.code || !strings.Contains(f.Message, c.says) || strings.Contains(f.Message, "SECRET") {
				t.Errorf("got %+v", f)
			}
		})
	}
	if f := readFault(&upstream.Response{Status: 202}); f != nil {
		t.Errorf("a success is %v", f)
	}
	f := readFault(&upstream.Response{Status: 400, Header: http.Header{"Content-Type": {p}}, Body: []byte(strings.Repeat("é", 5000))})
	if n := utf8.RuneCountInString(f.Message); n > maxSaid+100 {
		t.Errorf("%d characters", n)
	}
}

// A row divided by hand is what decoding it gives.
func FuzzCells(f *testing.F) {
	for _, s := range []string{`[1,"a,b",null]`, `[]`, `[ [1,[2]] , {"a":"]\"}"} ]`, `["\\"]`, `[1e400,-0,"\ud800"]`, "[\"\xff\"]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want []json.RawMessage
		s = strings.TrimSpace(s)
		if json.Unmarshal([]byte(s), &want) != nil || s[0] != '[' {
			return
		}
		n := 0
		eachCell([]byte(s), func(cell []byte) bool {
			if n >= len(want) || string(want[n]) != string(cell) {
				t.Errorf("cell %d of %s is %s", n, s, cell)
				return false
			}
			if got, plain := cellValue(cell), upstream.CleanJSON(cell, maxValue); got != plain {
				t.Errorf("%s is %#v, want %#v", cell, got, plain)
			}
			n++
			return true
		})
		if n != len(want) {
			t.Errorf("%d cells of %s, want %d", n, s, len(want))
		}
	})
}
