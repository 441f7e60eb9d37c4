package otlp

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/audittest"
	"toolvault/audit/mirror"
	"toolvault/vault"
)

// collector takes what a strict receiver of OTLP/HTTP takes.
type collector struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	records []map[string]any
	answer  func(w http.ResponseWriter) bool // false: it has refused
}

func newCollector(t *testing.T) *collector {
	c := &collector{t: t}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Api-Key") != "hunter2" {
		c.t.Errorf("asked %s %s %v", r.Method, r.URL, r.Header)
	}
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if in, err = gzip.NewReader(r.Body); err != nil {
			c.t.Error(err)
			return
		}
	}
	body, err := io.ReadAll(in)
	if err != nil {
		c.t.Error(err)
		return
	}
	request, err := decodeStrictly(body)
	if err != nil {
		c.t.Errorf("%v in %s", err, body)
	}
	w.Header().Set("Content-Type", "application/json")
	if c.answer != nil && !c.answer(w) {
		return
	}
	for _, resource := range request["resourceLogs"].([]any) {
		for _, scope := range resource.(map[string]any)["scopeLogs"].([]any) {
			for _, record := range scope.(map[string]any)["logRecords"].([]any) {
				c.records = append(c.records, record.(map[string]any))
			}
		}
	}
	if c.answer == nil {
		_, _ = io.WriteString(w, "{}")
	}
}

func (c *collector) set(answer func(w http.ResponseWriter) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

func (c *collector) client() *Client {
	return &Client{Endpoint: c.URL + "/", Headers: map[string]vault.Secret{"Api-Key": vault.NewSecret("hunter2")}}
}

func (c *collector) open() (mirror.Sink, error) {
	return NewLogs(c.client(), Resource{[]KeyValue{String("service.name", "toolvault")}}, "1.2.3", func() time.Time { return time.Unix(1700000000, 5) }), nil
}

// flat are the attributes of a record as they arrived, by key.
func flat(t *testing.T, record map[string]any) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, kv := range record["attributes"].([]any) {
		pair := kv.(map[string]any)
		key := pair["key"].(string)
		if _, ok := all[key]; ok {
			t.Errorf("%s stands twice", key)
		}
		for _, value := range pair["value"].(map[string]any) {
			all[key] = value
		}
	}
	return all
}

