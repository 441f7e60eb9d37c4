package slack

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Timestamps are ids: "1732460000.000100" is a message. They are never turned
// into a float.
var (
	tsForm   = regexp.MustCompile(`^\d{10}\.\d{6}$`)
	agoForm  = regexp.MustCompile(`^(\d{1,4})([mhdw])$`)
	agoUnits = map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
)

// timeOf is the time of a ts in RFC 3339, UTC; "" for what is none.
func timeOf(ts string) string {
	if !tsForm.MatchString(ts) {
		return ""
	}
	sec, _ := strconv.ParseInt(ts[:10], 10, 64)
	return time.Unix(sec, 0).UTC().Format(time.RFC3339)
}

// moment reads a point in time as a model writes it: a ts, "24h" or "7d" ago, a
// date (UTC) or RFC 3339. The result is a ts; "" for "".
func moment(argument, word string, now time.Time) (string, error) {
	word = strings.TrimSpace(word)
	if word == "" || tsForm.MatchString(word) {
		return word, nil
	}
	var t time.Time
	var err error
	if m := agoForm.FindStringSubmatch(word); m != nil {
		n, _ := strconv.Atoi(m[1])
		t = now.Add(-time.Duration(n) * agoUnits[m[2]])
	} else if t, err = time.Parse(time.RFC3339, word); err != nil {
		t, err = time.Parse(time.DateOnly, word)
	}
	if err != nil || t.Unix() < 0 || t.Unix() > 9_999_999_999 {
		return "", fault.New(fault.InvalidArguments, "%s: %q is no time. Write 24h or 7d for ago, a date such as 2026-11-24, RFC 3339, or a message's ts.", argument, upstream.Clean(word, 40))
	}
	return fmt.Sprintf("%010d.%06d", t.Unix(), t.Nanosecond()/1000), nil
}
