package segment

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/tools/sandbox/double"
)

// clock is a time that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func at() *clock { return &clock{time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)} }

// ask makes a request of the double; more are its headers, in pairs.
func ask(d *double.Double, method, path, body string, more ...string) (status int, answer string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i] == "basic" {
			r.SetBasicAuth(more[i+1], "")
			continue
		}
		r.Header.Set(more[i], more[i+1])
	}
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

// grown is how many events came into the double.
func grown(d *double.Double, do func()) int {
	count := func() (n int) {
		for k := range d.Snapshot() {
			if strings.Contains(k, " event ") || strings.Contains(k, " view ") {
				n++
			}
		}
		return n
	}
	before := count()
	do()
	return count() - before
}

// The tracking API takes nearly everything with 200, and keeps only what Segment would.
func TestTrackingSaysYesAndKeepsWhatFits(t *testing.T) {
	us, eu := Of("us"), Of("eu")
	event := func(i int) string { return fmt.Sprintf(`{"messageId":"m%d","userId":"u","event":"E"}`, i) }
	batch := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"type":"track","messageId":"b%d","userId":"u","event":"E"}`, i)
		}
		return `{"batch":[` + strings.Join(all, ",") + `]}`
	}
	pad := strings.Repeat("x", 33_000)
	for _, c := range []struct {
		what, path, body, key string
		status, kept          int
	}{
		{"an event", "/v1/track", event(1), us.WriteKey, 200, 1},
		{"the key in the body", "/v1/track", `{"writeKey":"` + us.WriteKey + `","userId":"u","event":"E","messageId":"x"}`, "", 200, 1},
		{"a page", "/v1/page", `{"messageId":"m","userId":"u"}`, us.WriteKey, 200, 1},
		{"in Europe", "/tracking.eu/v1/track", event(1), eu.WriteKey, 200, 1},
		{"a batch", "/v1/batch", batch(3), us.WriteKey, 200, 3},
		{"a full batch", "/v1/batch", batch(2500), us.WriteKey, 200, 2500},
		{"a batch of too many", "/v1/batch", batch(2501), us.WriteKey, 200, 0},
		{"a large event of a batch", "/v1/batch", `{"batch":[{"type":"track","userId":"u","event":"E","messageId":"l","properties":{"p":"` + pad + `"}}]}`, us.WriteKey, 200, 0},
		{"a key of nobody", "/v1/track", event(1), "nobody", 200, 0},
		{"a key of the other region", "/v1/track", event(1), eu.WriteKey, 200, 0},
		{"a source that is off", "/v1/track", event(1), writeKey("us", "billing"), 200, 0},
		{"of nobody", "/v1/track", `{"messageId":"m","event":"E"}`, us.WriteKey, 200, 0},
		{"without a name", "/v1/track", `{"messageId":"m","userId":"u"}`, us.WriteKey, 200, 0},
		{"a wrong time", "/v1/track", `{"messageId":"m","userId":"u","event":"E","timestamp":"yesterday"}`, us.WriteKey, 200, 0},
		{"a long id", "/v1/track", `{"messageId":"` + strings.Repeat("m", 100) + `","userId":"u","event":"E"}`, us.WriteKey, 200, 0},
		{"of a suppressed user", "/v1/track", `{"messageId":"m","userId":"usr_1977","event":"E"}`, us.WriteKey, 200, 0},
		{"no key", "/v1/track", event(1), "", 401, 0},
		{"no JSON", "/v1/track", `{"event"`, us.WriteKey, 400, 0},
		{"a large event", "/v1/track", `{"userId":"u","event":"` + pad + `"}`, us.WriteKey, 400, 0},
		{"a large batch", "/v1/batch", `{"batch":["` + strings.Repeat("x", 500_000) + `"]}`, us.WriteKey, 400, 0},
		{"another path", "/v1/import", event(1), us.WriteKey, 404, 0},
	} {
		d := New(at().now)
		var more []string
		if c.key != "" {
			more = []string{"basic", c.key}
		}
		var status int
		var answer string
		if n := grown(d, func() { status, answer = ask(d, "POST", c.path, c.body, more...) }); status != c.status || n != c.kept {
			t.Errorf("%s: HTTP %d, %d kept, want %d and %d: %s", c.what, status, n, c.status, c.kept, answer)
		}
		if c.status == 200 && strings.TrimSpace(answer) != `{"success":true}` {
			t.Errorf("%s: %s", c.what, answer)
		}
	}
	if status, _ := ask(New(at().now), "POST", "/v1/track", event(1), "basic", us.WriteKey, "Content-Type", "text/plain"); status != 400 {
		t.Errorf("another type: HTTP %d", status)
	}
}

// An id counts once a day, whatever the source; zipped bodies are read.
func TestIDsCountOnceADay(t *testing.T) {
	c := at()
	d := New(c.now)
	send := func(key string) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(`{"messageId":"same","userId":"u","event":"E"}`))
		_ = z.Close()
		if status, answer := ask(d, "POST", "/v1/track", b.String(), "basic", key, "Content-Encoding", "gzip"); status != 200 {
			t.Fatalf("HTTP %d %s", status, answer)
		}
	}
	if n := grown(d, func() { send(Of("us").WriteKey); send(Of("us").WriteKey); send(writeKey("us", "website")) }); n != 1 {
		t.Errorf("%d events of one id", n)
	}
	c.t = c.t.Add(25 * time.Hour)
	dana := func() (n int) {
		_, text := ask(d, "GET", "/profiles/v1/spaces/"+Of("us").Space+"/collections/users/profiles/user_id:u/events", "", "basic", Of("us").ProfileToken)
		return strings.Count(text, `"event":"E"`)
	}
	before := dana()
	send(Of("us").WriteKey)
	if before != 1 || dana() != 2 {
		t.Errorf("a day later: %d and %d events", before, dana())
	}
}

// Each API takes its own credential, of its own region.
func TestWhoMayAsk(t *testing.T) {
	us, eu := Of("us"), Of("eu")
	d := New(at().now)
	path := func(region string, c Credentials) string {
		return "/profiles" + region + "/v1/spaces/" + c.Space + "/collections/users/profiles/user_id:usr_2043/metadata"
	}
	for _, c := range []struct {
		path   string
		more   []string
		status int
	}{
		{path("", us), []string{"basic", us.ProfileToken}, 200},
		{path(".eu", eu), []string{"basic", eu.ProfileToken}, 200},
		{path("", us), []string{"basic", us.WriteKey}, 401},
		{path("", us), []string{"basic", eu.ProfileToken}, 401},
		{path("", us), []string{"Authorization", "Bearer " + us.ProfileToken}, 401},
		{path("", eu), []string{"basic", us.ProfileToken}, 404},
		{"/public/sources", []string{"Authorization", "Bearer " + us.PublicToken, "Accept", v1}, 200},
		{"/public.eu/sources", []string{"Authorization", "Bearer " + eu.PublicToken, "Accept", v1}, 200},
		{"/public/sources", []string{"Authorization", "Bearer " + eu.PublicToken, "Accept", v1}, 401},
		{"/public/sources", []string{"basic", us.WriteKey, "Accept", v1}, 401},
		{"/public/sources", []string{"basic", us.PublicToken, "Accept", v1}, 401},
		{"/public/sources", []string{"Authorization", "Bearer " + us.PublicToken}, 200},
		{"/public/sources", []string{"Authorization", "Bearer " + us.PublicToken, "Accept", "application/vnd.segment.v2+json"}, 406},
		{"/public/delivery-overview/failed-on-ingest", []string{"Authorization", "Bearer " + us.PublicToken, "Accept", v1}, 404},
		{"/public/delivery-overview/failed-on-ingest", []string{"Authorization", "Bearer " + us.PublicToken, "Accept", beta}, 422},
		{"/public/sources?pagination[count]=0", []string{"Authorization", "Bearer " + us.PublicToken, "Accept", v1}, 422},
		{"/public/sources?pagination[cursor]=x", []string{"Authorization", "Bearer " + us.PublicToken, "Accept", v1}, 422},
		{"/public/nothing", []string{"Authorization", "Bearer " + us.PublicToken, "Accept", v1}, 404},
	} {
		if status, answer := ask(d, "GET", c.path, "", c.more...); status != c.status {
			t.Errorf("%s %q: HTTP %d, want %d: %s", c.path, c.more, status, c.status, answer)
		}
	}
}

// Event volumes are limited by the minute, with Segment's own words for it.
func TestVolumesAreLimited(t *testing.T) {
	c := at()
	d := New(c.now)
	more := []string{"Authorization", "Bearer " + Of("us").PublicToken, "Accept", v1}
	const path = "/public/events/volume?granularity=DAY&startTime=2026-11-20T00:00:00Z&endTime=2026-11-24T00:00:00Z"
	for i := range volumesAMinute {
		if status, answer := ask(d, "GET", path, "", more...); status != 200 {
			t.Fatalf("request %d: HTTP %d %s", i, status, answer)
		}
	}
	status, answer := ask(d, "GET", path, "", more...)
	var e struct {
		Errors []struct {
			Data struct{ MsBeforeNext int }
		}
	}
	if err := json.Unmarshal([]byte(answer), &e); err != nil || status != 429 || e.Errors[0].Data.MsBeforeNext != 60_000 {
		t.Errorf("HTTP %d %s", status, answer)
	}
	c.t = c.t.Add(time.Minute)
	if status, _ := ask(d, "GET", path, "", more...); status != 200 {
		t.Errorf("a minute later: HTTP %d", status)
	}
}

// Answers of the Public API do hold write keys and settings: that is what makes the
// handlers' tests worth something.
func TestAnswersHoldSecrets(t *testing.T) {
	d := New(at().now)
	more := []string{"Authorization", "Bearer " + Of("us").PublicToken, "Accept", v1}
	_, sources := ask(d, "GET", "/public/sources", "", more...)
	_, destinations := ask(d, "GET", "/public/destinations", "", more...)
	found := 0
	for _, s := range Secrets() {
		if strings.Contains(sources+destinations, s) {
			found++
		}
	}
	if found != 5 {
		t.Errorf("%d of the secrets of the workspace in the United States", found)
	}
}
