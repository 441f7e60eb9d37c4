package vault

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
)

// jsonBody sends what the library writes as a form as a JSON object, for token
// endpoints that take nothing else (developers.notion.com/reference/create-a-token).
type jsonBody struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (j jsonBody) RoundTrip(r *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(form))
	if err != nil {
		return nil, err
	}
	object := map[string]string{}
	for key := range values {
		object[key] = values.Get(key)
	}
	body, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Content-Type", "application/json")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	base := j.base
	if base == nil {
		base = http.DefaultTransport
	}
	return base.RoundTrip(r)
}
