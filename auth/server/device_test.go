package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/auth/client"
	"toolvault/vault/store/storetest"
)

// begin is a device's request.
func (p *plant) begin(pairs ...string) deviceStart {
	p.h.t.Helper()
	if len(pairs) == 0 || pairs[0] != "client_id" {
		pairs = append([]string{"client_id", "tv"}, pairs...)
	}
	got := p.call(DeviceAuthPath, pairs...)
	var d deviceStart
	if err := json.Unmarshal([]byte(got.body), &d); err != nil || got.Status != http.StatusOK {
		p.h.t.Fatalf("no device code: %d %s", got.Status, got.body)
	}
	return d
}

func (p *plant) poll(d deviceStart, pairs ...string) told {
	p.h.t.Helper()
	form := append([]string{"grant_type", client.GrantDevice, "device_code", d.DeviceCode}, pairs...)
	if len(pairs) == 0 || pairs[0] != "client_id" {
		form = append(form, "client_id", "tv")
	}
	return p.call(TokenPath, form...)
}

// deviceForm is a form of the device's pages, in a browser.
type deviceForm struct {
	p       *plant
	person  string
	address string
	page    *httptest.ResponseRecorder
	cookies []*http.Cookie
	form    url.Values
}

// open is the page of codes, for a person who is signed in.
func (p *plant) open(person string) *deviceForm {
	p.h.t.Helper()
	w := p.browse(person, DevicePath)
	if w.Code != http.StatusOK {
		p.h.t.Fatalf("no page: %d %s", w.Code, w.Body)
	}
	return &deviceForm{p, person, "192.0.2.1", w, w.Result().Cookies(), formOf(w.Body.String())}
}

// send sends the form that is open, and opens the next.
func (f *deviceForm) send(pairs ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for name, values := range f.form {
		form[name] = values
	}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req := httptest.NewRequest(http.MethodPost, DevicePath, strings.NewReader(form.Encode()))
	req.RemoteAddr = f.address + ":4711"
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", fixturePublic)
	if f.person != "" {
		req.AddCookie(&http.Cookie{Name: "person", Value: f.person})
	}
	for _, c := range f.cookies {
		req.AddCookie(c)
	}
	w := f.p.serve(req)
	f.page = w
	if next := formOf(w.Body.String()); next.Has("csrf") {
		f.form = next
	}
	return w
}

// let goes the whole way of a person who lets a device in.
func (p *plant) let(person, code string, pairs ...string) {
	p.h.t.Helper()
	f := p.open(person)
	if w := f.send("code", code); w.Code != http.StatusOK {
		p.h.t.Fatalf("no question: %d %s", w.Code, w.Body)
	}
	if w := f.send(append([]string{"answer", "allow"}, pairs...)...); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), deviceInNote) {
		p.h.t.Fatalf("not let in: %d %s", w.Code, w.Body)
	}
}

func TestDeviceIsLetInOnceByAPerson(t *testing.T) {
	p := newPlant(t, "")
	d := p.begin("scope", "crm:read-write")
	if d.ExpiresIn != 600 || d.Interval != 5 || d.URI != fixturePublic+DevicePath || d.Complete != d.URI+"?user_code="+d.UserCode || len(d.UserCode) != 9 {
		t.Errorf("%+v", d)
	}
	if got := p.poll(d); got.Error != "authorization_pending" || got.Status != http.StatusBadRequest {
		t.Fatal(got.body)
	}
	f := p.open("alice")
	w := f.send("code", strings.ToLower(strings.ReplaceAll(d.UserCode, "-", " ")))
	for _, want := range []string{"Television", "192.0.2.1", d.UserCode, "alice", deviceWarning, "crm: read and change everything"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the question does not say %q", want)
		}
	}
	if got := p.poll(d); got.Error != "slow_down" {
		t.Errorf("before anybody has answered: %s", got.body)
	}
	if w := f.send("answer", "allow", "agent", "bot", "read_only", "1"); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if e := p.h.last(Consented); e.User != "alice" || e.Client != "tv" || e.Agent != "bot" || e.Grant != client.GrantDevice || e.Scope == "" {
		t.Errorf("the log has %+v", e)
	}
	got := p.poll(d)
	if got.Status != http.StatusOK || got.Refresh == "" {
		t.Fatal(got.body)
	}
	id := p.who(got.Access)
	if id.User != "alice" || id.Agent != "bot" || id.Client != "tv" || id.Grant == "" || strings.Contains(id.Grants.String(), "write") {
		t.Errorf("the token is for %+v", id)
	}
	if got := p.call(TokenPath, "grant_type", client.GrantRefresh, "client_id", "tv", "refresh_token", got.Refresh); got.Status != http.StatusOK {
		t.Errorf("its refresh token: %s", got.body)
	}
	if again := p.poll(d); again.Error != "invalid_grant" {
		t.Errorf("redeemed twice: %s", again.body)
	}
	if p.alive(got.Access) {
		t.Error("a device code came twice, and the token goes on")
	}
	if p.h.told(Replayed) != 1 {
		t.Error("no event tells of it")
	}
}

