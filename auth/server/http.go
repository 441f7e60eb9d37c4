package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	maxBody  = 64 << 10 // bytes of a machine's request
	maxQuery = 8 << 10  // bytes of the query of a request for authorization
)

// visit is what is known of one request besides what the library hands on.
type visit struct {
	address string
	nonce   string // to be sent in DPoP-Nonce
	proved  string // the client that has proved who it is
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

func (s *Server) routes() http.Handler {
	// The library's own discovery, keys, health and user info are not reached.
	library := op.RegisterServer(protocol{Server: s}, op.Endpoints{
		Authorization:       op.NewEndpoint(AuthorizePath),
		Token:               op.NewEndpoint(TokenPath),
		Introspection:       op.NewEndpoint(IntrospectPath),
		Revocation:          op.NewEndpoint(RevokePath),
		DeviceAuthorization: op.NewEndpoint(DeviceAuthPath),
	}, op.WithServerCORSOptions(nil))
	mux := http.NewServeMux()
	limits := newLimiter(s.Now)
	for _, path := range []string{TokenPath, IntrospectPath, RevokePath, DeviceAuthPath} {
		next := library
		if path == TokenPath {
			next = s.clientless(library)
		}
		mux.Handle(path, s.machine(limits, next))
	}
	mux.Handle(AuthorizePath, s.person(library))
	mux.HandleFunc(ConsentPath, s.serveConsent)
	mux.HandleFunc(DevicePath, s.serveDevice)
	mux.HandleFunc("GET "+KeysPath, s.serveKeys)
	if s.Register != nil {
		mux.Handle(RegisterPath, s.Register)
	}
	for _, path := range s.Paths() {
		if path != "/oauth/" {
			mux.HandleFunc("GET "+path, s.serveMetadata)
		}
	}
	return mux
}

// machine guards what programs ask of the library: who has failed too often and the
// form of the request before it, and what the library leaves out of the answer (RFC
// 6749 sections 3.2, 5.1 and 5.2).
func (s *Server) machine(limits *limiter, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
		if r.Method != http.MethodPost {
			h.Set("Allow", http.MethodPost)
			writeError(w, http.StatusMethodNotAllowed, "invalid_request", "This endpoint takes POST.")
			return
		}
		status, problem := readForm(w, r)
		who := requesterOf(r)
		if wait := limits.wait(who); wait > 0 {
			h.Set("Retry-After", retryAfter(wait))
			writeError(w, http.StatusTooManyRequests, "temporarily_unavailable", "Too much has failed from here. Wait, then try again.")
			return
		}
		if problem != "" {
			s.count(limits, who, r)
			writeError(w, status, "invalid_request", problem)
			return
		}
		v := &visit{address: addressOf(r)}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		answer := &recorder{header: http.Header{}}
		next.ServeHTTP(answer, r)
		if v.nonce != "" {
			h.Set("DPoP-Nonce", v.nonce)
		}
		status = answer.status
		if v.proved != "" && status < 400 {
			limits.proved(v.proved, who.network)
		}
		var e struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if status >= 400 {
			_ = json.Unmarshal(answer.body.Bytes(), &e)
			if e.Error == "invalid_client" {
				status = http.StatusUnauthorized
			}
			if status == http.StatusUnauthorized {
				h.Set("WWW-Authenticate", `Basic realm="toolvault"`)
			}
			if status == http.StatusServiceUnavailable {
				h.Set("Retry-After", "5")
			}
			s.requestRefused(r, e.Error, e.Description)
		}
		if costs(r.URL.Path, status, e.Error) {
			s.count(limits, who, r)
		}
		h.Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(answer.body.Bytes())
	})
}

// readForm reads the body's form into r.Form, and nothing of the URL: a secret in
// a URL is a secret in a log. A parameter that is repeated is refused (RFC 6749
// section 3.2), but for those of which there may be several (RFC 8707, RFC 8693).
func readForm(w http.ResponseWriter, r *http.Request) (status int, problem string) {
	if r.URL.RawQuery != "" {
		return http.StatusBadRequest, "Parameters are sent in the body, not in the URL."
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || r.Header.Get("Content-Encoding") != "" {
		return http.StatusBadRequest, "The body is sent as application/x-www-form-urlencoded."
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return http.StatusRequestEntityTooLarge, "The body has at most 64 KiB."
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	err = r.ParseForm()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, "The body has at most 64 KiB."
	case err != nil:
		return http.StatusBadRequest, "The body is not a form."
	}
	if repeated(r.Form) {
		return http.StatusBadRequest, "A parameter is repeated."
	}
	if len(r.Header["Authorization"]) > 1 || len(r.Header["Dpop"]) > 1 {
		return http.StatusBadRequest, "A header is repeated."
	}
	return 0, ""
}

func repeated(form url.Values) bool {
	for name, values := range form {
		if len(values) > 1 && name != "resource" && name != "audience" || len(values) > 8 {
			return true
		}
	}
	return false
}

// recorder keeps an answer of the library's, all of which are short.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

func writeError(w http.ResponseWriter, status int, code, description string) {
	body, _ := json.Marshal(map[string]string{"error": code, "error_description": description})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// count takes note of a failure, and records the last one that is looked at: those
// after it leave no line.
func (s *Server) count(limits *limiter, who requester, r *http.Request) {
	if limits.failed(who) {
		s.tell(r.Context(), Event{Kind: Refused, Grant: grantOf(r.Form), Client: claimedClient(r), Address: addressOf(r), Reason: "too much has failed from here; what follows at once is not looked at"})
	}
}

// requestRefused records a machine's request that was refused.
func (s *Server) requestRefused(r *http.Request, code, description string) {
	e := Event{Kind: Refused, Grant: grantOf(r.Form), Client: claimedClient(r), Address: addressOf(r), Reason: code + ": " + description}
	s.tell(r.Context(), e)
}

// tell records what is not waited for: something that was refused.
func (s *Server) tell(ctx context.Context, e Event) {
	if err := s.Observe(context.WithoutCancel(ctx), e); err != nil {
		s.Logger.Error("a refused request could not be recorded", "error", err)
	}
}

func grantOf(form url.Values) string { return clip(form.Get("grant_type"), 80) }

// claimedClient is who the requester says to be.
func claimedClient(r *http.Request) string {
	if id, _, ok := r.BasicAuth(); ok {
		return clip(id, 200)
	}
	return clip(r.Form.Get("client_id"), 200)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}
