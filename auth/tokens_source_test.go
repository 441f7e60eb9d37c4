package auth_test

import (
	"strings"
	"testing"
	"time"

	"toolvault/auth"
)

// TestWhatWasExchangedEndsWithItsSource: each of three tokens in a row voids those after
// it and none before, in every process.
func TestWhatWasExchangedEndsWithItsSource(t *testing.T) {
	for name, revoke := range map[string]func(s *server, id auth.Identity) error{
		"the token":  func(s *server, id auth.Identity) error { return s.Revoke(t.Context(), id.TokenID, id.Expires) },
		"its client": func(s *server, id auth.Identity) error { return s.RevokeClient(t.Context(), id.Client) },
	} {
		for which := range 3 {
			a, b := newPair(t)
			var tokens []string
			var ids []auth.Identity
			var from []auth.Source
			for _, client := range []string{"first", "second", "third"} {
				token, id := mint(t, a, auth.Request{Agent: "bot", User: "ada", Client: client, From: from})
				tokens, ids, from = append(tokens, token), append(ids, id), id.Sources()
			}
			other, _ := mint(t, a, auth.Request{Agent: "bot", User: "ada", Client: "fourth"})
			if _, err := b.Authenticate(t.Context(), tokens[2]); err != nil { // it is remembered as good
				t.Fatal(err)
			}
			if err := revoke(a, ids[which]); err != nil {
				t.Fatal(err)
			}
			for on, s := range []*server{a, b} {
				within(t, time.Second, "revoked", func() bool {
					_, err := s.Authenticate(t.Context(), tokens[2])
					return reason(err) == "revoked"
				})
				for i, token := range tokens {
					if _, err := s.Authenticate(t.Context(), token); (reason(err) == "revoked") != (i >= which) {
						t.Errorf("%s of token %d is voided, and in process %d token %d: %v", name, which, on, i, err)
					}
				}
				if _, err := s.Authenticate(t.Context(), other); err != nil {
					t.Errorf("a token that came from none of them: %v", err)
				}
			}
		}
	}
}

// TestALateExchangeDoesNotOutliveTheRevocation: a process that has not heard of it yet
// gives a token that is newer than the revocation.
func TestALateExchangeDoesNotOutliveTheRevocation(t *testing.T) {
	for name, revoke := range map[string]func(s *server) error{
		"of the client": func(s *server) error { return s.RevokeClient(t.Context(), "first") },
		"of the user":   func(s *server) error { return s.RevokeUser(t.Context(), "ada") },
	} {
		s := single(t)
		_, id := mint(t, s, auth.Request{Agent: "bot", User: "ada", Client: "first"})
		_, next := mint(t, s, auth.Request{Agent: "bot", User: "ada", Client: "second", From: id.Sources()})
		s.clock.Add(10 * time.Millisecond)
		if err := revoke(s); err != nil {
			t.Fatal(err)
		}
		s.clock.Add(500 * time.Millisecond)
		late, _ := mint(t, s, auth.Request{Agent: "bot", User: "ada", Client: "third", From: next.Sources()})
		if _, err := s.Authenticate(t.Context(), late); reason(err) != "revoked" {
			t.Errorf("the revocation %s: %v", name, err)
		}
		fresh, _ := mint(t, s, auth.Request{Agent: "bot", User: "ada", Client: "first"})
		if _, err := s.Authenticate(t.Context(), fresh); err != nil {
			t.Errorf("after the revocation %s nothing new can be had: %v", name, err)
		}
	}
}

func TestSourcesAreBounded(t *testing.T) {
	s := single(t)
	_, id := mint(t, s, auth.Request{Agent: "bot", Client: strings.Repeat("c", 512)})
	for n := range auth.MaxSources + 1 {
		token, next, err := s.Mint(t.Context(), auth.Request{Agent: "bot", Client: strings.Repeat("c", 512), From: id.Sources()})
		if n == auth.MaxSources {
			if err == nil || !strings.Contains(err.Error(), "begin with a new one") {
				t.Errorf("exchange %d: %v", n+1, err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		read, err := s.Authenticate(t.Context(), token)
		if err != nil || len(read.From) != n+1 || read.From[0].Token != id.TokenID {
			t.Errorf("exchange %d: %+v %v", n+1, read.From, err)
		}
		id = next
	}
	if _, _, err := s.Mint(t.Context(), auth.Request{Agent: "bot", From: []auth.Source{{Token: "agent/bot"}}}); err == nil {
		t.Error("what is no token was taken for one")
	}
}
