package segment

import (
	"io"
	"net/http"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Each API's own shapes of an error are understood, and say what to do next.
func TestFaults(t *testing.T) {
	const track, profile, list = "segment_track", "segment_get_profile", "segment_list_sources"
	args := map[string]string{track: `{"event":"E","user_id":"u"}`, profile: `{"profile":"u"}`, list: `{}`}
	for _, c := range []struct {
		tool   string
		status int
		header map[string]string
		body   string
		kind   fault.Kind
		code   string
		after  time.Duration
		words  string
	}{
		{track, 401, nil, `{"code":"unauthorized","message":"x"}`, fault.CredentialInvalid, "unauthorized", 0, "write key"},
		{track, 429, map[string]string{"Retry-After": "86400"}, ``, fault.RateLimited, "", 24 * time.Hour, "rate"},
		{track, 429, map[string]string{"X-RateLimit-Reset": "7200"}, ``, fault.RateLimited, "", 2 * time.Hour, "rate"},
		{track, 413, nil, `{"code":"too_large","message":"Exceed payload limit"}`, fault.InvalidArguments, "too_large", 0, "Exceed payload limit"},
		{profile, 401, nil, `{"error":{"code":"authentication_error","message":"x"}}`, fault.CredentialInvalid, "authentication_error", 0, "token of the space"},
		{profile, 400, nil, `{"error":{"code":"validation_error","message":"bad limit"}}`, fault.InvalidArguments, "validation_error", 0, `"bad limit"`},
		{profile, 404, nil, `{"error":{"code":"not_found","message":"Profile was not found."}}`, fault.NotFound, "not_found", 0, "no such profile"},
		{profile, 500, nil, `oops`, fault.UpstreamError, "", 0, "check the id"},
		{profile, 429, nil, `{"error":{"code":"rate_limit_error","message":"slow"}}`, fault.RateLimited, "rate_limit_error", 0, "slow"},
		{list, 401, nil, `{"errors":[{"type":"unauthorized"}]}`, fault.CredentialInvalid, "unauthorized", 0, "Public API token"},
		{list, 403, nil, `{"errors":[{"type":"forbidden","message":"x"}]}`, fault.NotPermitted, "forbidden", 0, "role of the token"},
		{list, 404, nil, `{"errors":[{"type":"not-found","message":"Resource not found"}]}`, fault.NotFound, "not-found", 0, "segment_list_destinations"},
		{list, 422, nil, `{"errors":[{"type":"validation","field":"startTime","message":"is invalid"},{"type":"validation","message":"b"}]}`, fault.InvalidArguments, "validation", 0, `"startTime: is invalid; b"`},
		{list, 429, nil, `{"errors":[{"type":"RequestError","message":"Too many requests","data":{"remainingPoints":0,"msBeforeNext":5764700}}]}`, fault.RateLimited, "RequestError", 5764700 * time.Millisecond, "Too many requests"},
		{list, 429, nil, `{"errors":[{"type":7,"message":[],"data":"x"}]}`, fault.RateLimited, "", 0, "rate"},
		{list, 503, nil, `<html>`, fault.UpstreamUnavailable, "", 0, "not available"},
		{list, 200, nil, `{"data":{}}`, fault.UpstreamError, "", 0, "not the JSON"},
		{list, 200, nil, `{"data":{"sources":{}}}`, fault.UpstreamError, "", 0, "not the JSON"},
	} {
		w := against(t, nil)
		w.url = serve(t, func(rw http.ResponseWriter, _ *http.Request) {
			for k, v := range c.header {
				rw.Header().Set(k, v)
			}
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(c.status)
			_, _ = io.WriteString(rw, c.body)
		})
		f := w.refused(c.tool, args[c.tool], c.kind, c.words)
		if f.Code != c.code || f.RetryAfter != c.after {
			t.Errorf("%s %d: code %q, after %s, want %q, %s", c.tool, c.status, f.Code, f.RetryAfter, c.code, c.after)
		}
	}
}

// Of the Public API the reset is a date.
func TestWait(t *testing.T) {
	at := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	if d := wait(http.Header{"X-Ratelimit-Reset": {at}}, 0); d < 80*time.Second || d > 91*time.Second {
		t.Errorf("%s", d)
	}
	for _, v := range []string{"", "-5", "soon", "0"} {
		if d := wait(http.Header{"X-Ratelimit-Reset": {v}}, 0); d != 0 {
			t.Errorf("%q: %s", v, d)
		}
	}
}

func TestLimits(t *testing.T) {
	c := sandboxed(t).client("source.read")
	for path, want := range map[string]int{"/events/volume": 60, "/regulations": 60, "/regulations/sources/x": 60, "/sources": 0} {
		got := limits(c, &upstream.Request{API: "public", Path: path})
		if want == 0 && got != nil || want > 0 && (len(got) != 1 || got[0].Burst != want) {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if got := limits(c, &upstream.Request{API: "profiles.eu"}); len(got) != 1 || got[0].Burst != 100 {
		t.Errorf("%+v", got)
	}
	if got := limits(c, &upstream.Request{Path: "/v1/track"}); got != nil {
		t.Errorf("%+v", got)
	}
}
