package app

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/cmd/toolvault/internal/webhook"
	"toolvault/vault"
)

// A notice arrives signed, again with the same id where the first time failed, and
// in the order of what happened.
func TestNotices(t *testing.T) {
	type got struct {
		id   string
		what notice
	}
	var mu sync.Mutex
	var all []got
	arrived := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte("webhook-secret"))
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
		if r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Error("the signature is wrong")
		}
		var what notice
		if err := json.Unmarshal(body, &what); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, got{r.Header.Get("Webhook-Id"), what})
		if len(all) == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
		arrived <- struct{}{}
	}))
	defer server.Close()
	n := newNotifier(slog.New(slog.DiscardHandler))
	n.wait = func(int) time.Duration { return time.Millisecond }
	n.tell(notice{State: "broken"}) // nobody is to be told
	n.hook.Store(&webhook.Hook{URL: vault.NewSecret(server.URL + "/hook"), Secret: vault.NewSecret("webhook-secret")})
	go func() { _ = n.run(t.Context()) }()
	n.tell(notice{Type: "credential.state", Credential: "hubspot/a", State: "needs_consent", Reason: "refused"})
	n.tell(notice{Type: "credential.state", Credential: "hubspot/a", State: "ok"})
	for range 3 {
		select {
		case <-arrived:
		case <-time.After(10 * time.Second):
			t.Fatal("a notice is missing")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if all[0].id != all[1].id || all[1].id == all[2].id || all[1].what.State != "needs_consent" || all[2].what.State != "ok" || all[2].what.Time.IsZero() {
		t.Errorf("%+v", all)
	}
}

// A command that ends tells what it has found out, once, and waits for nobody that
// does not answer.
func TestNoticesAtTheEnd(t *testing.T) {
	var mu sync.Mutex
	var all []notice
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var what notice
		if err := json.NewDecoder(r.Body).Decode(&what); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, what)
		if len(all) == 1 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	n := newNotifier(slog.New(slog.DiscardHandler))
	n.hook.Store(&webhook.Hook{URL: vault.NewSecret(server.URL)})
	n.tell(notice{Credential: "hubspot/a", State: "needs_consent"})
	n.tell(notice{Credential: "hubspot/b", State: "ok"})
	a := &App{notifier: n}
	for range 2 { // there is nothing to tell the second time
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) != 2 || all[0].Credential != "hubspot/a" || all[1].State != "ok" {
		t.Errorf("%+v", all)
	}
}

// The URL of a webhook may be a secret: it is in no log.
func TestWebhookURLIsNotLogged(t *testing.T) {
	var log bytes.Buffer
	n := newNotifier(slog.New(slog.NewTextHandler(&log, nil)))
	n.wait = func(int) time.Duration { return 0 }
	n.hook.Store(&webhook.Hook{URL: vault.NewSecret("http://127.0.0.1:1/hook-secret-path")})
	n.deliver(t.Context(), notice{Credential: "hubspot/a", State: "broken"})
	if out := log.String(); strings.Contains(out, "hook-secret-path") || !strings.Contains(out, "could not be delivered") {
		t.Error(out)
	}
}
