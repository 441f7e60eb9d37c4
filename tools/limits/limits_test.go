package limits

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestALimitIsExact(t *testing.T) {
	for _, most := range []int64{1, 2, 5, 60, 1000} {
		s := newMemory()
		b := s.process(0, perMinute(most))
		if n := calls(t, b, 5000); int64(n) != most {
			t.Errorf("of %d calls %d went through", most, n)
		}
	}
}

func TestTheRefusalNamesTheLimitAndTheMomentOfReset(t *testing.T) {
	s := newMemory()
	s.pass(37 * time.Second)
	b := s.process(3*time.Hour, perMinute(1)) // this machine's clock is wrong
	call(t, b)
	err := b.Of("a1", nil, "x", "y").Call(t.Context())
	var e *ExceededError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if want := "agent a1 has used up its limit of 1 call a minute; it begins anew at 2026-11-25T14:01:00Z, in 23 seconds"; e.Error() != want {
		t.Errorf("%s", e)
	}
	s.pass(e.In - time.Millisecond)
	if call(t, b) {
		t.Error("let through before the reset")
	}
	s.pass(time.Millisecond)
	if !call(t, b) {
		t.Error("refused after the reset")
	}
}

func TestWindowsBeginWithTheMinuteHourAndDayOfUTC(t *testing.T) {
	for per, want := range map[Period]string{Minute: "2026-11-25T14:01:00Z", Hour: "2026-11-25T15:00:00Z", Day: "2026-11-26T00:00:00Z"} {
		b := newMemory().process(0, Limit{Kind: Calls, Max: 5, Per: per})
		if got := standing(t, b, "a1")[0].Reset.Format(time.RFC3339); got != want {
			t.Errorf("%s: %s", per, got)
		}
	}
}

func TestWhatIsFarAwayIsNotAskedOfTheStore(t *testing.T) {
	s := newMemory()
	b := s.process(0, Limit{Kind: Calls, Max: 1_000_000, Per: Day})
	if calls(t, b, 20_000) != 20_000 {
		t.Fatal("refused")
	}
	if asked, _ := s.count(); asked > 40 {
		t.Errorf("the store was asked %d times for 20000 calls", asked)
	}
}

func TestWhoHasNoLimitAsksNothing(t *testing.T) {
	s := newMemory()
	b := s.process(0)
	b.Configure(nil, map[string][]Limit{"other": {perMinute(1)}, "slack-only": {{Kind: Calls, Max: 1, Per: Minute, Service: "hubspot"}}})
	calls(t, b, 100)
	if toll := b.Of("slack-only", nil, "slack_post_message", "slack"); toll != nil {
		t.Error("a call of Slack has to pay for HubSpot's limit")
	}
	var none *Budgets
	if none.Of("a1", nil, "x", "y") != nil || (*Toll)(nil).Call(t.Context()) != nil {
		t.Error("no budgets limit something")
	}
	if asked, _ := s.count(); asked != 0 {
		t.Errorf("the store was asked %d times", asked)
	}
}

// Whoever runs into a limit must not run into the store.
func TestRefusalsDoNotReachTheStore(t *testing.T) {
	s := newMemory()
	b := s.process(0, perMinute(1))
	call(t, b)
	call(t, b)
	s.count()
	for range 1000 {
		if call(t, b) {
			t.Fatal("let through")
		}
	}
	if asked, _ := s.count(); asked != 0 {
		t.Errorf("1000 refusals asked the store %d times", asked)
	}
	s.pass(again)
	call(t, b)
	if asked, _ := s.count(); asked == 0 {
		t.Error("the store is never asked again")
	}
}

