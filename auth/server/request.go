package server

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"toolvault/auth/client"
)

const (
	requestLife = 10 * time.Minute
	requestName = "oauth/request" // under which requests are sealed; nothing is stored
	// maxSealed bounds a sealed request in a URL, so that the path with it is one that
	// auth/page takes: 2048 bytes.
	maxSealed = 1900
)

// request is a request for authorization that was checked, on its way from there to
// the page. It travels sealed in the URL: a stranger's request leaves nothing here.
type request struct {
	Client    string    `json:"c"`
	Digest    string    `json:"h"`
	Redirect  string    `json:"r"`
	State     string    `json:"s,omitempty"`
	Challenge string    `json:"p"`
	Key       string    `json:"k,omitempty"` // dpop_jkt (RFC 9449 section 10)
	Scope     string    `json:"o,omitempty"`
	Admin     bool      `json:"a,omitempty"` // for the administrators' resource
	Task      string    `json:"t,omitempty"`
	Agent     string    `json:"g,omitempty"` // the one that is preselected
	Prompt    bool      `json:"q,omitempty"` // ask, whatever is remembered
	Expires   time.Time `json:"e"`
}

// sealRequest is the request for a URL. It is packed first: a client may name all
// scopes that there are.
func (s *Server) sealRequest(q request) (string, error) {
	plain, err := json.Marshal(q)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(plain); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	sealed, err := s.Sealer.Seal(packed.Bytes(), requestName, 1)
	if err != nil {
		return "", unavailable(err)
	}
	text := base64.RawURLEncoding.EncodeToString(sealed)
	if len(text) > maxSealed {
		return "", invalidRequest("The request is too long: send a shorter state, or fewer scopes.")
	}
	return text, nil
}

var errRequest = errors.New("the request is not one of ours, or has expired")

func (s *Server) openRequest(text string) (request, error) {
	if text == "" || len(text) > maxSealed {
		return request{}, errRequest
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return request{}, errRequest
	}
	packed, err := s.Sealer.Open(sealed, requestName, 1)
	if err != nil {
		return request{}, errRequest
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), 8*maxQuery))
	if err != nil {
		return request{}, errRequest
	}
	var q request
	if err := json.Unmarshal(plain, &q); err != nil || !s.Now().Before(q.Expires) {
		return request{}, errRequest
	}
	return q, nil
}

// requestOf is the request that a page's URL carries, and the client, if both are
// still what they were.
func (s *Server) requestOf(r *http.Request) (request, client.Client, *fault) {
	values := r.URL.Query()["request"]
	if len(values) != 1 {
		return request{}, client.Client{}, expiredFault()
	}
	q, err := s.openRequest(values[0])
	if err != nil {
		return request{}, client.Client{}, expiredFault()
	}
	c, err := s.Clients.Find(r.Context(), q.Client)
	var invalid *client.InvalidError
	switch {
	case errors.Is(err, client.ErrUnknown), errors.As(err, &invalid):
		return request{}, client.Client{}, &fault{http.StatusBadRequest, titleClient, whatUnknownClient, todoClient}
	case err != nil:
		s.Logger.Error("a client could not be looked up", "error", err)
		return request{}, client.Client{}, busyFault()
	case digest(c) != q.Digest || !c.Redirect(q.Redirect):
		return request{}, client.Client{}, &fault{http.StatusBadRequest, titleClient, whatClientChanged, todoAgain}
	}
	return q, c, nil
}

func expiredFault() *fault {
	return &fault{http.StatusBadRequest, titleExpired, whatExpired, todoAgain}
}

// digest is what a person agrees to of a client: its name, and where its answers go.
// One that changes either is another client to them.
func digest(c client.Client) string { return c.Digest() }

// plainText is text from outside in one line that a person can read: without what
// cannot be seen or turns the direction of writing, at most n bytes.
func plainText(text string, n int) string {
	text = strings.Join(strings.Fields(strings.Map(visible, strings.ToValidUTF8(text, ""))), " ")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") + "…"
	}
	return text
}
