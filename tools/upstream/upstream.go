// Package upstream is the one HTTP client for all services: it puts the
// credential on the request, bounds time and size, repeats what may be repeated,
// and keeps one failing service or one bad credential from slowing another.
//
// Every byte that comes back is hostile: bodies are bounded before they are
// read, redirects are not followed, but for those of files to where the service is
// known to keep them, and what a service says about a failure goes to the caller as
// a fault, never as text that was not looked at.
package upstream

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"toolvault/tools/fault"
)

// Endpoint is where a service lives and how it speaks.
type Endpoint struct {
	Service string
	BaseURL string      // "https://slack.com/api", no slash at the end; an admin may set another
	Header  http.Header // sent with every request, e.g. a version

	// APIs are the base URLs of further APIs of the service, each by a name for
	// Request.API: "profiles" at "https://profiles.segment.com". Where Private is set
	// they are below BaseURL, at a path of that name, so that one proxy or double
	// serves them all.
	APIs map[string]string

	// Private says that an admin has set BaseURL, so that in a guarded pool it
	// may be a private address, on any port, and plain HTTP.
	Private bool

	RequestIDHeader  string // a header in which the service takes our call id; "" for none
	ResponseIDHeader string // the header with the service's own request id; "" for none

	// Hosts are where the service keeps files, in lower case: "files.slack.com". An
	// address that an answer names is called only there; see Request.URL.
	Hosts []string

	// Limits are the service's known limits on the rate of such requests, the
	// narrowest first; a token of each is spent before the request is made, and
	// waited for. They are of the service's own servers: where Private is set they
	// are left alone. nil: none are known.
	Limits func(c *Client, req *Request) []Limit

	// Fault looks at every complete answer, whatever its status, and returns nil
	// if it is a success, else what the model is told. nil means StatusFault.
	Fault func(*Response) *fault.Error
}

// Limit is a bound on the rate of requests that a service is known to set.
type Limit struct {
	Key   string        // whom and what it counts: "slack T07 conversations.history"; never a secret
	Burst int           // requests at once, at least 1
	Every time.Duration // between two, in the long run; Burst times Every is 48 hours at most
	Says  string        // the limit in words, as a sentence without its end: "HubSpot takes 4 searches a second for an account"; "" for our own
}

// Response is an answer, its body read and bounded.
type Response struct {
	Service string
	Status  int
	Header  http.Header
	Body    []byte
}

// Request is one request to a service. At most one of JSON, Form and Body is
// set.
type Request struct {
	Method string // "" means GET, or POST where there is a body
	Path   string // below the base URL, beginning with a slash; segments already escaped with url.PathEscape
	Query  url.Values
	JSON   any
	Form   url.Values
	Body   []byte
	Type   string // Content-Type of Body
	Header http.Header

	// API is which of Endpoint.APIs the request is for; "": the one at BaseURL.
	API string

	// Host replaces the endpoint's base URL, e.g. "https://idx.svc.pinecone.io".
	// The service has to have vetted it: the credential goes there.
	Host string

	// URL, in place of Host, Path and Query, is a whole address that an answer of
	// the service named, such as that of a file. It is called only over https at a
	// host of Endpoint.Hosts, or, as with a double or a proxy, at the origin of
	// BaseURL outside its path; any other is an upstream_error, and nothing is sent.
	// In a guarded pool it must be a public one. A redirect of a GET is followed to
	// such an address, three times at most, with the credential only while the
	// origin stays. The answer is judged by its status, unless Fault is set. See
	// Download and Upload.
	URL string

	// Bare leaves out the credential: for an address that carries a right of its
	// own, such as one to upload to.
	Bare bool

	// Fault, where set, judges the answer in place of Endpoint.Fault.
	Fault func(*Response) *fault.Error

	// Read says that the request changes nothing, so that it may be repeated
	// after a failure of any kind. Otherwise it is repeated only where the
	// fault says that nothing was done (NotSent).
	Read bool

	// MaxBytes bounds the body of the answer; 0 means 8 MiB. A larger answer is
	// an upstream_error.
	MaxBytes int64

	// Head, where set, sees the headers of a 2xx answer before its body is read.
	Head func(http.Header)

	// Stream, where set, reads the body of a 2xx answer instead of out; it sees
	// at most MaxBytes and may stop early. No Fault is asked about what it reads.
	// Items is for a large JSON document.
	Stream func(io.Reader) error
}

// Stats is what a call has cost upstream so far.
type Stats struct {
	Requests  int
	Writes    int // of requests that are not Read: those of which it is not certain that nothing was done
	Retries   int
	Status    int    // of the last answer
	RequestID string // the service's, of the last answer
	Millis    float64
}

// Get reads path into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	return c.Do(ctx, Request{Path: path, Query: query, Read: true}, out)
}
