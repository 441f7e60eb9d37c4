package slack

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

// Timestamps are ids: "1732460000.000100" is a message. They are never turned
// into a float.
var tsForm = pattern.New(`^\d{10}\.\d{6}$`)

// timeOf is the time of a ts in RFC 3339, UTC; "" for what is none.
func timeOf(ts string) string {
	if !tsForm.MatchString(ts) {
		return ""
	}
	sec, _ := strconv.ParseInt(ts[:10], 10, 64)
	return rfc3339(sec)
}

// rfc3339 is a Unix time in RFC 3339, UTC; "" for what Slack leaves out or gets wrong.
func rfc3339(sec int64) string {
	if sec <= 0 || sec > 9_999_999_999 {
		return ""
	}
	return time.Unix(sec, 0).UTC().Format(time.RFC3339)
}

// moment reads a point in time as a model writes it, or a ts, and returns a ts;
// "" for "". The account's time zone is looked up only where the answer depends
// on it.
func (s *service) moment(ctx context.Context, c *upstream.Client, argument, word string, ahead bool) (string, error) {
	word = strings.TrimSpace(word)
	if word == "" || tsForm.MatchString(word) {
		return word, nil
	}
	clock := when.Clock{Now: s.now(), Zone: time.UTC, Ahead: ahead}
	t, err := when.Parse(argument, word, clock)
	if err != nil {
		return "", err
	}
	clock.Zone = time.FixedZone("", 3600)
	if other, err := when.Parse(argument, word, clock); err != nil || !other.Equal(t) {
		clock.Zone = s.zone(ctx, c)
		if t, err = when.Parse(argument, word, clock); err != nil {
			return "", err
		}
	}
	if t.Unix() < 0 || t.Unix() > 9_999_999_999 {
		return "", fault.New(fault.InvalidArguments, "%s: %q is too far away.", argument, upstream.Clean(word, 40))
	}
	return fmt.Sprintf("%010d.%06d", t.Unix(), t.Nanosecond()/1000), nil
}

// span reads since and until, which have to be in that order.
func (s *service) span(ctx context.Context, c *upstream.Client, since, until string) (oldest, latest string, err error) {
	if oldest, err = s.moment(ctx, c, "since", since, false); err != nil {
		return "", "", err
	}
	if latest, err = s.moment(ctx, c, "until", until, false); err != nil {
		return "", "", err
	}
	if oldest != "" && latest != "" && oldest > latest {
		return "", "", fault.New(fault.InvalidArguments, "since (%s) is later than until (%s). Exchange them.", timeOf(oldest), timeOf(latest))
	}
	return oldest, latest, nil
}

// zone is the time zone of the token's account; UTC where it is not to be had.
func (s *service) zone(ctx context.Context, c *upstream.Client) *time.Location {
	book := s.books.of(c.CredentialKey())
	if zone, known := book.zone(); known {
		return zone
	}
	zone := time.UTC
	if id := s.self(ctx, c).UserID; userID.MatchString(id) {
		if u, err := userInfo(ctx, c, id); err == nil && u.TZ != "" && len(u.TZ) <= 64 {
			if z, err := time.LoadLocation(u.TZ); err == nil && u.TZ != "Local" {
				zone = z
			}
		}
	}
	book.setZone(zone)
	return zone
}
