package slack

import (
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

func TestMoments(t *testing.T) {
	w := newWorld(t)
	s, c := w.service(), w.client()
	for in, want := range map[string]string{
		"": "", "1795424100.000125": "1795424100.000125", "24h": "1795424400.000000", "2w": "1794301200.000000",
		"2026-11-24T09:00:00+01:00": "1795507200.000000",
	} {
		if got, err := s.moment(t.Context(), c, "since", in, false); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("asked %v: none of these depends on a time zone", w.asked)
	}
	// The app of the double is in Berlin, an hour before UTC.
	for in, want := range map[string]string{"2026-11-24": "1795474800.000000", "yesterday 9:00": "1795420800.000000"} {
		if got, err := s.moment(t.Context(), c, "since", in, false); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	if got := strings.Join(w.asked, " "); got != "auth.test users.info" {
		t.Errorf("asked %s: the zone is remembered", got)
	}
	for _, in := range []string{"some day", "24", "99999h9", "0001-01-01", "9000-01-01"} {
		if got, err := s.moment(t.Context(), c, "since", in, false); fault.From(err) == nil || fault.From(err).Kind != fault.InvalidArguments {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	w.secret = sandbox.SlackToken(w.double, "channels:read") // it may not look anybody up
	if got, err := w.service().moment(t.Context(), w.client(), "since", "2026-11-24", false); err != nil || got != "1795478400.000000" {
		t.Errorf("%q %v: without a zone it is UTC", got, err)
	}
	if timeOf("1795424100.000125") != "2026-11-23T08:55:00Z" || timeOf("x") != "" {
		t.Error(timeOf("1795424100.000125"))
	}
}

// service is the handlers' own, with nothing remembered.
func (w *world) service() *service {
	s := &service{books: newBooks(func() time.Time { return w.now }), now: func() time.Time { return w.now }}
	return s
}
