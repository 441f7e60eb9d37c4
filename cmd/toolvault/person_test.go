package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// visitor is somebody with a browser.
type visitor struct {
	t    *testing.T
	addr string
	http.Client
}

func newVisitor(t *testing.T, addr string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, addr, http.Client{Jar: jar}}
}

func (v *visitor) text(resp *http.Response, err error) string {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(b)
}

// page is the sign-in page as this visitor gets it.
func (v *visitor) page() string {
	v.t.Helper()
	return v.text(v.Get("http://" + v.addr + "/signin"))
}

func (v *visitor) signIn(name, password string) string {
	v.t.Helper()
	m := regexp.MustCompile(`name="csrf" value="([^"]*)"`).FindStringSubmatch(v.page())
	if m == nil {
		v.t.Fatal("the page has no token")
	}
	return v.text(v.PostForm("http://"+v.addr+"/signin", url.Values{"csrf": {m[1]}, "name": {name}, "password": {password}}))
}

func addPerson(t *testing.T, data, name, password string) {
	t.Helper()
	cmd := program(t, data, "person", "add", name)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestAPersonSignsInAndIsOutWithinASecondOfBeingDisabled(t *testing.T) { // alone: it measures time
	data := t.TempDir() + "/d"
	s := serve(t, data)
	addPerson(t, data, "alice", "long-and-lovely-canaries")
	v := newVisitor(t, s.addr)
	if text := v.signIn("alice", "wrong"); !strings.Contains(text, "do not go together") {
		t.Error(text)
	}
	if text := v.signIn("alice", "long-and-lovely-canaries"); !strings.Contains(text, "<strong>alice</strong>") {
		t.Fatal(text)
	}
	commandOutput(t, data, "person", "disable", "alice")
	start := time.Now()
	eventually(t, "alice is signed out", func() bool { return !strings.Contains(v.page(), "<strong>alice</strong>") })
	if d := time.Since(start); d > soon {
		t.Errorf("it took %v", d)
	}
	if text := v.signIn("alice", "long-and-lovely-canaries"); !strings.Contains(text, "do not go together") {
		t.Error(text)
	}

	log := commandOutput(t, data, "audit", "query", "-o", "json")
	for _, want := range []string{
		`"event":"person.added"`, `"event":"person.sign_in_failed"`, `"event":"person.signed_in"`, `"event":"person.disabled"`,
		"by password from 127.0.0.1: wrong password", "by password from 127.0.0.1: disabled", `"message":"by password from 127.0.0.1"`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, "person.") && !strings.Contains(line, `"user":"alice"`) {
			t.Errorf("whom is it about? %s", line)
		}
	}
	if strings.Contains(log+s.logs.String(), "canaries") {
		t.Error("the password is in a log")
	}
}

// TestThePagesAreNotReachedUnderANameOfSomebodyElses: DNS rebinding.
func TestThePagesAreNotReachedUnderANameOfSomebodyElses(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir()+"/d")
	for _, path := range []string{"/signin", "/signout"} {
		r, err := http.NewRequest("GET", "http://"+s.addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "evil.example.com"
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) != 0 {
			t.Errorf("%s: %d, cookies %v", path, resp.StatusCode, resp.Cookies())
		}
	}
}
