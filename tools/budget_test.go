package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/limits"
	"toolvault/vault/store"
)

// noon is a store whose clock stands in the middle of a day: no window ends while a
// test runs.
type noon struct{ store.Store }

func (noon) Now(context.Context) (time.Time, error) { return middle(), nil }

func middle() time.Time { return time.Date(2026, 11, 25, 12, 30, 30, 0, time.UTC) }

// newLimited is a world with toolvault's own tools and limits for all agents.
func newLimited(t *testing.T, answer http.HandlerFunc, all ...limits.Limit) *world {
	t.Helper()
	w := newWorldOf(t, answer, ownFiles(t), auth.Rule{Tools: "shelf_get", Allow: `args.box == "main"`})
	st, err := store.Open(t.Context(), sqlite(t))
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	w.Budgets = limits.New(limits.Options{Store: noon{st}, Now: middle})
	w.Budgets.Configure(all, nil)
	return w
}

// used is how much of each limit toolvault_whoami says to be used.
func (w *world) used(t *testing.T) (used []int64) {
	t.Helper()
	r := w.call(t, "toolvault_whoami", `{}`)
	var who struct {
		Limits []struct {
			Used int64 `json:"used"`
		} `json:"limits"`
	}
	if r.Failure != nil || json.Unmarshal(r.Structured, &who) != nil {
		t.Fatal(r.Text)
	}
	for _, l := range who.Limits {
		used = append(used, l.Used)
	}
	return used
}

func TestWhatIsUsedUpIsRefusedWithTheMomentOfReset(t *testing.T) {
	w := newLimited(t, nil, limits.Limit{Kind: limits.Calls, Max: 2, Per: limits.Minute})
	w.call(t, "shelf_get", dune)
	w.call(t, "shelf_get", dune)
	r := w.call(t, "shelf_get", dune)
	want := "Agent a1 has used up its limit of 2 calls a minute, so nothing was sent; the limit begins anew at 2026-11-25T12:31:00Z, in 30 s: wait until then, or ask an admin for a higher one (limits in the config file)."
	if kind(r) != fault.RateLimited || r.Text != want || !r.Failure.Retryable || r.Failure.RetryAfter != 30*time.Second {
		t.Errorf("%+v: %s", r.Failure, r.Text)
	}
	if len(w.requests) != 2 {
		t.Errorf("%d requests", len(w.requests))
	}
	records := w.log.records()
	if last := records[len(records)-1]; last.Outcome != "rate_limited" || last.Rule != "limit: 2 calls a minute" || last.CallID != r.CallID {
		t.Errorf("%+v", last)
	}
}

// An agent that runs wild with calls that are refused is stopped too; those calls
// write and read nothing.
func TestWhatCounts(t *testing.T) {
	all := []limits.Limit{
		{Kind: limits.Calls, Max: 1000, Per: limits.Day}, {Kind: limits.Writes, Max: 1000, Per: limits.Day}, {Kind: limits.Bytes, Max: 1 << 30, Per: limits.Day},
		{Kind: limits.Calls, Max: 999, Per: limits.Day, Tool: "shelf_*"},
	}
	const echo = int64(len(`{"echo":"got it"}`))
	for name, c := range map[string]struct {
		tool, args string
		kind       fault.Kind
		want       []int64
	}{
		"a read":              {"shelf_get", dune, "", []int64{1, 0, echo, 1}},
		"a write":             {"shelf_put", dune, "", []int64{1, 1, echo, 1}},
		"wrong arguments":     {"shelf_put", `{"title":7}`, fault.InvalidArguments, []int64{1, 0, 0, 1}},
		"the policy":          {"shelf_get", `{"title":"x","box":"no"}`, fault.NotPermitted, []int64{1, 0, 0, 1}},
		"beyond the scope":    {"shelf_put", `{"title":"x","box":"custom"}`, fault.NotPermitted, []int64{1, 0, 0, 1}},
		"no such tool":        {"shelf_gte", dune, fault.NotFound, []int64{1, 0, 0, 0}},
		"nothing was sent":    {"shelf_put", `{"title":"panic"}`, fault.Internal, []int64{1, 0, 0, 1}},
		"one of toolvault":    {"toolvault_whoami", `{}`, "", []int64{0, 0, 0, 0}},
		"the service says no": {"shelf_put", `{"title":"fail"}`, fault.InvalidArguments, []int64{1, 1, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newLimited(t, func(rw http.ResponseWriter, r *http.Request) {
				if b, _ := io.ReadAll(r.Body); strings.Contains(string(b), "fail") {
					rw.WriteHeader(http.StatusTeapot)
					return
				}
				_, _ = io.WriteString(rw, `{"echo":"got it"}`)
			}, all...)
			if r := w.call(t, c.tool, c.args); kind(r) != c.kind {
				t.Errorf("%s: %s", kind(r), r.Text)
			}
			if got := w.used(t); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("calls, writes, bytes, calls of shelf_*: %d, not %d", got, c.want)
			}
		})
	}
}

func TestWritesStopBeforeTheIntent(t *testing.T) {
	w := newLimited(t, nil, limits.Limit{Kind: limits.Writes, Max: 1, Per: limits.Day, Service: "shelf"})
	w.call(t, "shelf_put", dune)
	if r := w.call(t, "shelf_put", dune); kind(r) != fault.RateLimited || len(w.requests) != 1 {
		t.Errorf("%s, %d requests", r.Text, len(w.requests))
	}
	records := w.log.records()
	if len(records) != 3 || records[2].Phase != "call" || records[2].Rule != "limit: 1 write a day with shelf" || records[2].CredentialID != "shelf/a1" {
		t.Errorf("%+v", records[2:])
	}
	if r := w.call(t, "shelf_get", dune); r.Failure != nil {
		t.Errorf("a read: %s", r.Text)
	}
}

