package limits

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"toolvault/auth"
)

// Kind is what a limit counts.
type Kind string

// The kinds.
const (
	Calls  Kind = "calls"  // every call, refused ones too
	Writes Kind = "writes" // calls that change something and were sent
	Bytes  Kind = "bytes"  // of results
)

var kinds = [...]Kind{Calls, Writes, Bytes}

// Period is the length of a window. Windows follow each other without a gap and
// begin with the minute, hour or day of UTC.
type Period string

// The periods.
const (
	Minute Period = "minute"
	Hour   Period = "hour"
	Day    Period = "day"
)

// Length is how long a window of the period is; 0: there is no such period.
func (p Period) Length() time.Duration {
	switch p {
	case Minute:
		return time.Minute
	case Hour:
		return time.Hour
	case Day:
		return 24 * time.Hour
	}
	return 0
}

// What a limit may be at most: enough for any, and far from where sums overflow.
const (
	MaxCount = 1_000_000_000 // calls or writes
	MaxBytes = 1 << 50
)

// Limit is so many calls, writes or bytes a minute, hour or day.
type Limit struct {
	Kind    Kind
	Max     int64 // 1 to MaxCount, or to MaxBytes
	Per     Period
	Service string // only calls of its tools count; "": of all
	Tool    string // only calls of this tool count, or of those that fit a pattern as in a policy ("slack_*"); "": of all
}

// Check reports what is wrong with a limit.
func (l Limit) Check() error {
	most := int64(MaxCount)
	if l.Kind == Bytes {
		most = MaxBytes
	}
	switch {
	case l.Kind != Calls && l.Kind != Writes && l.Kind != Bytes:
		return fmt.Errorf("limits: there is no kind %q", l.Kind)
	case l.Per.Length() == 0:
		return fmt.Errorf("limits: there is no period %q", l.Per)
	case l.Max < 1 || l.Max > most:
		return fmt.Errorf("limits: %d %s: 1 to %d are possible", l.Max, l.Kind, most)
	case l.Service != "" && l.Tool != "":
		return errors.New("limits: a limit is of a service or of tools, not of both")
	}
	return nil
}

// Same reports whether both count the same, however much of it they allow.
func (l Limit) Same(other Limit) bool {
	l.Max = other.Max
	return l == other
}

// String is a limit as it is said to people and models: "60 calls a minute",
// "50 MB read an hour with hubspot", "5 writes a day with slack_post_message".
func (l Limit) String() string {
	what := l.Amount(l.Max)
	if l.Kind == Bytes {
		what += " read"
	}
	article := " a "
	if l.Per == Hour {
		article = " an "
	}
	return what + article + string(l.Per) + l.of()
}

func (l Limit) of() string {
	if l.Service != "" || l.Tool != "" {
		return " with " + l.Service + l.Tool
	}
	return ""
}

// Amount is so much of what the limit counts: "60 calls", "1 write", "1.5 MB".
func (l Limit) Amount(n int64) string {
	if l.Kind == Bytes {
		return FormatSize(n)
	}
	word := string(l.Kind)
	if n == 1 {
		word = strings.TrimSuffix(word, "s")
	}
	return strconv.FormatInt(n, 10) + " " + word
}

// covers reports whether a call of the tool counts. An unknown tool has no name
// and no service.
func (l Limit) covers(tool, service string) bool {
	return (l.Service == "" || l.Service == service) && (l.Tool == "" || tool != "" && auth.Matches(l.Tool, tool))
}

var units = []struct {
	name string
	size int64
}{
	{"GB", 1_000_000_000}, {"MB", 1_000_000}, {"kB", 1000}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
}

// ParseSize reads a number of bytes: "50MB", "1.5 GB", "512KiB", "800000".
func ParseSize(text string) (int64, error) {
	bad := errors.New(`a size is a number and B, kB, MB, GB, KiB, MiB or GiB, such as "50MB"`)
	number := strings.TrimRight(text, "bBkKmMgGiI ")
	unit := strings.TrimSpace(text[len(number):])
	size := int64(0)
	for _, u := range units {
		if strings.EqualFold(u.name, unit) || unit == "" && u.name == "B" {
			size = u.size
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || size == 0 || strings.ContainsAny(number, "xXpPeEnN_+-") || f*float64(size) > MaxBytes {
		return 0, bad
	}
	return int64(f * float64(size)), nil
}

// FormatSize is a number of bytes as people write it, to three digits: "50 MB".
func FormatSize(n int64) string {
	for _, u := range units[:3] {
		if n >= u.size {
			text := strconv.FormatFloat(float64(n)/float64(u.size), 'f', 2, 64)
			return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}
