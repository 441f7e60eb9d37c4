package clearbit

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// What comes of a lookup.
const (
	found   = "found"
	noMatch = "no_match"
	queued  = "queued" // 202: asked for, and not there yet
)

// lookup is one question to Clearbit.
type lookup struct {
	api, path string
	query     url.Values
	stream    string // the API that waits for what is queued; "": none does
	wait      bool   // for what is queued, up to a minute
	cached    bool   // rather what was known before than to be queued
}

// Outcome is what came of a lookup.
type Outcome struct {
	Status string `json:"status"` // found, no_match or queued
	Note   string `json:"note,omitempty"`
}

// errAnswered keeps what is no "no match" out of the cache.
var errAnswered = errors.New("answered")

// ask makes a lookup and decodes what was found into out. "No match" is an answer and
// no failure; it is billed, so it is kept for a while, and not asked for again.
func (s *service) ask(ctx context.Context, c *upstream.Client, l lookup, out any) (Outcome, error) {
	key := c.CredentialKey() + " " + l.api + l.path + "?" + l.query.Encode()
	if l.cached {
		l.query.Set("cached", "true")
	}
	status, kept := noMatch, true
	since, err := s.missing.Get(key, func() (time.Time, error) {
		kept = false
		var err error
		if status, err = s.asked(ctx, c, l, out); err == nil && status != noMatch {
			err = errAnswered
		}
		return s.now(), err
	})
	switch {
	case errors.Is(err, errAnswered) && status == queued:
		return Outcome{queued, queuedNote(l)}, nil
	case errors.Is(err, errAnswered):
		return Outcome{Status: found}, nil
	case err != nil:
		return Outcome{}, err
	case kept:
		return Outcome{noMatch, "Clearbit said so at " + since.UTC().Format("2006-01-02 15:04 MST") + "; a lookup is billed, so it was not asked again."}, nil
	}
	return Outcome{Status: noMatch}, nil
}

func queuedNote(l lookup) string {
	switch {
	case l.cached:
		return "Clearbit knew nothing of it before, and looks it up now. Ask again in a few minutes."
	case l.stream == "":
		return "Clearbit looks it up now. Ask again in a few minutes: the same lookup is billed once."
	}
	return "Clearbit looks it up now. Ask again in a few minutes (the same lookup is billed once), or with cached true for what it knew before, which may be old."
}

// asked asks, and where the answer is "queued" once more, of the host that waits.
func (s *service) asked(ctx context.Context, c *upstream.Client, l lookup, out any) (string, error) {
	status, err := s.once(ctx, c, l.api, l, out)
	if err != nil || status != queued || l.stream == "" || !l.wait || l.cached {
		return status, err
	}
	c.Progress(1, 2, "queued at Clearbit; waiting up to a minute")
	within, cancel := context.WithTimeout(ctx, s.streams)
	defer cancel()
	status, err = s.once(within, c, l.stream, l, out)
	if f := fault.From(err); f != nil && ctx.Err() == nil {
		switch f.Kind {
		case fault.Timeout, fault.UpstreamUnavailable, fault.UpstreamError, fault.RateLimited, fault.NotFound:
			return queued, nil // it is queued, whatever became of the waiting
		}
	}
	return status, err
}

// once makes one request.
func (s *service) once(ctx context.Context, c *upstream.Client, api string, l lookup, out any) (string, error) {
	status := found
	err := c.Do(ctx, upstream.Request{API: api, Path: l.path, Query: l.query, Read: true, Fault: func(r *upstream.Response) *fault.Error {
		f := s.readFault(r)
		switch {
		case f != nil:
			return f
		case r.Status == http.StatusAccepted: // its body is empty, or says the same once more
			status = queued
			r.Body = nil
		case len(r.Body) == 0:
			return fault.New(fault.UpstreamError, "Clearbit answered with nothing (HTTP %d). Try again later.", r.Status)
		}
		return nil
	}}, out)
	if f := fault.From(err); f != nil && f.Code == codeUnknownRecord && f.Status == http.StatusNotFound {
		return noMatch, nil
	}
	return status, s.gone(c, api, err)
}
