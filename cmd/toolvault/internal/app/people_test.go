package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"toolvault/audit"
	"toolvault/auth/login"
	"toolvault/auth/people"
)

// open is a toolvault in a folder of its own.
func open(t *testing.T) *App {
	t.Helper()
	a, err := Open(t.Context(), Options{Data: filepath.Join(t.TempDir(), "d"), Version: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// lastRecord is what the log was told last.
func (a *App) lastRecord(t *testing.T) audit.Record {
	t.Helper()
	found, err := audit.Query(context.Background(), AuditDir(a.Dir), audit.Filter{Limit: 1})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d records: %v", len(found), err)
	}
	return found[0].Record
}

// TestHowSomebodySignedInIsOnRecord: by a password, a passkey, an invitation or the
// company's provider.
func TestHowSomebodySignedInIsOnRecord(t *testing.T) {
	a := open(t)
	for _, c := range []struct {
		event                       people.Event
		outcome, transport, message string
	}{
		{people.Event{Kind: people.SignedIn, Address: "192.0.2.1", How: people.ByPassword}, "ok", "http", "by password from 192.0.2.1"},
		{people.Event{Kind: people.SignedIn, Address: "192.0.2.1", How: people.ByPasskey}, "ok", "http", "by passkey from 192.0.2.1"},
		{people.Event{Kind: people.PasskeyAdded, Address: "192.0.2.1", How: people.ByInvite}, "ok", "http", "by invitation from 192.0.2.1"},
		{people.Event{Kind: people.SignInFailed, Address: "192.0.2.1", How: people.ByCompany, Reason: "disabled"}, "failed", "http", "by company from 192.0.2.1: disabled"},
		{people.Event{Kind: people.SignInDelayed, Address: "192.0.2.1", How: people.ByPassword}, "refused", "http", "by password from 192.0.2.1"},
		{people.Event{Kind: people.SignedOut, How: people.ByCompany, Reason: "the provider ended it"}, "ok", "cli", "by company: the provider ended it"},
		{people.Event{Kind: people.SignInFailed, Address: "192.0.2.1", How: people.ByPassword, Reason: "wrong password"}, "failed", "http", "by password from 192.0.2.1: wrong password"},
		{people.Event{Kind: people.GroupsChanged, Reason: "in no groups"}, "ok", "cli", "in no groups"},
		{people.Event{Kind: people.Added}, "ok", "cli", ""},
	} {
		c.event.Person = "ada"
		if err := a.observePeople(t.Context(), c.event); err != nil {
			t.Fatal(err)
		}
		r := a.lastRecord(t)
		if r.Event != "person."+c.event.Kind || r.User != "ada" || r.Outcome != c.outcome || r.Transport != c.transport || r.Message != c.message {
			t.Errorf("%+v is on record as %s of %s, %s, over %s: %q", c.event, r.Event, r.User, r.Outcome, r.Transport, r.Message)
		}
	}
	if err := a.observeLogin(t.Context(), login.Event{Kind: login.Refused, Address: "192.0.2.1", Reason: "why"}); err != nil {
		t.Fatal(err)
	}
	if r := a.lastRecord(t); r.Event != "login.refused" || r.Outcome != "refused" || r.Message != "from 192.0.2.1: why" {
		t.Errorf("%+v", r)
	}
}
