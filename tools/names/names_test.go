package names

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
)

func TestPick(t *testing.T) {
	stages := []Named{{"1", "Qualified"}, {"2", "Closed won"}, {"3", "Closed lost"}, {"4", "qualified"}, {"closed", "Parked"}}
	for _, c := range []struct {
		word, id string
		kind     fault.Kind
		says     string
	}{
		{"2", "2", "", ""},
		{"closed", "closed", "", ""}, // an id goes before a name
		{"Qualified", "1", "", ""},
		{" closed WON ", "2", "", ""},
		{"lost", "3", "", ""},
		{"QUALIFIED", "", fault.InvalidArguments, "«Qualified» (1), «qualified» (4)"},
		{"clos", "", fault.InvalidArguments, "«Closed won» (2), «Closed lost» (3)"},
		{"Parkd", "", fault.NotFound, `Did you mean «Parked»?`},
		{"zzzzzz", "", fault.NotFound, "There are: «Qualified» (1)"},
	} {
		got, err := Pick("stage", c.word, stages, "x_list")
		f := fault.From(err)
		if got.ID != c.id || (f == nil) != (c.kind == "") || f != nil && (f.Kind != c.kind || !strings.Contains(f.Message, c.says)) {
			t.Errorf("%q: got %v, %v; want %q, %s %q", c.word, got, err, c.id, c.kind, c.says)
		}
	}
	if _, err := Pick("stage", "x", nil, "x_list"); !strings.Contains(err.Error(), "Find the right one with x_list") {
		t.Error(err)
	}
}

func TestCache(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := NewCache[int](func() time.Time { return now }, time.Minute)
	loads := 0
	load := func() (int, error) { loads++; return loads, nil }
	get := func(want int) {
		t.Helper()
		if got, err := c.Get("k", load); err != nil || got != want {
			t.Errorf("got %d, %v; want %d", got, err, want)
		}
	}
	get(1)
	get(1)
	now = now.Add(time.Minute)
	get(2)
	c.Forget("k")
	get(3)
	if _, err := c.Get("other", func() (int, error) { return 0, errors.New("no") }); err == nil {
		t.Error("an error was lost")
	}
	few := NewCache[int](time.Now, time.Minute).AtMost(2)
	for i := range 5 {
		few.Keep(strconv.Itoa(i), i)
	}
	if len(few.by) != 2 {
		t.Errorf("%d values are kept, not 2", len(few.by))
	}
	for i := range 3 * maxKept {
		c.Keep(strconv.Itoa(i), i)
	}
	if len(c.by) > maxKept {
		t.Errorf("%d values are kept", len(c.by))
	}
}
