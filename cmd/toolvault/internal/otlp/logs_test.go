package otlp

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
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