func TestDeviceCodeIsRedeemedOnceAmongManyAtOnce(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, url)
			a, b := newPlantIn(t, h), newPlantIn(t, h)
			d := a.begin()
			b.let("bob", d.UserCode)
			if n := atOnce(8, func(i int) bool { return []*plant{a, b}[i%2].poll(d).Status == http.StatusOK }); n != 1 {
				t.Errorf("redeemed %d times", n)
			}
		})
	}
}

func TestDeviceAnswers(t *testing.T) {
	p := newPlant(t, "")
	t.Run("no", func(t *testing.T) {
		d := p.begin()
		f := p.open("alice")
		f.send("code", d.UserCode)
		if w := f.send("answer", "deny"); !strings.Contains(w.Body.String(), deviceOutNote) {
			t.Fatal(w.Body)
		}
		if got := p.poll(d); got.Error != "access_denied" {
			t.Error(got.body)
		}
		if e := p.h.last(Denied); e.User != "alice" || e.Client != "tv" {
			t.Errorf("%+v", e)
		}
		if w := f.send("answer", "allow", "agent", "bot"); w.Code == http.StatusOK || p.poll(d).Error != "access_denied" {
			t.Error("a no became a yes")
		}
	})
	t.Run("too late", func(t *testing.T) {
		d := p.begin()
		p.h.clock.pass(deviceFor)
		if got := p.poll(d); got.Error != "expired_token" {
			t.Error(got.body)
		}
		if w := p.open("alice").send("code", d.UserCode); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "No device waits") {
			t.Error(w.Body)
		}
	})
	t.Run("the interval is kept, and grows", func(t *testing.T) {
		d := p.begin()
		for i, step := range []struct {
			after time.Duration
			want  string
		}{
			{0, "authorization_pending"}, {4 * time.Second, "slow_down"}, {9 * time.Second, "slow_down"}, {15 * time.Second, "authorization_pending"},
		} {
			p.h.clock.pass(step.after)
			if got := p.poll(d); got.Error != step.want {
				t.Errorf("%d: %s, want %s", i, got.body, step.want)
			}
		}
	})
	t.Run("another client", func(t *testing.T) {
		d := p.begin()
		p.let("bob", d.UserCode)
		if got := p.poll(d, "client_id", "radio"); got.Error != "invalid_grant" {
			t.Error(got.body)
		}
		if got := p.poll(d); got.Status != http.StatusOK {
			t.Errorf("and then its own: %s", got.body)
		}
	})
	t.Run("a client that may not", func(t *testing.T) {
		if got := p.call(DeviceAuthPath, "client_id", "web"); got.Error != "unauthorized_client" {
			t.Error(got.body)
		}
		if got := p.call(DeviceAuthPath, as("c-bot")...); got.Error != "unauthorized_client" {
			t.Error(got.body)
		}
	})
	t.Run("what nobody could grant", func(t *testing.T) {
		for _, pairs := range [][]string{
			{"resource", "https://elsewhere.example.com"}, {"resource", fixturePublic + AdminPath}, {"agent", "nobody"},
			{"agent", "bot", "task", "nothing"}, {"agent", strings.Repeat("x", 300)},
		} {
			if got := p.call(DeviceAuthPath, append([]string{"client_id", "tv"}, pairs...)...); got.Status != http.StatusBadRequest {
				t.Errorf("%v: %s", pairs, got.body)
			}
		}
	})
	t.Run("a made-up code", func(t *testing.T) {
		if got := p.poll(deviceStart{DeviceCode: random(32)}); got.Error != "invalid_grant" {
			t.Error(got.body)
		}
	})
	t.Run("who agreed has left", func(t *testing.T) {
		d := p.begin()
		p.let("bob", d.UserCode)
		p.h.change(func() { bob := p.h.people["bob"]; bob.Disabled = true; p.h.people["bob"] = bob })
		defer p.h.change(func() { bob := p.h.people["bob"]; bob.Disabled = false; p.h.people["bob"] = bob })
		if got := p.poll(d); got.Error != "invalid_grant" {
			t.Error(got.body)
		}
	})
}

