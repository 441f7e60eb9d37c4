package login_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/login"
)

func keyOf(key any, kid string) jose.JSONWebKey { return jose.JSONWebKey{Key: key, KeyID: kid} }

func (s *site) beginFrom(address string, on int) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", login.Path, nil)
	r.RemoteAddr = address
	s.handler[on].ServeHTTP(w, r)
	return w
}

// TestNobodyFillsTheStore: a network begins 300 sign-ins at once and five a second, at all
// replicas together; another network is not held up.
func TestNobodyFillsTheStore(t *testing.T) {
	for name, on := range stores() {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			s := newSiteOn(t, p, 2, on(t))
			begun := 0
			var last *httptest.ResponseRecorder
			start := time.Now()
			for i := range 400 {
				last = s.beginFrom(fmt.Sprintf("[2001:db8::%x]:4711", i), i%2)
				switch last.Code {
				case http.StatusSeeOther:
					begun++
				case http.StatusTooManyRequests:
				default:
					t.Fatal(last.Code, last.Body)
				}
			}
			more := int(time.Since(start)/(200*time.Millisecond)) + 1
			if begun < 300 || begun > 300+more {
				t.Errorf("%d were begun", begun)
			}
			if last.Code != http.StatusTooManyRequests || last.Header().Get("Retry-After") == "" || !strings.Contains(last.Body.String(), "Too many sign-ins") || len(last.Result().Cookies()) != 0 {
				t.Errorf("%d %v %s", last.Code, last.Header(), last.Body)
			}
			if events, _ := s.record(); len(events) == 0 || events[0].Kind != login.Refused || !strings.HasPrefix(events[0].Address, "2001:db8::1") {
				t.Errorf("on record: %+v", events)
			}
			if w := s.beginFrom("[2001:db8:0:1::1]:4711", 0); w.Code != http.StatusSeeOther {
				t.Errorf("another network: %d", w.Code)
			}
		})
	}
}

// TestNobodyFillsTheLog: of what anybody can cause, ten lines a second, and how many
// there were besides.
func TestNobodyFillsTheLog(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p, 1)
	start := time.Now()
	for i := range 200 {
		w := httptest.NewRecorder()
		s.handler[0].ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("%s?state=%d&code=canary", login.CallbackPath, i), nil))
		if w.Code != http.StatusBadRequest || len(w.Result().Cookies()) != 0 {
			t.Fatal(w.Code, w.Result().Cookies())
		}
	}
	events, _ := s.record()
	if most := 10 * (1 + int(time.Since(start)/time.Second)); len(events) < 10 || len(events) > most {
		t.Errorf("%d lines of 200, %d are the most", len(events), most)
	}
	s.pass(2 * time.Second)
	s.logout(t, "x")
	counted := 0
	events, _ = s.record()
	for _, e := range events {
		counted++
		var more int
		if _, after, ok := strings.Cut(e.Reason, " ("); ok {
			if _, err := fmt.Sscanf(after, "%d more were not recorded", &more); err == nil {
				counted += more
			}
		}
		if strings.Contains(e.Reason, "canary") {
			t.Error("the code is in the log")
		}
	}
	if counted != 201 {
		t.Errorf("the log counts %d of 201", counted)
	}
}

// TestNobodyMakesUsAskTheProvider more than once in two seconds, with tokens of keys that
// there are not.
func TestNobodyMakesUsAskTheProvider(t *testing.T) {
	p, stranger := newProvider(t), newProvider(t)
	s := newSite(t, p, 1)
	signedIn(t, s)
	before := p.requests("/keys")
	start := time.Now()
	for i := range 100 {
		junk := signed(t, jose.ES256, keyOf(stranger.key, fmt.Sprint(i)), nil, m{"iss": p.URL, "aud": "toolvault"})
		if status := s.logout(t, junk); status != http.StatusBadRequest {
			t.Fatal(status)
		}
	}
	if n, most := p.requests("/keys")-before, 1+int(time.Since(start)/(2*time.Second)); n > most {
		t.Errorf("its keys were asked for %d times", n)
	}
}
