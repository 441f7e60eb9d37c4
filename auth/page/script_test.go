package page_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"toolvault/auth/page"
)

func TestAPageWithAScript(t *testing.T) {
	s, err := page.New(fstest.MapFS{"x.html": {Data: []byte("<p>{{.}}</p>")}}, "https://tools.example.com/tv")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/x", nil)
	with, without := httptest.NewRecorder(), httptest.NewRecorder()
	if err := s.WriteScripted(with, r, 200, "x.html", "X", "<script>", "/x.js"); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(without, r, 200, "x.html", "X", "<script>"); err != nil {
		t.Fatal(err)
	}
	if body := with.Body.String(); strings.Count(body, "<script") != 1 || !strings.Contains(body, `<script src="/tv/x.js" defer></script>`) {
		t.Error(body)
	}
	if body := without.Body.String(); strings.Contains(body, "<script") {
		t.Error(body)
	}
	policy := without.Header().Get("Content-Security-Policy")
	if strings.Contains(policy, "script-src") || strings.Contains(policy, "connect-src") || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Error(policy)
	}
	if got := with.Header().Get("Content-Security-Policy"); got != policy+"; script-src 'self'; connect-src 'self'" {
		t.Error(got)
	}
	for _, elsewhere := range []string{"https://evil.example/x.js", "//evil.example/x.js", "x.js", "data:text/javascript,1"} {
		if err := s.WriteScripted(httptest.NewRecorder(), r, 200, "x.html", "X", "", elsewhere); err == nil {
			t.Errorf("a script from %s", elsewhere)
		}
	}
}

func TestTheScriptItself(t *testing.T) {
	s, err := page.New(nil, "https://tools.example.com")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeScript(w, httptest.NewRequest("GET", "/x.js", nil), []byte("1"))
	h := w.Header()
	if w.Code != 200 || w.Body.String() != "1" || h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Errorf("%d %v %s", w.Code, h, w.Body)
	}
	again := httptest.NewRequest("GET", "/x.js", nil)
	again.Header.Set("If-None-Match", h.Get("ETag"))
	w = httptest.NewRecorder()
	s.ServeScript(w, again, []byte("1"))
	if w.Code != http.StatusNotModified {
		t.Errorf("the same again: %d", w.Code)
	}
	w = httptest.NewRecorder()
	s.ServeScript(w, again, []byte("2"))
	if w.Code != 200 || w.Body.String() != "2" {
		t.Errorf("another: %d %s", w.Code, w.Body)
	}
}

func TestWhatAScriptIsTold(t *testing.T) {
	s, err := page.New(nil, "https://tools.example.com")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.JSON(w, http.StatusForbidden, map[string]string{"fault": "</script>"})
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got["fault"] != "</script>" || strings.Contains(w.Body.String(), "<") {
		t.Errorf("%s, %v", w.Body, err)
	}
	if h := w.Header(); w.Code != 403 || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", w.Code, h)
	}
}