func TestDeviceForAnAdministrator(t *testing.T) {
	p := newPlant(t, "")
	d := p.begin("client_id", "radio", "resource", fixturePublic+AdminPath)
	p.let("alice", d.UserCode)
	got := p.poll(d, "client_id", "radio")
	a, err := p.tokens.AuthenticateAdmin(t.Context(), got.Access)
	if err != nil || a.Name != "alice" || strings.Join(a.Scopes, " ") != "audit:read" || got.Refresh != "" {
		t.Errorf("%+v, %v: %s", a, err, got.body)
	}
	d = p.begin("client_id", "radio", "resource", fixturePublic+AdminPath)
	if w := p.open("bob").send("code", d.UserCode); w.Code != http.StatusForbidden {
		t.Errorf("somebody who administers nothing is asked: %d", w.Code)
	}
}

func TestDevicePageIsForWhoIsSignedIn(t *testing.T) {
	p := newPlant(t, "")
	d := p.begin()
	w := p.browse("", DevicePath+"?user_code="+d.UserCode)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/signin?return="+url.QueryEscape(DevicePath+"?user_code="+d.UserCode) {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := p.browse("alice", DevicePath+"?user_code="+d.UserCode); !strings.Contains(w.Body.String(), `value="`+d.UserCode+`"`) || strings.Contains(w.Body.String(), "Television") {
		t.Error("the code of the URL is to be filled in, and nothing more")
	}
	if w := p.browse("alice", DevicePath+`?user_code="><script>`); strings.Contains(w.Body.String(), "<script>") {
		t.Error("the code is not escaped")
	}
	f := p.open("alice")
	f.person = ""
	if w := f.send("code", d.UserCode); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "Television") {
		t.Errorf("signed out: %d", w.Code)
	}
	f = p.open("alice")
	f.cookies = nil
	if w := f.send("code", d.UserCode); w.Code != http.StatusForbidden {
		t.Errorf("a form of another site: %d", w.Code)
	}
	if w := p.serve(httptest.NewRequest(http.MethodPut, DevicePath, nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", w.Code)
	}
	if w := p.open("alice").send("code", d.UserCode, "answer", "perhaps"); w.Code != http.StatusBadRequest {
		t.Errorf("an odd answer: %d", w.Code)
	}
	h := p.browse("alice", DevicePath).Header()
	if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Error("the page can be framed")
	}
}

func TestDeviceGetsWhatThePersonSaw(t *testing.T) {
	p := newPlant(t, "")
	d := p.begin()
	f := p.open("bob")
	f.send("code", d.UserCode)
	p.h.change(func() { p.h.grants["other"] = "crm:read-write slack:chat:write" })
	if w := f.send("answer", "allow"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), faultChanged) {
		t.Errorf("it has become more, and is given: %d", w.Code)
	}
	if got := p.poll(d); got.Error != "authorization_pending" {
		t.Fatal(got.body)
	}
	if w := f.send("answer", "allow"); w.Code != http.StatusOK {
		t.Errorf("seen again, and agreed: %d %s", w.Code, w.Body)
	}
	p.h.change(func() { p.h.grants["other"] = "crm:contacts.read" })
	p.h.clock.pass(deviceInterval)
	if got := p.poll(d); got.Scope != "crm:contacts.read" {
		t.Errorf("it has become less: %s", got.body)
	}
	d = p.begin()
	f = p.open("bob")
	f.send("code", d.UserCode)
	if w := f.send("answer", "allow", "agent", "bot"); w.Code != http.StatusBadRequest {
		t.Errorf("an agent that is not bob's: %d", w.Code)
	}
	f.form.Del("part")
	if w := f.send("answer", "allow", "agent", "other"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), faultNothing) {
		t.Errorf("nothing is left: %d", w.Code)
	}
}

