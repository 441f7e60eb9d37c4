package slack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

func TestReadsFiles(t *testing.T) {
	w := newWorld(t)
	csv := w.must("slack_read_file", `{"file":"F07EXPORTS01"}`).(FileContent)
	if !strings.HasPrefix(csv.Body, "ticket,customer,rows,seconds\nTCK-1010") || csv.Next != 0 || csv.Author != "jonas (U07JONASBRK)" || csv.Channels[0] != "#support-updates (C07SUPUPD8S1)" {
		t.Errorf("%+v", csv)
	}
	text, offset := "", int64(0)
	for range 20 {
		part := w.must("slack_read_file", fmt.Sprintf(`{"file":"https://northwind-support.slack.com/files/U07JONASBRK/F07EXPORTS01/export-errors.csv","max_bytes":50,"offset":%d}`, offset)).(FileContent)
		text += part.Body
		if offset = part.Next; offset == 0 {
			break
		}
	}
	if text != csv.Body {
		t.Errorf("in parts it is %q", text)
	}
	dot := w.must("slack_read_file", `{"file":"F07DOTIMAGE1"}`).(FileContent)
	if c := dot.Content(); len(c) != 1 || c[0].Type != "image" || c[0].MIME != "image/png" || dot.Body != "" {
		t.Errorf("%+v", dot)
	}
	var _ tools.Contenter = dot
	pdf := w.must("slack_read_file", `{"file":"F07CONTRACT1"}`).(FileContent)
	if pdf.Body != "" || pdf.Note == "" || pdf.Size == 0 {
		t.Errorf("%+v", pdf)
	}
	if canvas := w.must("slack_read_file", `{"file":"F07CANVASHB1"}`).(FileContent); !strings.Contains(canvas.Body, "## Who to call\n\nPriya, then Jonas.") {
		t.Errorf("%+v", canvas)
	}
	w.fails(fault.NotFound, "file_not_found", "slack_read_file", `{"file":"F07LEADSPLN1"}`) // of a channel that the app is not in
	w.fails(fault.InvalidArguments, "", "slack_read_file", `{"file":"https://evil.example/files/U07JONASBRK/F07EXPORTS01/x"}`)
}

func TestASignInPageIsNoFile(t *testing.T) {
	w := newWorld(t)
	c := toolstest.Client(w.svc.Endpoint, w.base, toolstest.Static{Scheme: vault.Bearer, Secret: w.secret})
	s := &service{books: newBooks(w.svcNow), now: w.svcNow}
	f, err := fileInfo(t.Context(), c, "F07EXPORTS01")
	if err != nil {
		t.Fatal(err)
	}
	w.secret = sandbox.SlackToken(w.double, "channels:read") // without files:read
	c = w.client()
	_, _, err = s.download(t.Context(), c, f, 0, 1000)
	g := fault.From(err)
	if g == nil || g.Kind != fault.NotPermitted || !slices.Equal(g.Needed, []string{"files:read"}) {
		t.Errorf("%v", err)
	}
	page := []byte(`<html><title>Sign in | Slack</title><form id="signin_form" action="/signin?redir=/x">`)
	for mime, want := range map[string]bool{"text/csv": true, "text/html": true, "application/vnd.slack-docs": true} {
		if signIn(file{Mime: mime}, page) != want {
			t.Errorf("%s: taken for the file", mime)
		}
	}
	if signIn(file{Mime: "text/html"}, []byte("<html>about slack and signing in</html>")) {
		t.Error("a page that somebody has uploaded is no sign-in page")
	}
}

func (w *world) svcNow() time.Time { return w.now }

