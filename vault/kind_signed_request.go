package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Ways to sign a request: algorithm in the config.
const (
	signAWS  = "aws-sigv4"
	signHMAC = "hmac-sha256"
)

// signedRequest signs each request with the secret, which itself is never sent.
func signedRequest() kind {
	return kind{
		everywhere: true,
		params: []Param{
			{Name: "algorithm", Required: true, Help: "how to sign: aws-sigv4 or hmac-sha256", Check: func(s string) error {
				if s != signAWS && s != signHMAC {
					return errors.New("this must be aws-sigv4 or hmac-sha256")
				}
				return nil
			}},
			{Name: "access_key_id", Help: "with aws-sigv4 the id of the access key", Form: FormID},
			{Name: "region", Help: "with aws-sigv4 the region, such as eu-central-1"},
			{Name: "aws_service", Help: "with aws-sigv4 the name that AWS signs the service with, such as execute-api"},
			{Name: "key_id", Help: "with hmac-sha256 the id under which the service knows the key", Form: FormID},
			{Name: "header", Help: "with hmac-sha256 the header that the signature goes into, Authorization unless it is set", Check: checkHeaderName},
		},
		check: func(secret Secret, _ time.Time) error {
			_, err := parseAccessKey(secret.Reveal())
			return err
		},
		authorizer: func(m Material) (Authorizer, error) {
			key, err := parseAccessKey(m.Secret.Reveal())
			if err != nil {
				return nil, err
			}
			clock := runningClock(m.Now)
			need := func(names ...string) error {
				for _, name := range names {
					if m.Param(name) == "" {
						return fmt.Errorf("to sign with %s, %s is missing: set it beside algorithm", m.Param("algorithm"), name)
					}
				}
				return nil
			}
			switch m.Param("algorithm") {
			case signAWS:
				return signerAWS{
					id: m.Param("access_key_id"), key: key, region: m.Param("region"), service: m.Param("aws_service"), now: clock,
				}, need("access_key_id", "region", "aws_service")
			case signHMAC:
				header := m.Param("header")
				if header == "" {
					header = "Authorization"
				}
				if !key.Session.Empty() {
					return nil, errors.New("a session_token goes with aws-sigv4 only")
				}
				return signerHMAC{id: m.Param("key_id"), key: key.Secret, header: header, now: clock}, need("key_id")
			}
			return nil, errors.New("how to sign is missing: set algorithm to aws-sigv4 or hmac-sha256")
		},
	}
}

// runningClock goes on from a moment: a call may sign several requests, and the
// last a while after its credential was resolved.
func runningClock(now time.Time) func() time.Time {
	begun := time.Now()
	return func() time.Time { return now.Add(time.Since(begun)) }
}

func checkHeaderName(s string) error {
	const token = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	if s == "" || len(s) > 64 || strings.Trim(s, token) != "" {
		return errors.New("this must be the name of a header, such as X-Signature")
	}
	for _, taken := range []string{"Host", "Date", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection"} {
		if strings.EqualFold(s, taken) {
			return fmt.Errorf("the header %s has another meaning: name one that the service reads the signature from", taken)
		}
	}
	return nil
}

// accessKey is a key that signs, and the token that goes with a temporary one.
type accessKey struct{ Secret, Session Secret }

// parseAccessKey reads a key that stands alone, or a JSON object with
// secret_access_key and session_token.
func parseAccessKey(text string) (accessKey, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return accessKey{Secret: NewSecret(text)}, checkLine(text)
	}
	var fields struct {
		Secret  string `json:"secret_access_key"`
		Session string `json:"session_token"`
	}
	if err := json.Unmarshal([]byte(text), &fields); err != nil || fields.Secret == "" {
		return accessKey{}, errors.New(`the JSON is no access key: it must be an object with "secret_access_key" and, of a temporary one, "session_token"`)
	}
	return accessKey{NewSecret(fields.Secret), NewSecret(fields.Session)}, checkLine(fields.Secret + fields.Session)
}

// bodyHash is the SHA-256 of a request's body in hex. It reads a copy.
func bodyHash(r *http.Request) (string, error) {
	sum := sha256.New()
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return "", errors.New("the request cannot be signed: its body can be read only once")
		}
		body, err := r.GetBody()
		if err != nil {
			return "", fmt.Errorf("the request cannot be signed: %w", err)
		}
		defer func() { _ = body.Close() }()
		if _, err := io.Copy(sum, body); err != nil {
			return "", fmt.Errorf("the request cannot be signed: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// signerAWS signs with AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/
// UserGuide/reference_sigv.html).
type signerAWS struct {
	id              string
	key             accessKey
	region, service string
	now             func() time.Time
}

// Authorize implements Authorizer.
func (s signerAWS) Authorize(r *http.Request) error {
	hash, err := bodyHash(r)
	if err != nil {
		return err
	}
	if s.service == "s3" { // it wants to be told, and takes paths as they are
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	return v4.NewSigner().SignHTTP(context.WithoutCancel(r.Context()), aws.Credentials{
		AccessKeyID: s.id, SecretAccessKey: s.key.Secret.Reveal(), SessionToken: s.key.Session.Reveal(),
	}, r, hash, s.service, s.region, s.now(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == "s3" })
}

func (s signerAWS) secrets() []Secret {
	all := []Secret{s.key.Secret}
	if !s.key.Session.Empty() {
		all = append(all, s.key.Session)
	}
	return all
}

// signerHMAC signs with HMAC-SHA256 (RFC 2104). It sets Date (RFC 9110 section
// 5.6.7) and signs, each but the last followed by a line feed:
//
//	the method:                        POST
//	the path and query as sent:        /v1/things?limit=5
//	the value of Date:                 Tue, 24 Nov 2026 22:30:00 GMT
//	the SHA-256 of the body in hex:    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
//
// and writes to the header: HMAC-SHA256 Credential=KEY_ID, Signature=HEX.
type signerHMAC struct {
	id     string
	key    Secret
	header string
	now    func() time.Time
}

// Authorize implements Authorizer.
func (s signerHMAC) Authorize(r *http.Request) error {
	hash, err := bodyHash(r)
	if err != nil {
		return err
	}
	date := s.now().UTC().Format(http.TimeFormat)
	r.Header.Set("Date", date)
	mac := hmac.New(sha256.New, []byte(s.key.Reveal()))
	_, _ = io.WriteString(mac, strings.Join([]string{r.Method, r.URL.RequestURI(), date, hash}, "\n"))
	r.Header.Set(s.header, "HMAC-SHA256 Credential="+s.id+", Signature="+hex.EncodeToString(mac.Sum(nil)))
	return nil
}

func (s signerHMAC) secrets() []Secret { return []Secret{s.key} }
