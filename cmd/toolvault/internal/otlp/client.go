// Package otlp sends telemetry to an OpenTelemetry collector, over HTTP and as
// JSON (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"). It is small on purpose:
// the stock exporters bring gRPC and protobuf with them.
//
// It defends against a collector that is not to be trusted: an answer is read to a
// bound, a redirect is not followed, since the headers may hold a secret, and what
// the collector says is cut, cleaned and rid of those headers before it comes into
// an error.
package otlp

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"toolvault/vault"
)

// The paths of the signals, below an endpoint.
const (
	PathLogs   = "/v1/logs"
	PathTraces = "/v1/traces"
)

const (
	maxRequest = 64 << 20 // bytes before compression: what the specification recommends
	maxAnswer  = 4 << 20  // likewise
	fewBytes   = 1 << 10  // that are not worth compressing
)

// Client sends to one collector. It may be used by many goroutines, and must not
// be changed once it is in use.
type Client struct {
	Endpoint string                  // "https://collector.example.com:4318"; the paths of the signals come behind it
	Headers  map[string]vault.Secret // sent with each request, e.g. an API key
	HTTP     *http.Client            // its Timeout bounds a request; it follows no redirect, whatever it says

	most int // bytes of a request; 0: maxRequest
}

// Post makes JSON of a body, one of this package's requests, and sends it once,
// compressed. nil means that the collector has taken all of it. An error is a
// *Failure, whose Temporary tells whether to send the same again, or a *Partial, after
// which it must not be sent again.
func (c *Client) Post(ctx context.Context, path string, body any) error {
	r, err := c.request(ctx, path, body)
	if err != nil {
		return err
	}
	var client http.Client
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	if err != nil {
		return &Failure{Err: bare(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode/100 != 2:
		return &Failure{Status: resp.StatusCode, After: retryAfter(resp.Header), Message: c.clean(statusMessage(resp.Header, answer))}
	case err != nil:
		return &Failure{Err: fmt.Errorf("its answer was cut: %w", bare(err))}
	case len(answer) > maxAnswer:
		return &Failure{Status: resp.StatusCode, Message: "its answer is larger than 4 MiB"}
	}
	if rejected, message := partialSuccess(resp.Header, answer); rejected > 0 {
		return &Partial{Rejected: rejected, Message: c.clean(message)}
	}
	return nil
}

func (c *Client) request(ctx context.Context, path string, body any) (*http.Request, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, fmt.Errorf("OTLP: the request cannot be written as JSON: %w", err)
	}
	if plain.Len() > cmp.Or(c.most, maxRequest) {
		return nil, &Failure{Status: http.StatusRequestEntityTooLarge, Message: "it was not sent, since it is larger than 64 MiB"}
	}
	sent, encoding := &plain, ""
	if plain.Len() > fewBytes {
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		if err != nil {
			return nil, fmt.Errorf("OTLP: %w", err)
		}
		_, err = w.Write(plain.Bytes())
		if err = errors.Join(err, w.Close()); err != nil {
			return nil, fmt.Errorf("OTLP: %w", err)
		}
		sent, encoding = &packed, "gzip"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.Endpoint, "/")+path, sent)
	if err != nil {
		return nil, errors.New("OTLP: the endpoint is no URL")
	}
	for name, value := range c.Headers {
		r.Header.Set(name, value.Reveal())
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "toolvault")
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	return r, nil
}

// partialSuccess reads an Export…ServiceResponse. What is none says nothing: the
// status has already said that all is well.
func partialSuccess(h http.Header, answer []byte) (rejected int64, message string) {
	var response struct {
		PartialSuccess struct {
			Logs    number `json:"rejectedLogRecords"`
			Spans   number `json:"rejectedSpans"`
			Message string `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if !isJSON(h) || json.Unmarshal(answer, &response) != nil {
		return 0, ""
	}
	p := response.PartialSuccess
	return int64(max(p.Logs, p.Spans)), p.Message
}

// statusMessage reads a google.rpc.Status, which every failure should have.
func statusMessage(h http.Header, answer []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if !isJSON(h) || json.Unmarshal(answer, &status) != nil {
		return ""
	}
	return status.Message
}

func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// bare is the error of a request without its URL, which may be a secret.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
