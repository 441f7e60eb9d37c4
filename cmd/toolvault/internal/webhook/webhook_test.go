package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolvault/vault"
)

// What arrives can be checked with the shared secret alone, and is not signed where
// there is none.
func TestSend(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
	}))
	defer server.Close()
	h := Hook{URL: vault.NewSecret(server.URL + "/in"), Secret: vault.NewSecret("shared"), Now: func() time.Time { return time.Unix(1700000000, 0) }}
	if err := h.Send(t.Context(), Text, "msg_1", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("shared"))
	_, _ = mac.Write([]byte("msg_1.1700000000.hello"))
	for name, want := range map[string]string{
		"Content-Type": Text, "Webhook-Id": "msg_1", "Webhook-Timestamp": "1700000000",
		"Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s is %q instead of %q", name, got.Header.Get(name), want)
		}
	}
	if body != "hello" || got.Method != http.MethodPost || got.URL.Path != "/in" {
		t.Error(got.Method, got.URL, body)
	}
	h.Secret = vault.Secret{}
	if err := h.Send(t.Context(), JSON, "msg_2", []byte("{}")); err != nil || got.Header["Webhook-Signature"] != nil {
		t.Error(err, got.Header)
	}
}

// A receiver that sends elsewhere is not followed: the message was not for there.
func TestRedirectsAreRefused(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	var s *StatusError
	if err := (Hook{URL: vault.NewSecret(server.URL)}).Send(t.Context(), JSON, "msg", nil); !errors.As(err, &s) || s.Code != 307 {
		t.Error(err)
	}
}

// The URL may be a secret: no error has it.
func TestErrorsHoldNoURL(t *testing.T) {
	for _, url := range []string{"http://127.0.0.1:1/hook-secret-path", "http://hook-secret-path .example", "://hook-secret-path", "hook-secret-path"} {
		err := Hook{URL: vault.NewSecret(url)}.Send(t.Context(), JSON, "msg", nil)
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), "hook-secret-path") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(s, now); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestRetry(t *testing.T) {
	broken := errors.New("broken")
	never := func(context.Context) error { return broken }
	t.Run("until it works", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start, tries, heard := time.Now(), 0, 0
			err := Retry{Failed: func(int, error) { heard++ }}.Do(t.Context(), func(context.Context) error {
				if tries++; tries < 5 {
					return broken
				}
				return nil
			})
			if took := time.Since(start); err != nil || tries != 5 || heard != 4 || took < 11*time.Second || took > 15*time.Second {
				t.Error(err, tries, heard, took)
			}
		})
	})
	t.Run("a bound on tries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			err := Retry{Tries: 3, Failed: func(int, error) { tries++ }}.Do(t.Context(), never)
			if !errors.Is(err, broken) || tries != 3 {
				t.Error(err, tries)
			}
		})
	})
	t.Run("the receiver asks for more time, and for too much", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			answers := []error{&StatusError{429, time.Minute}, &StatusError{503, 1000 * time.Hour}, nil}
			err := Retry{}.Do(t.Context(), func(context.Context) error {
				err := answers[0]
				answers = answers[1:]
				return err
			})
			if took := time.Since(start); err != nil || took != time.Minute+maxAfter {
				t.Error(err, took)
			}
		})
	})
	t.Run("the context ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := (Retry{}).Do(ctx, never); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	})
}

func TestBackoffIsBounded(t *testing.T) {
	wait := Backoff(time.Second, time.Minute)
	for try, most := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 6: time.Minute, 31: time.Minute, 40: time.Minute, 1000: time.Minute} {
		for range 100 {
			if d := wait(try); d > most || d < most*3/4-1 {
				t.Errorf("try %d: %v", try, d)
			}
		}
	}
}
