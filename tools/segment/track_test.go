package segment

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	sandbox "toolvault/tools/sandbox/segment"
)

// tapped is the double with a server in front that keeps what is posted, and may
// answer in its place.
type tapped struct {
	*world
	bodies  []map[string]any
	raw     []string
	instead func(n int, rw http.ResponseWriter) bool // of the nth request, from 1; nil: never
}

func tap(t *testing.T) *tapped {
	t.Helper()
	d := sandbox.New(atMoment)
	p := &tapped{}
	p.world = against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		var body map[string]any
		if r.Method == http.MethodPost && json.Unmarshal(b, &body) == nil {
			p.bodies, p.raw = append(p.bodies, body), append(p.raw, string(b))
		}
		if p.instead != nil && p.instead(len(p.bodies), rw) {
			return
		}
		d.ServeHTTP(rw, r)
	}))
	p.double = d
	return p
}

// What Segment would drop without a word is refused here, with what to do; nothing
// is sent.
func TestWhatSegmentWouldDropIsRefused(t *testing.T) {
	w := tap(t)
	long := strings.Repeat("x", 33_000)
	for _, c := range []struct{ tool, args, want string }{
		{"track", `{"event":"E"}`, "user_id or anonymous_id"},
		{"track", `{"event":"E","user_id":"u","message_id":"with blank"}`, "message_id"},
		{"track", `{"event":"E","user_id":"u","timestamp":"whenever"}`, `"whenever" is no time`},
		{"track", `{"event":"E","user_id":"u","timestamp":"2027-03-01"}`, "lies in the future"},
		{"track", `{"event":"E","user_id":"u","properties":{"note":"` + long + `","n":1}}`, "properties.note with 33002 bytes"},
		{"identify", `{"traits":{"plan":"x"}}`, "user_id or anonymous_id"},
		{"identify", `{"user_id":"u","traits":{"bio":"` + long + `"}}`, "traits.bio"},
		{"group", `{"group_id":"acme"}`, "user_id or anonymous_id"},
		{"group", `{"group_id":"` + strings.Repeat("é", 251) + `","user_id":"u"}`, "group_id is longer than 500 bytes"},
		{"send_batch", `{"events":[{"type":"group","user_id":"u"}]}`, "needs group_id"},
		{"page", `{"name":"Home"}`, "user_id or anonymous_id"},
		{"send_batch", `{"events":[{"type":"track","user_id":"u","event":"E"},{"type":"track","user_id":"u"}]}`, "events[1]: a track needs event"},
		{"send_batch", `{"events":[{"type":"track","user_id":"u","event":"E","traits":{"a":1}}]}`, "events[0]: traits are of identify and group"},
		{"send_batch", `{"events":[{"type":"identify","user_id":"u","properties":{"a":1}}]}`, "properties are of track"},
		{"send_batch", `{"events":[{"type":"identify","user_id":"u","event":"E"}]}`, "event is of a track only"},
		{"send_batch", `{"events":[{"type":"track","user_id":"u","event":"E","group_id":"g"}]}`, "group_id is of a group only"},
		{"send_batch", `{"events":[{"type":"group","user_id":"u","group_id":"g","name":"N"}]}`, "name is of a page or screen only"},
		{"send_batch", `{"events":[{"type":"page","user_id":"u","message_id":"m"},{"type":"page","user_id":"v","message_id":"m"}]}`, "message_id of events[0]"},
		{"send_batch", `{"events":[` + strings.Repeat(`{"type":"track","user_id":"u"},`, 9) + `{"type":"page","user_id":"u"}]}`, "4 more are wrong"},
	} {
		f := w.refused("segment_"+c.tool, c.args, fault.InvalidArguments, c.want)
		if !f.NotSent {
			t.Errorf("%s: not marked as not sent", c.args)
		}
	}
	if n := w.double.Requests(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// An event goes out as the spec has it, under an id of the call's or the caller's own.
func TestWhatIsSent(t *testing.T) {
	w := tap(t)
	out := must[Accepted](w.world, "segment_track", `{"event":"CSV Export Failed","anonymous_id":"a1","properties":{"rows":12345678901234567890,"note":"<b> & more"},"integrations":{"All":false,"Amplitude":true},"timestamp":"2026-11-24T10:00:00+02:00"}`)
	const call = "01990000-0000-7000-8000-000000000000"
	if out.MessageID != call || out.Timestamp != "2026-11-24T08:00:00.000Z" {
		t.Errorf("%+v", out)
	}
	const want = `{"messageId":"` + call + `","anonymousId":"a1","event":"CSV Export Failed","properties":{"note":"<b> & more","rows":12345678901234567890},"integrations":{"All":false,"Amplitude":true},"timestamp":"2026-11-24T08:00:00.000Z","sentAt":"2026-11-24T09:00:00.000Z","context":{"library":{"name":"toolvault"}}}`
	if w.raw[0] != want {
		t.Errorf("sent\n%s\nwant\n%s", w.raw[0], want)
	}
	if strings.Contains(out.Text(), "recorded") || !strings.Contains(out.Text(), "accepted") {
		t.Errorf("it promises too much: %s", out.Text())
	}
}

// Twice the same id is one event, whoever sends it: the caller with an id of his own,
// or we in repeating what may not have arrived.
func TestTheSameIDCountsOnce(t *testing.T) {
	w := tap(t)
	before := w.double.Snapshot()
	for range 2 {
		must[Accepted](w.world, "segment_track", `{"event":"Ticket Opened","user_id":"usr_2041","message_id":"ticket-1063-opened"}`)
	}
	if n := len(w.double.Snapshot()) - len(before); n != 1 {
		t.Errorf("%d events for one id", n)
	}
	for _, status := range []int{500, 502, 503, 504} {
		w := tap(t)
		before := w.double.Snapshot()
		w.instead = func(n int, rw http.ResponseWriter) bool {
			if n == 1 {
				rw.WriteHeader(status)
			}
			return n == 1
		}
		must[Accepted](w.world, "segment_track", `{"event":"Ticket Opened","user_id":"usr_2041"}`)
		if n := len(w.double.Snapshot()) - len(before); n != 1 || len(w.raw) != 2 || w.bodies[0]["messageId"] != w.bodies[1]["messageId"] {
			t.Errorf("HTTP %d: %d events of %d requests: %q", status, n, len(w.raw), w.raw)
		}
	}
}

// What may have arrived says how it can be sent again without harm; what was refused
// is not sent twice.
func TestInDoubt(t *testing.T) {
	w := tap(t)
	w.instead = func(_ int, rw http.ResponseWriter) bool { rw.WriteHeader(503); return true }
	w.refused("segment_identify", `{"user_id":"u","traits":{"a":1}}`, fault.UpstreamUnavailable, "may have been done", `message_id "01990000-`, "keeps one of each id")
	if len(w.raw) != 2 {
		t.Errorf("%d requests", len(w.raw))
	}
	w = tap(t)
	w.instead = func(_ int, rw http.ResponseWriter) bool {
		rw.WriteHeader(400)
		_, _ = io.WriteString(rw, `{"code":"invalid_request","message":"malformed JSON"}`)
		return true
	}
	f := w.refused("segment_track", `{"event":"E","user_id":"u"}`, fault.InvalidArguments, `"malformed JSON"`)
	if len(w.raw) != 1 || f.Code != "invalid_request" {
		t.Errorf("%d requests, code %q", len(w.raw), f.Code)
	}
	w.instead = func(_ int, rw http.ResponseWriter) bool { _, _ = io.WriteString(rw, `{"success":false}`); return true }
	w.refused("segment_track", `{"event":"E","user_id":"u"}`, fault.UpstreamError, "did not take the event")
}

// events are n of them, each of about so many bytes.
func events(n, size int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"type":"track","user_id":"usr_%d","event":"E","properties":{"i":%d,"pad":%q}}`, i%7, i, strings.Repeat("p", size))
	}
	return `{"events":[` + strings.Join(all, ",") + `]}`
}

// A batch beyond Segment's limits goes in several, in order, with nothing lost and none
// too large.
func TestABatchIsDivided(t *testing.T) {
	for _, c := range []struct{ n, size, requests int }{{1, 0, 1}, {2501, 0, 2}, {60, 20_000, 3}, {20, 31_000, 2}} {
		w := tap(t)
		out := must[Batch](w.world, "segment_send_batch", events(c.n, c.size))
		if out.Accepted != c.n || out.Requests < c.requests || out.Requests != len(w.raw) {
			t.Errorf("%d events of %d bytes: %+v in %d requests", c.n, c.size, out, len(w.raw))
		}
		next := 0
		for _, body := range w.bodies {
			for _, e := range body["batch"].([]any) {
				m := e.(map[string]any)
				if got := int(m["properties"].(map[string]any)["i"].(float64)); got != next {
					t.Fatalf("event %d came where %d was due", got, next)
				}
				if want := fmt.Sprintf("01990000-0000-7000-8000-000000000000-%d", next); m["messageId"] != want {
					t.Fatalf("messageId %v, want %s", m["messageId"], want)
				}
				next++
			}
		}
		for _, raw := range w.raw {
			if len(raw) > 500_000 {
				t.Errorf("a request of %d bytes", len(raw))
			}
		}
		kept := 0
		for k := range w.double.Snapshot() {
			if strings.Contains(k, "event 01990000-") {
				kept++
			}
		}
		if next != c.n || kept != c.n {
			t.Errorf("%d events of %d bytes: %d were sent, %d arrived", c.n, c.size, next, kept)
		}
	}
}

// A batch that breaks says what was accepted, and how to go on without doing it twice.
func TestABatchThatBreaks(t *testing.T) {
	w := tap(t)
	w.instead = func(n int, rw http.ResponseWriter) bool {
		if n >= 2 {
			rw.WriteHeader(503)
		}
		return n >= 2
	}
	f := w.refused("segment_send_batch", events(3000, 0), fault.UpstreamUnavailable,
		"events[0] to events[2499] were accepted", "from events[2500] on", `"01990000-0000-7000-8000-000000000000-2500"`)
	if f.NotSent || f.Retryable {
		t.Errorf("it may not simply be called again: %+v", f)
	}
	w = tap(t)
	w.instead = func(_ int, rw http.ResponseWriter) bool { rw.WriteHeader(503); return true }
	w.refused("segment_send_batch", events(3000, 0), fault.UpstreamUnavailable, "None of the 3000 events was certainly accepted")
}

// Profiles come of what was sent: traits, links, and only as far as Segment keeps it.
func TestWhatWasSentArrives(t *testing.T) {
	w := sandboxed(t)
	must[Accepted](w, "segment_identify", `{"user_id":"usr_3001","traits":{"email":"Kim.Novak@Acme.example","plan":"trial"},"message_id":"m1"}`)
	must[Accepted](w, "segment_group", `{"group_id":"acme","user_id":"usr_3001","traits":{"seats":121},"message_id":"m2"}`)
	must[Accepted](w, "segment_track", `{"event":"Signed Up","user_id":"usr_3001","timestamp":"1h","message_id":"m3"}`)
	p := must[Profile](w, "segment_get_profile", `{"profile":"kim.novak@acme.example"}`)
	if i := slices.IndexFunc(p.Traits, func(t Trait) bool { return t.Name == "plan" && t.Value == "trial" }); i < 0 {
		t.Errorf("%+v", p)
	}
	if e := must[ProfileEvents](w, "segment_get_profile_events", `{"profile":"usr_3001"}`).Events; len(e) != 1 || e[0].Time != "2026-11-24T08:00:00.000Z" {
		t.Errorf("%+v", e)
	}
	links := must[ProfileIDs](w, "segment_get_profile_ids", `{"profile":"group_id:acme","what":"links"}`)
	if !strings.Contains(links.Text(), "users user_id: «usr_3001»") {
		t.Errorf("%s", links.Text())
	}
	before := w.double.Snapshot()
	w.keys.WriteKey = "nobody's"
	out := must[Accepted](w, "segment_track", `{"event":"Signed Up","user_id":"usr_3001"}`)
	if !maps.Equal(before, w.double.Snapshot()) || !strings.Contains(out.Text(), "without a word") {
		t.Errorf("an unknown write key: %s", out.Text())
	}
}