func TestWhichCallsCount(t *testing.T) {
	for name, c := range map[string]struct {
		limit         Limit
		tool, service string
		counts        bool
	}{
		"all":               {Limit{}, "slack_post_message", "slack", true},
		"all, unknown tool": {Limit{}, "", "", true},
		"service":           {Limit{Service: "slack"}, "slack_post_message", "slack", true},
		"other service":     {Limit{Service: "slack"}, "hubspot_get_object", "hubspot", false},
		"service, unknown":  {Limit{Service: "slack"}, "", "", false},
		"tool":              {Limit{Tool: "slack_post_message"}, "slack_post_message", "slack", true},
		"other tool":        {Limit{Tool: "slack_post_message"}, "slack_read", "slack", false},
		"pattern":           {Limit{Tool: "slack_*"}, "slack_read", "slack", true},
		"pattern, unknown":  {Limit{Tool: "*_*"}, "", "", false},
	} {
		c.limit.Kind, c.limit.Max, c.limit.Per = Calls, 1, Minute
		b := newMemory().process(0, c.limit)
		if got := b.Of("a1", nil, c.tool, c.service) != nil; got != c.counts {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnAgentsOwnLimitTakesThePlaceOfTheOneForAll(t *testing.T) {
	s := newMemory()
	b := s.process(0)
	b.Configure(
		[]Limit{perMinute(2), {Kind: Calls, Max: 3, Per: Hour}, {Kind: Writes, Max: 1, Per: Day}},
		map[string][]Limit{"a1": {{Kind: Calls, Max: 100, Per: Hour}, {Kind: Calls, Max: 7, Per: Hour, Service: "slack"}}},
	)
	var got []string
	for _, s := range standing(t, b, "a1") {
		got = append(got, s.Limit.String())
	}
	if want := "1 write a day, 100 calls an hour, 7 calls an hour with slack, 2 calls a minute"; strings.Join(got, ", ") != want {
		t.Errorf("%q", got)
	}
	if len(standing(t, b, "a2")) != 3 {
		t.Error("the limits for all do not hold for another")
	}
}

// A call that one limit refuses takes nothing from the others.
func TestWhatIsRefusedTakesNothing(t *testing.T) {
	s := newMemory()
	b := s.process(0, Limit{Kind: Calls, Max: 100, Per: Day}, perMinute(3))
	calls(t, b, 50)
	call(t, b)
	for _, st := range standing(t, b, "a1") {
		if st.Used != 3 {
			t.Errorf("%s", st)
		}
	}
	s.pass(time.Minute)
	if n := calls(t, b, 50); n != 3 {
		t.Errorf("%d in the next minute", n)
	}
}

// Of several limits that are reached the one that holds longest is told.
func TestTheLongestRefusalIsTold(t *testing.T) {
	b := newMemory().process(0, perMinute(2), Limit{Kind: Calls, Max: 2, Per: Day})
	calls(t, b, 2)
	var e *ExceededError
	if err := b.Of("a1", nil, "x", "y").Call(t.Context()); !errors.As(err, &e) || e.Limit.Per != Day {
		t.Error(err)
	}
}

func TestWhoPassedTheRightOnPaysToo(t *testing.T) {
	s := newMemory()
	b := s.process(0)
	b.Configure(nil, map[string][]Limit{"boss": {perMinute(2)}, "a1": {perMinute(5)}})
	for i := range 3 {
		err := b.Of("a1", []string{"boss", "a1", "boss"}, "x", "y").Call(t.Context())
		var e *ExceededError
		if i < 2 && err != nil || i == 2 && (!errors.As(err, &e) || e.Agent != "boss") {
			t.Error(i, err)
		}
	}
	all := standing(t, b, "a1", "boss", "boss")
	if len(all) != 2 || all[0].Used != 2 || all[1].Agent != "boss" || all[1].Left != 0 {
		t.Errorf("%v", all)
	}
}

func TestBytesAreCountedAfterwards(t *testing.T) {
	s := newMemory()
	b := s.process(0, Limit{Kind: Bytes, Max: 1_000_000, Per: Hour})
	toll := b.Of("a1", nil, "x", "y")
	read := 0
	for toll.Open(t.Context()) == nil {
		toll.Read(t.Context(), 300_000)
		read++
	}
	if read != 4 { // the fourth passes the limit, the fifth is refused
		t.Errorf("%d calls", read)
	}
	if st := standing(t, b, "a1")[0]; st.Used != 1_200_000 || st.Left != 0 {
		t.Errorf("%s", st)
	}
	s.pass(time.Hour)
	if err := toll.Open(t.Context()); err != nil {
		t.Error("after the reset:", err)
	}
}

// What a process has read beyond its slice others know at once, even if it dies then.
func TestBytesThatWereReadAreToldAtOnce(t *testing.T) {
	s := newMemory()
	limit := Limit{Kind: Bytes, Max: 1_000_000, Per: Hour}
	toll := s.process(0, limit).Of("a1", nil, "x", "y")
	must(t, toll.Open(t.Context()))
	toll.Read(t.Context(), 990_000)
	if st := standing(t, s.process(0, limit), "a1")[0]; st.Used < 990_000 {
		t.Errorf("%s", st)
	}
}

// Near its end a budget is counted one by one: nobody holds what another could use.
func TestLittleIsSharedOneByOne(t *testing.T) {
	for n := 1; n < near; n++ {
		s := newMemory()
		a, b := s.process(0, perMinute(near-1)), s.process(0, perMinute(near-1))
		calls(t, a, n)
		if got := calls(t, b, 100); got != near-1-n {
			t.Errorf("after %d calls of one process another makes %d of %d", n, got, near-1)
		}
	}
}

func TestAWriteThatWasNotMadeIsGivenBack(t *testing.T) {
	s := newMemory()
	b := s.process(0, Limit{Kind: Writes, Max: 2, Per: Minute})
	toll := b.Of("a1", nil, "x", "y")
	for range 10 {
		paid, err := toll.Write(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		paid.Back()
		paid.Back() // twice is once
	}
	if n := writes(t, b, 9); n != 2 {
		t.Errorf("this minute has %d writes, not its two", n)
	}
	s.pass(time.Minute)
	paid, _ := toll.Write(t.Context())
	s.pass(time.Minute)
	if n := writes(t, b, 2); n != 2 {
		t.Errorf("the next minute has %d writes, not its two", n)
	}
	paid.Back() // of the minute before
	if writes(t, b, 1) != 0 {
		t.Error("what comes back late is used in the next window")
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "800000": 800_000, "50MB": 50_000_000, "50 MB": 50_000_000, "1.5GB": 1_500_000_000, "512KiB": 512 << 10, "2mib": 2 << 20, "10B": 10, "3kB": 3000,
		"": -1, "MB": -1, "1TB": -1, "-5MB": -1, "1e9": -1, "0x10": -1, "1_000": -1, "NaN": -1, "5 M B": -1, "99999999999999GB": -1, "1.2.3": -1,
	} {
		got, err := ParseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1500: "1.5 kB", 50_000_000: "50 MB", 1_234_567_890: "1.23 GB", 100: "100 B", 200_000: "200 kB"} {
		if got := FormatSize(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestLimitsInWords(t *testing.T) {
	for want, l := range map[string]Limit{
		"60 calls a minute":                          perMinute(60),
		"1 write a day with slack_post_message":      {Kind: Writes, Max: 1, Per: Day, Tool: "slack_post_message"},
		"50 MB read an hour with hubspot":            {Kind: Bytes, Max: 50_000_000, Per: Hour, Service: "hubspot"},
		"limits: there is no kind \"\"":              {Max: 1, Per: Day},
		"limits: there is no period \"week\"":        {Kind: Calls, Max: 1, Per: "week"},
		"limits: 0 calls: 1 to 1000000000 are":       {Kind: Calls, Per: Day},
		"limits: a limit is of a service or of tool": {Kind: Calls, Max: 1, Per: Day, Service: "x", Tool: "y"},
	} {
		got := l.String()
		if err := l.Check(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
	}
	s := Standing{Limit: perMinute(60), Used: 12, Left: 48, Reset: time.Date(2026, 11, 25, 14, 5, 0, 0, time.UTC)}
	if got := fmt.Sprint(s); got != "60 calls a minute: 12 used, 48 left until 2026-11-25T14:05:00Z" {
		t.Error(got)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