func TestWhatWasReadStopsTheNextRead(t *testing.T) {
	w := newLimited(t, func(rw http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(rw).Encode(shelfOutput{Echo: strings.Repeat("x", 20_000)})
	}, limits.Limit{Kind: limits.Bytes, Max: 50_000, Per: limits.Hour})
	done := 0
	for w.call(t, "shelf_get", dune).Failure == nil {
		done++
	}
	if done != 3 { // the third passes the limit
		t.Errorf("%d calls", done)
	}
	if r := w.call(t, "shelf_get", dune); kind(r) != fault.RateLimited || !strings.Contains(r.Text, "50 kB read an hour") {
		t.Error(r.Text)
	}
}

func TestARepeatIsNoWrite(t *testing.T) {
	b := func(o *tools.Options) {
		st, err := store.Open(t.Context(), sqlite(t))
		must(t, err)
		t.Cleanup(func() { _ = st.Close() })
		o.Budgets = limits.New(limits.Options{Store: noon{st}, Now: middle})
		o.Budgets.Configure([]limits.Limit{{Kind: limits.Writes, Max: 1, Per: limits.Day}}, nil)
	}
	p := newPair(t, sqlite(t), nil, b)
	for range 3 {
		if r := p.put(t, p.a, dune, "k1"); r.Failure != nil {
			t.Fatal(r.Text)
		}
	}
	if r := p.put(t, p.a, dune, "k2"); kind(r) != fault.RateLimited {
		t.Errorf("%+v", r)
	}
	// The key of a call that was refused is free again.
	p.a.Budgets.Configure(nil, nil)
	if r := p.put(t, p.a, dune, "k2"); r.Failure != nil || r.RepeatOf != "" || p.sent() != 2 {
		t.Errorf("%+v, %d requests", r, p.sent())
	}
}

func TestWhoamiTellsHowTheLimitsStand(t *testing.T) {
	w := newLimited(t, nil)
	w.Budgets.Configure(nil, map[string][]limits.Limit{
		"a1":   {{Kind: limits.Calls, Max: 1, Per: limits.Minute}, {Kind: limits.Bytes, Max: 50_000_000, Per: limits.Hour, Service: "shelf"}},
		"boss": {{Kind: limits.Writes, Max: 5, Per: limits.Day, Tool: "shelf_put"}},
	})
	w.id.Chain = []string{"boss"}
	w.call(t, "shelf_get", dune)
	w.call(t, "shelf_get", dune)
	r := w.call(t, "toolvault_whoami", `{}`) // though no call is left
	for _, want := range []string{
		"Limit of 1 call a minute: 1 used, 0 left until 2026-11-25T12:31:00Z\n",
		"Limit of 50 MB read an hour with shelf: 17 B used, 50 MB left until 2026-11-25T13:00:00Z\n",
		"Limit of 5 writes a day with shelf_put: 0 used, 5 left until 2026-11-26T00:00:00Z (of agent boss, which passed its right on)",
	} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("%q is not in\n%s", want, r.Text)
		}
	}
	if want := `{"kind":"calls","per":"minute","max":1,"used":1,"left":0,"resets":"2026-11-25T12:31:00Z"}`; !strings.Contains(string(r.Structured), want) {
		t.Errorf("%s", r.Structured)
	}
}

// What the caller may not see tells nothing by its limit either.
func TestAHiddenToolHasNoLimitOfItsOwn(t *testing.T) {
	w := newLimited(t, nil, limits.Limit{Kind: limits.Calls, Max: 1, Per: limits.Minute, Tool: "shelf_put"})
	w.SetOffers(tools.Offer{ReadOnly: true}, nil)
	for range 3 {
		if r := w.call(t, "shelf_put", dune); kind(r) != fault.NotFound {
			t.Error(r.Text)
		}
	}
}

// A call that a transport refuses for its scope counts too, and is told that.
func TestACallThatIsDeniedCounts(t *testing.T) {
	w := newLimited(t, nil, limits.Limit{Kind: limits.Calls, Max: 1, Per: limits.Minute})
	w.id.Grants = scope.Grants{}
	for range 2 {
		w.Denied(t.Context(), w.id, tools.Call{Tool: "shelf_get"}, "shelf:book.read")
	}
	for _, r := range w.log.records() {
		if r.Outcome != "not_permitted" || r.Rule != "" {
			t.Errorf("%+v", r)
		}
	}
	if got := w.used(t); got[0] != 1 {
		t.Error(got)
	}
}

func TestWithoutTheStoreOfLimitsNothingIsSent(t *testing.T) {
	w := newLimited(t, nil)
	st, err := store.Open(t.Context(), sqlite(t))
	must(t, err)
	must(t, st.Close())
	w.Budgets = limits.New(limits.Options{Store: noon{st}, Now: middle})
	w.Budgets.Configure([]limits.Limit{{Kind: limits.Writes, Max: 5, Per: limits.Day}}, nil)
	if r := w.call(t, "shelf_put", dune); kind(r) != fault.Internal || !r.Failure.Retryable || !strings.Contains(r.Text, "so nothing was sent") || len(w.requests) > 0 {
		t.Errorf("%+v", r)
	}
	if r := w.call(t, "shelf_get", dune); r.Failure != nil {
		t.Errorf("what no limit counts: %s", r.Text)
	}
	if r := w.call(t, "toolvault_whoami", `{}`); kind(r) != fault.Internal {
		t.Errorf("%+v", r)
	}
}
