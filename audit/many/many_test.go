package many

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolvault/audit"
)

func TestAWriteStandsWhereItBegan(t *testing.T) {
	dir := writeLog(t, "l",
		read("r1", 0), intent("w1", time.Second), read("r2", 2*time.Second), intent("w2", 3*time.Second),
		outcome("w2", 4*time.Second, "ok"), outcome("w1", 5*time.Second, "timeout"), read("r3", 6*time.Second), intent("gone", 7*time.Second), read("r4", 8*time.Second),
	)
	equal(t, listed(t, dir, audit.Filter{}), "r1:ok", "w1:timeout", "r2:ok", "w2:ok", "r3:ok", "gone:unknown", "r4:ok")
	equal(t, listed(t, dir, audit.Filter{Limit: 2}), "r1:ok", "w1:timeout")
	equal(t, listed(t, dir, audit.Filter{Outcome: "timeout"}), "w1:timeout")
	equal(t, listed(t, dir, audit.Filter{Outcome: audit.StatusUnknown}), "gone:unknown")
	equal(t, listed(t, dir, audit.Filter{Since: noon.Add(time.Second), Until: noon.Add(3 * time.Second)}), "w1:timeout", "r2:ok")
	equal(t, listed(t, dir, audit.Filter{User: "nobody"}))
}

// TestAnOutcomeWithoutItsIntentIsShown: its segment was moved away.
func TestAnOutcomeWithoutItsIntentIsShown(t *testing.T) {
	equal(t, listed(t, writeLog(t, "l", outcome("w", 0, "ok"), read("r", 1)), audit.Filter{}), "w:ok", "r:ok")
}

// TestTheSameAsQuery holds the order and the joins against audit.Query, for logs of
// any kind.
func TestTheSameAsQuery(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var records []audit.Record
		var open []string
		at := time.Duration(0)
		for i := range rapid.IntRange(0, 40).Draw(rt, "records") {
			at += time.Duration(rapid.IntRange(0, 90).Draw(rt, "gap")) * time.Second
			switch id := fmt.Sprint("c", i); {
			case len(open) > 0 && rapid.Bool().Draw(rt, "ends"):
				n := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
				records = append(records, outcome(open[n], at, rapid.SampledFrom([]string{"ok", "timeout"}).Draw(rt, "kind")))
				open = slices.Delete(open, n, n+1)
			case rapid.Bool().Draw(rt, "writes"):
				records, open = append(records, intent(id, at)), append(open, id)
			default:
				records = append(records, read(id, at))
			}
		}
		dir := writeLog(t, "l", records...)
		f := audit.Filter{}
		if rapid.Bool().Draw(rt, "bounded") {
			f.Since = noon.Add(time.Duration(rapid.IntRange(0, 1000).Draw(rt, "since")) * time.Second)
			f.Until = f.Since.Add(time.Duration(rapid.IntRange(0, 1000).Draw(rt, "length")) * time.Second)
		}
		list, err := audit.Query(t.Context(), dir, f)
		if err != nil {
			rt.Fatal(err)
		}
		var want []string
		for _, e := range slices.Backward(list) {
			want = append(want, fmt.Sprintf("%s:%s", e.CallID, e.Status))
		}
		if got := listed(t, dir, f); !slices.Equal(got, want) {
			rt.Errorf("%v\nwant %v", got, want)
		}
	})
}

// TestWhatWaitsIsBounded: a write that never ends holds up 8 MiB and no more.
func TestWhatWaitsIsBounded(t *testing.T) {
	records := []audit.Record{intent("slow", 0)}
	for i := range 400 {
		r := read(fmt.Sprint("r", i), time.Duration(i)*time.Millisecond)
		r.Message = strings.Repeat("x", 60_000)
		records = append(records, r)
	}
	records = append(records, outcome("slow", time.Second, "ok"), read("last", 2*time.Second))
	got := listed(t, writeLog(t, "l", records...), audit.Filter{})
	if len(got) != 402 || got[0] != "r0:ok" || got[400] != "slow:ok" || got[401] != "last:ok" {
		t.Errorf("%d entries, %v … %v", len(got), got[:2], got[len(got)-2:])
	}
}

func TestSeekFindsTheTime(t *testing.T) {
	var records []audit.Record
	for i := range 200 {
		records = append(records, read(fmt.Sprint(i), time.Duration(i)*time.Hour))
	}
	dir := writeLog(t, "l", records...)
	for _, c := range []struct {
		since time.Duration
		want  int64
	}{{-time.Hour, 0}, {0, 0}, {2 * time.Hour, 1}, {100*time.Hour + time.Minute, 100}, {500 * time.Hour, 200}} {
		index, size, err := Seek(dir, noon.Add(c.since))
		if err != nil || index != c.want || size != 200 {
			t.Errorf("since %v: %d of %d, %v; want %d", c.since, index, size, err, c.want)
		}
	}
}

func TestLogsAreOneByTime(t *testing.T) {
	one := folder("one", writeLog(t, "one", read("a", 0), intent("b", 2*time.Second), read("c", 4*time.Second), outcome("b", 5*time.Second, "ok")))
	two := folder("two", writeLog(t, "two", read("x", time.Second), read("y", 3*time.Second)))
	empty := folder("empty", writeLog(t, "empty"))
	logs := Logs{one, two, empty}
	var got []string
	take := func(e Entry) error {
		got = append(got, e.Log+"/"+e.CallID)
		return nil
	}
	if err := logs.Oldest(t.Context(), audit.Filter{}, take); err != nil {
		t.Fatal(err)
	}
	equal(t, got, "one/a", "two/x", "one/b", "two/y", "one/c")
	got = nil
	if err := logs.Newest(t.Context(), audit.Filter{Limit: 3}, take); err != nil {
		t.Fatal(err)
	}
	equal(t, got, "one/c", "two/y", "one/b")
	got = nil
	if err := logs[:1].Oldest(t.Context(), audit.Filter{Limit: 1}, take); err != nil {
		t.Fatal(err)
	}
	equal(t, got, "/a") // one log needs no name
}

// TestALogThatFailsIsNamed, and nothing is taken for its end.
func TestALogThatFailsIsNamed(t *testing.T) {
	broken := errors.New("the disk is gone")
	bad := Log{Name: "bad", Oldest: func(context.Context, audit.Filter, func(audit.Entry) error) error { return broken }}
	err := Logs{folder("good", writeLog(t, "g", read("a", 0))), bad}.Oldest(t.Context(), audit.Filter{}, func(Entry) error { return nil })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "log bad") {
		t.Error(err)
	}
	stop := errors.New("stop")
	err = Logs{folder("g", writeLog(t, "g", read("a", 0), read("b", 1))), folder("h", writeLog(t, "h", read("c", 0)))}.Oldest(t.Context(), audit.Filter{}, func(Entry) error { return stop })
	if err != stop {
		t.Error(err)
	}
}
