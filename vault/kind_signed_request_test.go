package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	exampleID  = "AKIDEXAMPLE"
	exampleKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// The signature of "get-vanilla" is the one that AWS publishes with its test suite
// for Signature Version 4.
func TestSigV4AsPublished(t *testing.T) {
	q := newQuiet(t, Service{})
	q.clock.t = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	d := q.put(t, TypeSignedRequest, exampleKey, map[string]string{
		"algorithm": "aws-sigv4", "access_key_id": exampleID, "region": "us-east-1", "aws_service": "service",
	})
	c, err := q.Resolve(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, "https://example.amazonaws.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Authorize(r); err != nil {
		t.Fatal(err)
	}
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	q.say(c, r.Header)
	holds(t, c, exampleKey)
}

// checkSigV4 signs what has arrived once more, with the vendor's own module, and
// compares.
func checkSigV4(r *http.Request, service, session string) bool {
	body, _ := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > time.Minute || r.Header.Get("X-Amz-Security-Token") != session {
		return false
	}
	again, _ := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	for name := range strings.SplitSeq(signed, ";") {
		if v := r.Header.Values(name); len(v) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = v
		}
	}
	if service == "s3" && r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) {
		return false
	}
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleKey, SessionToken: session},
		again, hex.EncodeToString(sum[:]), service, "eu-central-1", at, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	return err == nil && r.Header.Get("Authorization") == again.Header.Get("Authorization")
}

func TestSigV4(t *testing.T) {
	both, _ := json.Marshal(map[string]string{"secret_access_key": exampleKey, "session_token": "session-token-0001"})
	for name, test := range map[string]struct{ secret, session, service string }{
		"a key":                   {exampleKey, "", "execute-api"},
		"a temporary key, and S3": {string(both), "session-token-0001", "s3"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newCounterpart(t)
			s.admit = func(r *http.Request) bool { return checkSigV4(r, test.service, test.session) }
			q := newQuiet(t, Service{BaseURL: s.URL})
			d := q.put(t, TypeSignedRequest, test.secret, map[string]string{
				"algorithm": "aws-sigv4", "access_key_id": exampleID, "region": "eu-central-1", "aws_service": test.service,
			})
			q.hide(exampleKey, "session-token-0001")
			c := s.works(t, q.Vault, d)
			q.say(c)
			holds(t, c, exampleKey, test.secret)
			if test.session != "" {
				holds(t, c, test.session)
			}
			changed := func(edit func(*http.Request)) int {
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api?a=1", strings.NewReader("body"))
				if err := c.Authorize(r); err != nil {
					t.Fatal(err)
				}
				edit(r)
				resp, err := s.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				return resp.StatusCode
			}
			if got := changed(func(*http.Request) {}); got != 200 {
				t.Fatalf("as it was signed: %d", got)
			}
			for what, edit := range map[string]func(*http.Request){
				"the body":  func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("ydob")) },
				"the query": func(r *http.Request) { r.URL.RawQuery = "a=2" },
				"the path":  func(r *http.Request) { r.URL.Path = "/api/"; r.URL.Path = "/api"; r.Method = http.MethodPut },
			} {
				if got := changed(edit); got != 401 {
					t.Errorf("%s was changed on the way, and the service answers %d", what, got)
				}
			}
		})
	}
}

// The signature is that of the four lines that the documentation names.
func TestHMAC(t *testing.T) {
	const key = "hmac-key-5511aa"
	for _, header := range []string{"", "X-Signature"} {
		s := newCounterpart(t)
		s.admit = func(r *http.Request) bool {
			body, _ := io.ReadAll(r.Body)
			sum := sha256.Sum256(body)
			date, err := http.ParseTime(r.Header.Get("Date"))
			if err != nil || time.Since(date).Abs() > time.Minute {
				return false
			}
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write([]byte(r.Method + "\n" + r.RequestURI + "\n" + r.Header.Get("Date") + "\n" + hex.EncodeToString(sum[:])))
			name := header
			if name == "" {
				name = "Authorization"
			}
			return r.Header.Get(name) == "HMAC-SHA256 Credential=key-1, Signature="+hex.EncodeToString(mac.Sum(nil)) && strings.Contains(r.RequestURI, "b=2&a=1%2F")
		}
		q := newQuiet(t, Service{BaseURL: s.URL})
		params := map[string]string{"algorithm": "hmac-sha256", "key_id": "key-1"}
		if header != "" {
			params["header"] = header
		}
		c := s.works(t, q.Vault, q.put(t, TypeSignedRequest, key, params))
		q.say(c)
		holds(t, c, key)
	}
	// Without a body it is that of nothing.
	r, _ := http.NewRequest(http.MethodGet, "http://x/y", nil)
	a := signerHMAC{id: "a", key: NewSecret("b"), header: "Authorization", now: func() time.Time { return time.Unix(0, 0) }}
	if err := a.Authorize(r); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("b"))
	mac.Write([]byte("GET\n/y\nThu, 01 Jan 1970 00:00:00 GMT\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
	if got := r.Header.Get("Authorization"); got != "HMAC-SHA256 Credential=a, Signature="+hex.EncodeToString(mac.Sum(nil)) {
		t.Error(got)
	}
	// A body that can be read only once cannot be signed, and is not used up.
	r, _ = http.NewRequest(http.MethodPost, "http://x/y", struct{ io.Reader }{strings.NewReader("once")})
	if err := a.Authorize(r); err == nil || r.Header.Get("Authorization") != "" {
		t.Errorf("it was signed: %v", err)
	}
	if b, _ := io.ReadAll(r.Body); string(b) != "once" {
		t.Errorf("the body was used up: %q", b)
	}
}

func TestSignedRequestsThatDoNotFit(t *testing.T) {
	temporary := `{"secret_access_key":"a-key-of-aws","session_token":"b"}`
	for want, test := range map[string]struct {
		secret string
		params map[string]string
	}{
		"how to sign is missing: set algorithm to aws-sigv4 or hmac-sha256":    {"secret-key", nil},
		"to sign with aws-sigv4, region is missing: set it beside algorithm":   {"secret-key", map[string]string{"algorithm": "aws-sigv4", "access_key_id": "a", "aws_service": "b"}},
		"to sign with hmac-sha256, key_id is missing: set it beside algorithm": {"secret-key", map[string]string{"algorithm": "hmac-sha256"}},
		"a session_token goes with aws-sigv4 only":                             {temporary, map[string]string{"algorithm": "hmac-sha256", "key_id": "a"}},
	} {
		q := newQuiet(t, Service{})
		d := q.put(t, TypeSignedRequest, test.secret, test.params)
		if err := q.Check(t.Context(), d); err == nil || err.Error() != want {
			t.Errorf("check: %v, want %s", err, want)
		}
		if got := q.fails(t, d, ErrInvalid); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, secret := range []string{`{"canary"`, `{"session_token":"canary"}`, "canary\nline"} {
		if err := CheckSecret(TypeSignedRequest, NewSecret(secret), time.Now()); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
}