func TestDeviceClientThatChangesIsNotLetIn(t *testing.T) {
	p := newPlant(t, "")
	d := p.begin()
	p.h.change(func() { tv := p.h.clients["tv"]; tv.Name = "Your Bank"; p.h.clients["tv"] = tv })
	if w := p.open("alice").send("code", d.UserCode); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "Your Bank") {
		t.Errorf("%d", w.Code)
	}
	if got := p.poll(d); got.Error != "invalid_grant" {
		t.Error(got.body)
	}
}

func TestDeviceCodesCannotBeTriedOut(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "", "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, url)
			on := []*plant{newPlantIn(t, h), newPlantIn(t, h)}
			d := on[0].begin()
			looked := 0
			for i := range 40 {
				f := on[i%2].open("bob")
				f.address = fmt.Sprintf("198.51.100.%d", i) // each from elsewhere: the person is counted
				w := f.send("code", "BCDF-BCDF")
				switch w.Code {
				case http.StatusForbidden:
					looked++
				case http.StatusTooManyRequests:
					if w.Header().Get("Retry-After") == "" {
						t.Error("nothing says how long to wait")
					}
				default:
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			if looked > deviceTries().Burst+1 {
				t.Errorf("%d codes were looked at", looked)
			}
			f := on[1].open("bob")
			f.address = "203.0.113.1"
			if w := f.send("code", d.UserCode); w.Code != http.StatusTooManyRequests {
				t.Errorf("the right code is looked at too: %d", w.Code)
			}
			if w := f.send("code", d.UserCode, "answer", "allow", "agent", "other"); w.Code != http.StatusTooManyRequests {
				t.Errorf("an answer costs no try: %d", w.Code)
			}
			f = on[0].open("alice")
			f.address = "203.0.113.2"
			if w := f.send("code", d.UserCode); w.Code != http.StatusOK {
				t.Errorf("another person: %d", w.Code)
			}
			for i := range 12 { // of one address, the people do not matter
				f := on[i%2].open([]string{"alice", "bob"}[i%2])
				f.address = "203.0.113.9"
				f.send("code", "BCDF-BCDF")
			}
		})
	}
}

func TestDeviceNothingIsLetInThatCannotBeRecorded(t *testing.T) {
	p := newPlant(t, "")
	d := p.begin()
	f := p.open("bob")
	f.send("code", d.UserCode)
	p.h.change(func() { p.h.deaf = errors.New("the disk is full") })
	if w := f.send("answer", "allow"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	p.h.change(func() { p.h.deaf = nil })
	if got := p.poll(d); got.Error != "authorization_pending" {
		t.Error(got.body)
	}
}

func TestDeviceLeavesNoCodeInTheStore(t *testing.T) {
	p := newPlant(t, "")
	d := p.begin()
	for _, prefix := range []string{devicePrefix, userPrefix} {
		items, err := p.store.List(t.Context(), prefix, "", 10)
		if err != nil || len(items) != 1 {
			t.Fatalf("%d records, %v", len(items), err)
		}
		for _, secret := range []string{d.DeviceCode, d.UserCode, plainUserCode(d.UserCode), hashed(plainUserCode(d.UserCode)), hashed(d.UserCode)} {
			if strings.Contains(items[0].Key+string(items[0].Value), secret) {
				t.Errorf("%s holds a code, or what a code can be found by", prefix)
			}
		}
	}
	other := newPlant(t, "") // with a secret of its own
	if p.userKey(d.UserCode) == other.userKey(d.UserCode) || p.userKey(d.UserCode) != p.userKey(strings.ToLower(d.UserCode)) {
		t.Error("whoever has the store can try codes out")
	}
	p.h.clock.pass(deviceFor + time.Minute)
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{devicePrefix, userPrefix} {
		if items, err := p.store.List(t.Context(), prefix, "", 10); err != nil || len(items) != 0 {
			t.Errorf("%d records are left, %v", len(items), err)
		}
	}
	if strings.Contains(p.h.all(), d.DeviceCode) || strings.Contains(p.h.all(), d.UserCode) {
		t.Error("the log has a code")
	}
}