// A whole log arrives, through a collector that is down, throttles and recovers.
func TestALogArrives(t *testing.T) {
	dir := t.TempDir()
	if _, err := audittest.Fill(t.Context(), dir, 1200, audittest.Options{}); err != nil {
		t.Fatal(err)
	}
	c := newCollector(t)
	n := 0
	c.set(func(w http.ResponseWriter) bool {
		if n++; n%3 != 0 {
			w.WriteHeader([]int{429, 502, 503, 504}[n%4])
			return false
		}
		return true
	})
	m := mirror.New(mirror.Options{Dir: dir, Log: audittest.Name, Name: "otlp", Open: c.open, Wait: func(int) time.Duration { return time.Millisecond }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	for lag := int64(1); lag > 0; time.Sleep(2 * time.Millisecond) {
		var err error
		if lag, err = m.Lag(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(c.records) != 1200 {
		t.Fatalf("%d records arrived", len(c.records))
	}
	for i, r := range c.records {
		if uid := flat(t, r)["log.record.uid"]; uid != mirror.ID(audittest.Name, int64(i)) {
			t.Fatalf("record %d is %v", i, uid)
		}
	}
}

// full is a record in which every member has a value.
func full() audit.Record {
	r := audit.Record{
		Index: 42, Time: time.Unix(1700000000, 123456789), Phase: audit.PhaseOutcome, Event: "e", CorrelationID: "5B8EFFF798038103D269B633813FC60C",
		Chain: []string{"a", "b"}, Arguments: json.RawMessage(`{"channel":"#x"}`), Result: json.RawMessage(`[1]`), Write: true, Erased: true,
		Outcome: "timeout", Spans: []audit.Span{{First: 1, End: 3}}, Deadline: new(time.Time),
	}
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		fill(v.Field(i), v.Type().Field(i).Name)
	}
	return r
}

func fill(f reflect.Value, name string) {
	if !f.IsZero() {
		return
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString("some " + name)
	case reflect.Int, reflect.Int64:
		f.SetInt(7)
	case reflect.Float64:
		f.SetFloat(1.5)
	case reflect.Struct:
		for i := range f.NumField() {
			fill(f.Field(i), name)
		}
	default:
		panic("what is " + name + "?")
	}
}

// Every member of a record is an attribute: by the semantic conventions where they
// have one, and else by its own name.
func TestEveryMemberIsAnAttribute(t *testing.T) {
	c := newCollector(t)
	sink, _ := c.open()
	r := full()
	leaf, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	record, err := mirror.NewRecord("toolvault/host", audit.Raw{Index: 42, Leaf: leaf})
	if err != nil {
		t.Fatal(err)
	}
	lot := mirror.Lot{Log: "toolvault/host", Records: []mirror.Record{record}}
	if err := sink.Send(t.Context(), lot); err != nil {
		t.Fatal(err)
	}
	got := c.records[0]
	attributes := flat(t, got)
	renamed := map[string]string{
		"id": attrUID, "user": attrUser, "agent": attrAgent, "tool": attrTool, "tool_call_id": attrToolCall, "arguments": attrArguments, "result": attrResult,
		"upstream_status": attrStatus, "time": "", "ms": "toolvault.ms.total",
	}
	var members map[string]any
	if err := json.Unmarshal(record.JSON, &members); err != nil {
		t.Fatal(err)
	}
	for name := range members {
		key, ok := renamed[name]
		if !ok {
			key = "toolvault." + name
		}
		if key != "" && attributes[key] == nil {
			t.Errorf("%s is no attribute: %s is missing", name, key)
		}
	}
	for key, want := range map[string]string{
		attrUID: "toolvault/host:42", "toolvault.index": "42", attrOperation: "execute_tool", attrError: "timeout", attrArguments: `{"channel":"#x"}`,
		"toolvault.spans": `[{"first":1,"end":3}]`, attrStatus: "7",
	} {
		if attributes[key] != want {
			t.Errorf("%s is %v", key, attributes[key])
		}
	}
	for name, want := range map[string]any{
		"timeUnixNano": "1700000000123456789", "observedTimeUnixNano": "1700000000000000005", "traceId": "5b8efff798038103d269b633813fc60c",
		"severityNumber": json.Number("17"), "severityText": "ERROR", "eventName": "toolvault.outcome",
		"body": map[string]any{"stringValue": "outcome some Agent some Tool: timeout"},
	} {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	for _, erasable := range []string{"some User", "some Message", "#x"} {
		if strings.Contains(fmt.Sprint(got["body"]), erasable) {
			t.Errorf("the body holds %s", erasable)
		}
	}
}

func TestSeverityAndTrace(t *testing.T) {
	for outcome, want := range map[string]Severity{"": Info, "ok": Info, "not_permitted": Warn, "refused": Warn, "internal": Error, "failed": Error, "something new": Error} {
		if got, _ := severityOf(outcome); got != want {
			t.Errorf("%q: %d", outcome, got)
		}
	}
	for text, ok := range map[string]bool{
		"": false, "x": false, "5b8efff798038103d269b633813fc60c": true, strings.Repeat("0", 32): false,
		"5b8efff798038103d269b633813fc60": false, "5b8efff7-9803-8103-d269-b633813fc60c": false,
	} {
		if _, got := TraceID(text); got != ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func records(t *testing.T, n int) (list []mirror.Record) {
	t.Helper()
	for i := range n {
		r, err := mirror.NewRecord("l", audit.Raw{Index: int64(i), Leaf: fmt.Appendf(nil, `{"index":%d,"phase":"call"}`, i)})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// What a collector answers decides what becomes of a lot.
func TestAnswers(t *testing.T) {
	c := newCollector(t)
	sink, _ := c.open()
	lot := mirror.Lot{Log: "l", Records: records(t, 3)}
	says := func(status int, body string, header ...string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return status == 200
		}
	}
	for name, x := range map[string]struct {
		answer func(http.ResponseWriter) bool
		want   error // of this type
		text   string
	}{
		"all is well":               {says(200, `{"partialSuccess":{}}`), nil, ""},
		"a warning":                 {says(200, `{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"old"}}`), nil, ""},
		"no JSON":                   {says(200, `ok`), nil, ""},
		"some are refused":          {says(200, `{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}`), &mirror.Partly{}, "refused 2 of what was sent: too old"},
		"a number without quotes":   {says(200, `{"partialSuccess":{"rejectedLogRecords":2}}`), &mirror.Partly{}, ""},
		"all are refused":           {says(200, `{"partialSuccess":{"rejectedLogRecords":"3"}}`), &mirror.Refused{}, ""},
		"bad data":                  {says(400, `{"code":3,"message":"no hunter2\u0000here\n"}`), &mirror.Refused{}, "HTTP 400: no [secret] here"},
		"too much":                  {says(413, ``), &mirror.TooLarge{}, ""},
		"busy":                      {says(429, ``, "Retry-After", "7"), &mirror.Later{After: 7 * time.Second}, ""},
		"busy until then":           {says(503, ``, "Retry-After", "Wed, 21 Oct 2015 07:28:30 GMT", "Date", "Wed, 21 Oct 2015 07:28:00 GMT"), &mirror.Later{After: 30 * time.Second}, ""},
		"busy for ever":             {says(503, ``, "Retry-After", "4000000000"), &mirror.Later{After: time.Hour}, ""},
		"gone":                      {says(502, `<html>`), &mirror.Later{}, ""},
		"slow":                      {says(504, ``), &mirror.Later{}, ""},
		"broken":                    {says(500, ``), &mirror.Closed{}, ""},
		"without a right":           {says(401, `{"message":"key"}`), &mirror.Closed{}, "HTTP 401: key"},
		"elsewhere":                 {says(307, ``, "Location", "/elsewhere"), &mirror.Closed{}, "HTTP 307"},
		"an answer without end":     {says(200, strings.Repeat("x", maxAnswer+1)), &mirror.Closed{}, "4 MiB"},
		"a message without end":     {says(400, `{"message":"`+strings.Repeat("y", 100_000)+`"}`), &mirror.Refused{}, "y…"},
		"a message of other things": {says(400, `{"message":[1]}`), &mirror.Refused{}, "HTTP 400"},
	} {
		t.Run(name, func(t *testing.T) {
			c.set(x.answer)
			err := sink.Send(t.Context(), lot)
			if reflect.TypeOf(err) != reflect.TypeOf(x.want) {
				t.Fatalf("%T: %v", err, err)
			}
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), x.text) || strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 400 {
				t.Errorf("%v", err)
			}
			var later *mirror.Later
			if want, ok := x.want.(*mirror.Later); ok && (!errors.As(err, &later) || later.After != want.After) {
				t.Errorf("after %v", later.After)
			}
		})
	}
}

// Nobody is there: it is tried again, and the error has no URL, which may be a secret.
func TestNobodyThere(t *testing.T) {
	sink := NewLogs(&Client{Endpoint: "http://127.0.0.1:1/hunter2"}, Resource{}, "", time.Now)
	err := sink.Send(t.Context(), mirror.Lot{Records: records(t, 1)})
	var later *mirror.Later
	if !errors.As(err, &later) || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	odd, err := mirror.NewRecord("l", audit.Raw{Leaf: []byte(`{"index":0,"phase":7}`)})
	var refused *mirror.Refused
	if err == nil {
		err = sink.Send(t.Context(), mirror.Lot{Records: []mirror.Record{odd}})
	}
	if !errors.As(err, &refused) {
		t.Errorf("a record that cannot be read: %v", err)
	}
	if err := sink.Send(t.Context(), mirror.Lot{}); err != nil {
		t.Errorf("nothing was sent, and: %v", err)
	}
	for _, bad := range []string{"://hunter2", "http://hunter2 x"} {
		if err := (&Client{Endpoint: bad}).Post(t.Context(), PathLogs, 1); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

// What is small is not compressed, and what cannot be sent is not.
func TestPost(t *testing.T) {
	var encodings []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		encodings = append(encodings, r.Header.Get("Content-Encoding"))
	}))
	defer server.Close()
	client := &Client{Endpoint: server.URL}
	for _, n := range []int{10, 10_000} {
		if err := client.Post(t.Context(), PathTraces, strings.Repeat("x", n)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(encodings, []string{"", "gzip"}) {
		t.Errorf("%q", encodings)
	}
	var failed *Failure
	client.most = 9_999
	if err := client.Post(t.Context(), PathLogs, strings.Repeat("x", 10_000)); !errors.As(err, &failed) || failed.Status != 413 || len(encodings) != 2 {
		t.Error(err)
	}
	if err := client.Post(t.Context(), PathLogs, func() {}); err == nil {
		t.Error("a function was sent")
	}
}

// Whatever a collector says, what comes of it is short, one line, and no panic.
func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"x"}}`, "7")
	f.Add(503, `{"message":"x"}`, "Wed, 21 Oct 2015 07:28:30 GMT")
	f.Add(400, "", "-1")
	c := Client{Headers: map[string]vault.Secret{"a": vault.NewSecret("hunter2")}}
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		h := http.Header{"Content-Type": {"application/json"}, "Retry-After": {after}, "Date": {"Wed, 21 Oct 2015 07:28:00 GMT"}}
		rejected, message := partialSuccess(h, []byte(body))
		text := c.clean(message + statusMessage(h, []byte(body)))
		if len([]rune(text)) > longestMessage+1 || strings.Contains(text, "\n") || strings.Contains(text, "hunter2") {
			t.Errorf("%q", text)
		}
		if d := retryAfter(h); d < 0 || d > longestAfter {
			t.Errorf("after %v", d)
		}
		_ = class(1, mirror.ByStatus(status, 0, &Partial{Rejected: rejected, Message: text}))
	})
}

// How many records a second are encoded, compressed and taken on this machine.
func BenchmarkLogs(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	dir := b.TempDir()
	if _, err := audittest.Fill(b.Context(), dir, 1024, audittest.Options{}); err != nil {
		b.Fatal(err)
	}
	var lot mirror.Lot
	_, err := audit.Scan(b.Context(), dir, 0, func(raw audit.Raw) error {
		r, err := mirror.NewRecord("l", raw)
		lot.Records = append(lot.Records, r)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	sink := NewLogs(&Client{Endpoint: server.URL}, Resource{}, "", time.Now)
	b.ReportAllocs()
	for b.Loop() {
		if err := sink.Send(b.Context(), lot); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(lot.Records))/b.Elapsed().Seconds(), "records/s")
}
