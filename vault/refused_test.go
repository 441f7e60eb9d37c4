package vault

import (
	"errors"
	"testing"
)

// A service refuses a static secret: it is told once, stands on the record, and is
// over when the service takes the secret again, or another is put in.
func TestRefusedStaticSecret(t *testing.T) {
	for source, kept := range map[string]bool{"vault:slack/a": true, "env:TOOLVAULT_TEST_KEY": false} {
		t.Run(source, func(t *testing.T) {
			k := newKit(t)
			t.Setenv("TOOLVAULT_TEST_KEY", "static-key")
			k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("static-key")})
			d := declare(TypeAPIKey, source)
			k.Configure([]Declaration{d}, servicesFor(k.issuer.URL))
			state := func(want State, told ...State) {
				t.Helper()
				if info, err := k.Show(t.Context(), "slack/a"); kept && (err != nil || info.State != want || (info.Reason == "") != (want == StateOK)) {
					t.Errorf("on record: %+v, %v", info, err)
				}
				events := k.seenOf(EventState)
				if len(events) != len(told) {
					t.Fatalf("told %+v, want %v", events, told)
				}
				for i, e := range events {
					if e.State != told[i] {
						t.Errorf("told %+v, want %v", events, told)
					}
				}
			}
			c := k.resolve(t, d)
			if c.Suspect() {
				t.Error("suspect from the start")
			}
			for range 3 {
				if _, err := k.Renew(t.Context(), k.resolve(t, d)); !errors.Is(err, ErrRefused) {
					t.Fatal(err)
				}
			}
			state(StateBroken, StateBroken)
			c = k.resolve(t, d) // it is still used
			if !c.Suspect() || sent(t, c, "Api-Key") != "static-key" {
				t.Errorf("suspect: %v", c.Suspect())
			}
			k.Accepted(t.Context(), c)
			state(StateOK, StateBroken, StateOK)
			if k.resolve(t, d).Suspect() {
				t.Error("suspect after it was accepted")
			}
			if !kept {
				return
			}
			_, _ = k.Renew(t.Context(), k.resolve(t, d))
			k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("another-key")})
			state(StateOK, StateBroken, StateOK, StateBroken, StateOK)
			k.Accepted(t.Context(), c) // a call that began with the old one ends late
			state(StateOK, StateBroken, StateOK, StateBroken, StateOK)
		})
	}
}

// A rotated key that the service does not take is told of while the one before it
// is used, and that one's success does not make it good.
func TestRefusedNewKey(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("new-key"), Old: NewSecret("old-key")})
	d := declare(TypeAPIKey, "vault:slack/a")
	former, err := k.Renew(t.Context(), k.resolve(t, d))
	if err != nil || sent(t, former, "Api-Key") != "old-key" || former.Suspect() {
		t.Fatalf("%v", err)
	}
	k.Accepted(t.Context(), former)
	if info, err := k.Show(t.Context(), "slack/a"); err != nil || info.State != StateBroken {
		t.Errorf("%+v, %v", info, err)
	}
	if events := k.seenOf(EventState); len(events) != 1 {
		t.Errorf("told %+v", events)
	}
	if again := k.resolve(t, d); sent(t, again, "Api-Key") != "new-key" || !again.Suspect() {
		t.Error("the new key is not tried first any more")
	}
}
