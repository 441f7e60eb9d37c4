// Package pagetest drives a real browser over the pages of a test's server:
// Chromium through chromedriver (W3C WebDriver). Where there is none, the test is
// skipped and says so.
package pagetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Keys to type.
const (
	Tab   = "\uE004"
	Enter = "\uE007"
	Shift = "\uE008" // held until typed again
	Space = " "
)

// Browser is one window without a history. What cannot be done fails the test.
type Browser struct {
	t    testing.TB
	base string // of the session
}

var startedOn = regexp.MustCompile(`started successfully on port (\d+)`)

// Open starts a browser, which ends with the test.
func Open(t testing.TB) *Browser {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("SKIPPED: no chromedriver here, so the pages are not tried in a real browser: install chromium and chromium-driver")
	}
	cmd := exec.Command(driver, "--port=0")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var port string
	lines := bufio.NewScanner(out)
	for port == "" && lines.Scan() {
		if m := startedOn.FindStringSubmatch(lines.Text()); m != nil {
			port = m[1]
		}
	}
	if port == "" {
		t.Fatal("chromedriver did not start")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process

	b := &Browser{t: t, base: "http://127.0.0.1:" + port}
	var session struct {
		SessionID string `json:"sessionId"`
	}
	b.call("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName":         "chrome",
		"goog:loggingPrefs":   map[string]string{"browser": "ALL"},
		"goog:chromeOptions":  map[string]any{"args": []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"}},
		"acceptInsecureCerts": true,
	}}}, &session)
	b.base += "/session/" + session.SessionID
	t.Cleanup(func() { b.call("DELETE", "", nil, nil) })
	return b
}

// call is one command of the WebDriver protocol.
func (b *Browser) call(method, path string, in, out any) {
	b.t.Helper()
	if err := b.try(method, path, in, out); err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (b *Browser) try(method, path string, in, out any) error {
	var body io.Reader
	if method == "POST" {
		if in == nil {
			in = map[string]any{}
		}
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	r, err := http.NewRequest(method, b.base+path, body)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 60 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var failure struct{ Error, Message string }
		_ = json.Unmarshal(answer.Value, &failure)
		return fmt.Errorf("%s: %.300s", failure.Error, failure.Message)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, out)
}

// Go opens an address and waits until the page is there.
func (b *Browser) Go(url string) {
	b.t.Helper()
	b.call("POST", "/url", map[string]string{"url": url}, nil)
}

// URL is the address in the address bar.
func (b *Browser) URL() (url string) {
	b.t.Helper()
	b.call("GET", "/url", nil, &url)
	return url
}

// Text is what the page shows.
func (b *Browser) Text() string {
	b.t.Helper()
	return b.Script("return document.body ? document.body.innerText : ''")
}

// Type presses keys, wherever the focus is.
func (b *Browser) Type(keys string) {
	b.t.Helper()
	var steps []map[string]any
	for _, key := range keys {
		steps = append(steps, map[string]any{"type": "keyDown", "value": string(key)}, map[string]any{"type": "keyUp", "value": string(key)})
	}
	b.call("POST", "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keyboard", "actions": steps}}}, nil)
}

// Focused is the accessible role and name of what has the focus, as a screen
// reader says them.
func (b *Browser) Focused() string {
	b.t.Helper()
	var e map[string]string
	b.call("GET", "/element/active", nil, &e)
	for _, id := range e {
		var role, label string
		b.call("GET", "/element/"+id+"/computedrole", nil, &role)
		b.call("GET", "/element/"+id+"/computedlabel", nil, &label)
		return role + " " + label
	}
	return ""
}

// Click presses the one element that the CSS selector finds.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.call("POST", "/element/"+b.find(selector)+"/click", nil, nil)
}

// Frame goes into the frame that the selector finds; "" leaves all frames.
func (b *Browser) Frame(selector string) {
	b.t.Helper()
	var frame any
	if selector != "" {
		frame = map[string]string{"element-6066-11e4-a52e-4f735466cecf": b.find(selector)}
	}
	b.call("POST", "/frame", map[string]any{"id": frame}, nil)
}

func (b *Browser) find(selector string) string {
	b.t.Helper()
	var found []map[string]string
	b.call("POST", "/elements", map[string]string{"using": "css selector", "value": selector}, &found)
	if len(found) != 1 {
		b.t.Fatalf("%d elements are %s on the page:\n%s", len(found), selector, b.Text())
	}
	for _, id := range found[0] {
		return id
	}
	return ""
}

// Script runs JavaScript as a debugger would, whatever the page allows, and
// returns its value as text.
func (b *Browser) Script(code string) string {
	b.t.Helper()
	var value any
	b.call("POST", "/execute/sync", map[string]any{"script": code, "args": []any{}}, &value)
	return fmt.Sprint(value)
}

// Phone makes the window as wide as a small phone's, in CSS pixels.
func (b *Browser) Phone(width, height int) {
	b.t.Helper()
	b.chrome("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 2, "mobile": true})
}

// Scheme sets what the person prefers: "light" or "dark".
func (b *Browser) Scheme(scheme string) {
	b.t.Helper()
	b.chrome("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}})
}

// Scripts switches the scripts of pages off, or on again, from the next page on.
func (b *Browser) Scripts(on bool) {
	b.t.Helper()
	b.chrome("Emulation.setScriptExecutionDisabled", map[string]any{"value": !on})
}

func (b *Browser) chrome(cmd string, params map[string]any) {
	b.t.Helper()
	b.call("POST", "/goog/cdp/execute", map[string]any{"cmd": cmd, "params": params}, nil)
}

// Complaints are what the browser wrote to its console since the last time, such
// as violations of the page's policy.
func (b *Browser) Complaints() (lines []string) {
	b.t.Helper()
	var entries []struct{ Message string }
	b.call("POST", "/se/log", map[string]string{"type": "browser"}, &entries)
	for _, e := range entries {
		lines = append(lines, e.Message)
	}
	return lines
}

// Until waits for a condition, five seconds at most.
func (b *Browser) Until(what string, condition func() bool) {
	b.t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	b.t.Fatalf("%s: not in five seconds; %s shows:\n%s", what, b.URL(), b.Text())
}

// Picture takes a screenshot into the folder of $TOOLVAULT_PICTURES, to look at.
// Without that it does nothing.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	folder := os.Getenv("TOOLVAULT_PICTURES")
	if folder == "" {
		return
	}
	var png []byte // base64 in JSON
	b.call("GET", "/screenshot", nil, &png)
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644)); err != nil {
		b.t.Fatal(err)
	}
}
