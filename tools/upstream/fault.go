package upstream

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"

	"code.dny.dev/ssrf"

	"toolvault/tools/fault"
)

// StatusFault judges an answer by its HTTP status alone; services build on it.
func StatusFault(r *Response) *fault.Error {
	var f *fault.Error
	s := r.Service
	switch {
	case r.Status/100 == 2:
		return nil
	case r.Status == http.StatusUnauthorized:
		f = fault.New(fault.CredentialInvalid, "%s refused the credential. A person has to put in a new one; trying again will not help.", s)
		f.NotSent = true
	case r.Status == http.StatusForbidden:
		f = fault.New(fault.NotPermitted, "%s does not let this credential do that.", s)
		f.NotSent = true
	case r.Status == http.StatusNotFound:
		f = fault.New(fault.NotFound, "%s has no such thing. Check the id.", s)
	case r.Status == http.StatusConflict:
		f = fault.New(fault.Conflict, "%s says that this conflicts with what is there.", s)
	case r.Status == http.StatusTooManyRequests:
		f = fault.New(fault.RateLimited, "%s is limiting the rate of calls.", s)
		f.RetryAfter = RetryAfter(r.Header)
		f.NotSent = true
	case r.Status/100 == 4:
		f = fault.New(fault.InvalidArguments, "%s did not accept the request (HTTP %d).", s, r.Status)
	case r.Status == http.StatusBadGateway, r.Status == http.StatusServiceUnavailable, r.Status == http.StatusGatewayTimeout:
		f = fault.New(fault.UpstreamUnavailable, "%s is not available just now (HTTP %d). Try again in a minute.", s, r.Status)
		f.RetryAfter = RetryAfter(r.Header)
	case r.Status/100 == 5:
		f = fault.New(fault.UpstreamError, "%s had an error of its own (HTTP %d). Try again later.", s, r.Status)
		f.Retryable = true
	default:
		f = fault.New(fault.UpstreamError, "%s answered with the unexpected HTTP status %d.", s, r.Status)
	}
	f.Status = r.Status
	return f
}

// ErrUnknownHost is the cause of a failure where no such host is in the DNS.
var ErrUnknownHost = errors.New("no such host")

// lost is the fault of a request that got no whole answer. begun says that some
// of it may have reached the service.
func lost(ctx context.Context, service string, err error, begun bool) *fault.Error {
	var f *fault.Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		f = fault.From(ctx.Err())
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		f = fault.New(fault.Timeout, "%s did not answer in time. Ask for less, or try again.", service).Because(context.DeadlineExceeded)
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort), errors.Is(err, ssrf.ErrProhibitedNetwork):
		f = fault.New(fault.UpstreamError, "The address of %s is not a public one, so it is not called. If the service is in a private network, the operator has to set its base_url.", service).Because(cause(err))
	case errors.As(err, &cert):
		f = fault.New(fault.UpstreamUnavailable, "The TLS certificate of %s cannot be trusted, so it is not called. The operator has to look at it.", service).Because(cause(err))
		f.Retryable = false
	case refusedCertificate.MatchString(err.Error()):
		f = fault.New(fault.CredentialInvalid, "%s refused the client certificate, or wants one and was shown none. A person has to put in the right one; trying again will not help.", service).Because(cause(err))
		begun = false // the connection never came about: nothing was read from it
	case errors.As(err, &dns) && dns.IsNotFound:
		f = fault.New(fault.UpstreamUnavailable, "The host name of %s is not known. The operator has to check its base_url.", service).Because(fmt.Errorf("%w: %w", ErrUnknownHost, cause(err)))
		f.Retryable = false
	case begun:
		f = fault.New(fault.UpstreamUnavailable, "%s broke off before its answer was complete. Try again in a minute; other services are not affected.", service).Because(cause(err))
	default:
		f = fault.New(fault.UpstreamUnavailable, "%s could not be reached. Try again in a minute; other services are not affected.", service).Because(cause(err))
	}
	f.NotSent = !begun
	return f
}

// redirected is the fault of a 3xx: it is not followed, since the credential
// would go where nobody has decided that it may go.
func redirected(service string, status int) *fault.Error {
	f := fault.New(fault.UpstreamError, "%s answered with a redirect (HTTP %d), which is not followed. The operator has to check its base_url.", service, status)
	f.Status = status
	f.NotSent = true
	return f
}

// tooLarge is the fault of an answer beyond the limit, in bytes.
func tooLarge(service string, status int, limit int64) *fault.Error {
	f := fault.New(fault.UpstreamError, "The answer of %s is larger than %d bytes. Ask for less: a smaller limit, fewer fields or a narrower filter.", service, limit)
	f.Status = status
	return f
}

// doubtful says of a write that failed after it may have been done that this is
// so. A model that just tried again might do it twice.
func doubtful(f *fault.Error) *fault.Error {
	switch {
	case f.NotSent:
		return f
	case f.Kind == fault.Timeout, f.Kind == fault.UpstreamUnavailable, f.Kind == fault.UpstreamError:
		g := *f
		g.Message += " It may have been done all the same: look before doing it again."
		g.Retryable = false
		return &g
	}
	return f
}

// refusedCertificate matches the alerts by which a server turns a client away (RFC
// 8446 section 6.2). With TLS 1.3 they come after the request was sent.
var refusedCertificate = regexp.MustCompile(`remote error: tls: (.*certificate|access denied)`)

// quoted is how Go's errors repeat an answer, or the URL of a request.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?`)

// cause is an error for the log: without a URL, which may hold arguments, and
// without what a service said, which may be our own credential.
func cause(err error) error {
	return errors.New(clip(quoted.ReplaceAllString(err.Error(), "…"), 200))
}

// decode reads a JSON answer. Half a JSON or HTML is an upstream_error.
func decode(r *Response, out any) *fault.Error {
	if out == nil || len(r.Body) == 0 {
		return nil
	}
	err := json.Unmarshal(r.Body, out)
	if err == nil {
		return nil
	}
	return notJSON(r.Service, r.Status).Because(cause(err))
}

func notJSON(service string, status int) *fault.Error {
	said := ""
	if status > 0 {
		said = fmt.Sprintf(" (HTTP %d)", status)
	}
	f := fault.New(fault.UpstreamError, "%s answered with something that is not the JSON it should be%s. Try again later; if it stays so, tell the operator.", service, said)
	f.Status = status
	return f
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