func TestListsFilesPageByPage(t *testing.T) {
	w := newWorld(t)
	var seen []string
	cursor := ""
	for range 10 {
		l := w.must("slack_list_files", `{"limit":1,"cursor":"`+cursor+`"}`).(FileList)
		if cursor == "" && l.Total != 4 {
			t.Errorf("total %d", l.Total)
		}
		for _, f := range l.Files {
			seen = append(seen, f.Name)
		}
		if cursor == "" { // a file that is added in between shifts nothing
			w.must("slack_upload_file", `{"channel":"#support-updates","filename":"new.txt","content":"x"}`)
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "dot.png export-errors.csv acme-contract.pdf Export handbook" {
		t.Errorf("%s", got)
	}
	for args, want := range map[string]string{
		`{"type":"images"}`: "dot.png", `{"type":"canvases"}`: "Export handbook", `{"type":"spaces"}`: "", `{"user":"@tomoko"}`: "acme-contract.pdf", `{"query":"TCK-1012"}`: "Exports that timed out", `{"query":"handbook","type":"canvases"}`: "Export handbook",
		`{"since":"2026-11-23T08:41:00Z","until":"2026-11-23T08:50:00Z"}`: "dot.png", `{"channel":"#general"}`: "acme-contract.pdf", `{"query":"handbook","user":"@jonas"}`: "",
	} {
		var names []string
		for _, f := range w.must("slack_list_files", args).(FileList).Files {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

func TestUploads(t *testing.T) {
	w := newWorld(t)
	u := w.must("slack_upload_file", `{"channel":"@marta","filename":"dot.bin","content_base64":"`+base64.StdEncoding.EncodeToString([]byte{0, 1, 2})+`","title":"Three bytes"}`).(Uploaded)
	if u.Size != 3 || u.ChannelID[0] != 'D' || u.Permalink == "" {
		t.Errorf("%+v", u)
	}
	if got := strings.Join(w.asked, " "); !strings.Contains(got, "files.getUploadURLExternal /upload/v1/"+u.FileID+" files.completeUploadExternal") {
		t.Errorf("asked %s", got)
	}
	if !strings.Contains(w.double.Snapshot()["file "+u.FileID], "\x00\x01\x02") {
		t.Errorf("%q", w.double.Snapshot()["file "+u.FileID])
	}
	for _, args := range []string{
		`{"channel":"#general","filename":"a.txt"}`, `{"channel":"#general","filename":"a.txt","content":"x","content_base64":"eA=="}`,
		`{"channel":"#general","filename":"../a.txt","content":"x"}`, `{"channel":"#general","filename":"a.txt","content_base64":"not base64"}`,
		`{"channel":"#general","filename":"a\u202etxt.exe","content":"x"}`,
	} {
		w.fails(fault.InvalidArguments, "", "slack_upload_file", args)
	}
	w.fails(fault.NotPermitted, "not_in_channel", "slack_upload_file", `{"channel":"#random","filename":"a.txt","content":"x"}`)
}

// elsewhere is a server that nobody may ask anything, least of all with a token.
func elsewhere(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("asked %s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(server.Close)
	return server
}

// leading is Slack, with a file whose address is what the test wants.
func leading(t *testing.T, address func(base string) string, download http.HandlerFunc) (*upstream.Client, string) {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		say := func(v any) { _ = json.NewEncoder(w).Encode(v) }
		switch r.URL.Path {
		case "/api/files.info":
			say(map[string]any{"ok": true, "file": map[string]any{"id": "F0123456789", "name": "a.txt", "mimetype": "text/plain", "size": 3, "url_private_download": address(server.URL)}})
		case "/api/files.getUploadURLExternal":
			say(map[string]any{"ok": true, "file_id": "F0123456789", "upload_url": address(server.URL)})
		case "/api/auth.test":
			say(map[string]any{"ok": true, "url": "https://a.slack.com/", "team_id": "T0123456789", "user_id": "U0123456789"})
		case "/download":
			download(w, r)
		default:
			say(map[string]any{"ok": false, "error": "unknown_method"})
		}
	}))
	t.Cleanup(server.Close)
	return toolstest.Client(New().Endpoint, server.URL+"/api", toolstest.Static{Scheme: vault.Bearer, Secret: "x"}), server.URL
}

func TestTheTokenGoesToSlacksHostsOnly(t *testing.T) {
	other := elsewhere(t)
	for _, address := range []string{
		other.URL + "/download", "https://files.slack.com.evil.example/x", "https://evil.example/files.slack.com", "http://files.slack.com/x", "https://files.slack.com:8443/x",
		"https://x:y@files.slack.com/x", "//files.slack.com/x", "file:///etc/passwd", "javascript:alert(1)", "https://files.slack.com@evil.example/x", "%zz",
	} {
		c, _ := leading(t, func(string) string { return address }, nil)
		for tool, args := range map[string]string{"slack_read_file": `{"file":"F0123456789"}`, "slack_upload_file": `{"channel":"C0123456789","filename":"a.txt","content":"abc"}`} {
			_, err := toolstest.Call(t, New(), c, tool, args)
			if f := fault.From(err); f == nil || f.Kind != fault.UpstreamError || !strings.Contains(f.Message, "so it is not called") {
				t.Errorf("%s: %s: %v", tool, address, err)
			}
		}
	}
	// An address of the API itself would call a method with the token.
	c, _ := leading(t, func(base string) string { return base + "/api/auth.revoke" }, nil)
	if _, err := toolstest.Call(t, New(), c, "slack_read_file", `{"file":"F0123456789"}`); fault.From(err).Kind != fault.UpstreamError {
		t.Errorf("a method was called: %v", err)
	}
}

// The address of an upload is a secret of its own, and gets no token.
func TestAnUploadGoesWithoutTheToken(t *testing.T) {
	arrived := false
	c, _ := leading(t, func(base string) string { return base + "/download" }, func(_ http.ResponseWriter, r *http.Request) {
		arrived = true
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went along")
		}
	})
	_, _ = toolstest.Call(t, New(), c, "slack_upload_file", `{"channel":"C0123456789","filename":"a.txt","content":"abc"}`)
	if !arrived {
		t.Error("nothing was uploaded")
	}
}

func TestARedirectIsNotFollowedWithTheToken(t *testing.T) {
	other := elsewhere(t)
	c, _ := leading(t, func(base string) string { return base + "/download" }, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/signin", http.StatusFound)
	})
	_, err := toolstest.Call(t, New(), c, "slack_read_file", `{"file":"F0123456789"}`)
	if f := fault.From(err); f == nil || f.Kind != fault.NotPermitted || !slices.Equal(f.Needed, []string{"files:read"}) {
		t.Errorf("%v", err)
	}
}

// However much is sent, only what was asked for is read.
func TestADownloadIsBounded(t *testing.T) {
	var mu sync.Mutex
	sent := 0
	c, _ := leading(t, func(base string) string { return base + "/download" }, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		block := []byte(strings.Repeat("0123456789abcde\n", 4096))
		for range 4096 { // 256 MB
			n, err := w.Write(block)
			mu.Lock()
			sent += n
			mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	out, err := toolstest.Call(t, New(), c, "slack_read_file", `{"file":"F0123456789","max_bytes":1000}`)
	f, ok := out.(FileContent)
	if err != nil || !ok || len(f.Body) != 1000 || f.Next != 1000 {
		t.Errorf("%d bytes, next %d, %v", len(f.Body), f.Next, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if sent > 64<<20 {
		t.Errorf("%d bytes were sent for 1000", sent)
	}
}

func TestWhatAFileReallyIs(t *testing.T) {
	for _, c := range []struct {
		name, body string
		note       bool
	}{{"text", "abc", false}, {"binary", "a\x00b", true}, {"not UTF-8", "a\xff\xfeb", true}, {"empty", "", true}} {
		cl, _ := leading(t, func(base string) string { return base + "/download" }, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write([]byte(c.body))
		})
		out, err := toolstest.Call(t, New(), cl, "slack_read_file", `{"file":"F0123456789"}`)
		f, _ := out.(FileContent)
		if err != nil || (f.Note != "") != c.note {
			t.Errorf("%s: %+v %v", c.name, f, err)
		}
	}
	// A text that grows in JSON still fits the answer, and goes on where it stopped.
	long := strings.Repeat("\"ä\n", 15_000)
	f := FileContent{}.part([]byte(long), readFileIn{Max: 60_000}, false)
	b, _ := json.Marshal(f.Body)
	if len(b) > maxRead || f.Next == 0 || !strings.HasPrefix(long[f.Next:], "\"") && !strings.HasPrefix(long[f.Next:], "ä") && !strings.HasPrefix(long[f.Next:], "\n") {
		t.Errorf("%d bytes, next %d", len(b), f.Next)
	}
}

// What says that it is an image, and is none, is not shown as one.
func TestAPictureIsOne(t *testing.T) {
	for body, shown := range map[string]bool{"GIF89a\x01\x00\x01\x00": true, "<svg onload=alert(1)>": false, strings.Repeat("x", maxImage+1): false} {
		c, base := leading(t, func(base string) string { return base + "/download" }, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/gif")
			_, _ = w.Write([]byte(body))
		})
		s := newServiceForTest()
		out, err := s.picture(t.Context(), c, file{ID: "F0123456789", Mime: "image/gif", Download: base + "/download"}, FileContent{})
		if err != nil || (len(out.Content()) == 1) != shown || (out.Note == "") != shown {
			t.Errorf("%.20s: %d pieces, %q, %v", body, len(out.Content()), out.Note, err)
		}
	}
}

func newServiceForTest() *service { return &service{books: newBooks(time.Now), now: time.Now} }
