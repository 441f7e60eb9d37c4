package otlp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/mirror"
	"toolvault/vault"
)

// What a collector answers decides what becomes of a lot.
func TestAnswers(t *testing.T) {
	c := newCollector(t)
	sink, _ := c.open()
	lot := mirror.Lot{Log: "l", Records: records(t, 3)}
	says := func(status int, body string, header ...string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return status == 200
		}
	}
	for name, x := range map[string]struct {
		answer func(http.ResponseWriter) bool
		want   error // of this type
		text   string
	}{
		"all is well":               {says(200, `{"partialSuccess":{}}`), nil, ""},
		"a warning":                 {says(200, `{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"old"}}`), nil, ""},
		"no JSON":                   {says(200, `ok`), nil, ""},
		"some are refused":          {says(200, `{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}`), &mirror.Partly{}, "refused 2 of what was sent: too old"},
		"a number without quotes":   {says(200, `{"partialSuccess":{"rejectedLogRecords":2}}`), &mirror.Partly{}, ""},
		"all are refused":           {says(200, `{"partialSuccess":{"rejectedLogRecords":"3"}}`), &mirror.Refused{}, ""},
		"bad data":                  {says(400, `{"code":3,"message":"no hunter2\u0000here\n"}`), &mirror.Refused{}, "HTTP 400: no [secret] here"},
		"too much":                  {says(413, ``), &mirror.TooLarge{}, ""},
		"busy":                      {says(429, ``, "Retry-After", "7"), &mirror.Later{After: 7 * time.Second}, ""},
		"busy until then":           {says(503, ``, "Retry-After", "Wed, 21 Oct 2015 07:28:30 GMT", "Date", "Wed, 21 Oct 2015 07:28:00 GMT"), &mirror.Later{After: 30 * time.Second}, ""},
		"busy for ever":             {says(503, ``, "Retry-After", "4000000000"), &mirror.Later{After: time.Hour}, ""},
		"gone":                      {says(502, `<html>`), &mirror.Later{}, ""},
		"slow":                      {says(504, ``), &mirror.Later{}, ""},
		"broken":                    {says(500, ``), &mirror.Closed{}, ""},
		"without a right":           {says(401, `{"message":"key"}`), &mirror.Closed{}, "HTTP 401: key"},
		"elsewhere":                 {says(307, ``, "Location", "/elsewhere"), &mirror.Closed{}, "HTTP 307"},
		"an answer without end":     {says(200, strings.Repeat("x", maxAnswer+1)), &mirror.Closed{}, "4 MiB"},
		"a message without end":     {says(400, `{"message":"`+strings.Repeat("y", 100_000)+`"}`), &mirror.Refused{}, "y…"},
		"a message of other things": {says(400, `{"message":[1]}`), &mirror.Refused{}, "HTTP 400"},
	} {
		t.Run(name, func(t *testing.T) {
			c.set(x.answer)
			err := sink.Send(t.Context(), lot)
			if reflect.TypeOf(err) != reflect.TypeOf(x.want) {
				t.Fatalf("%T: %v", err, err)
			}
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), x.text) || strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 400 {
				t.Errorf("%v", err)
			}
			var later *mirror.Later
			if want, ok := x.want.(*mirror.Later); ok && (!errors.As(err, &later) || later.After != want.After) {
				t.Errorf("after %v", later.After)
			}
		})
	}
}

// Nobody is there: it is tried again, and the error has no URL, which may be a secret.
func TestNobodyThere(t *testing.T) {
	sink := NewLogs(&Client{Endpoint: "http://127.0.0.1:1/hunter2"}, Resource{}, "", time.Now)
	err := sink.Send(t.Context(), mirror.Lot{Records: records(t, 1)})
	var later *mirror.Later
	if !errors.As(err, &later) || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	odd, err := mirror.NewRecord("l", audit.Raw{Leaf: []byte(`{"index":0,"phase":7}`)})
	var refused *mirror.Refused
	if err == nil {
		err = sink.Send(t.Context(), mirror.Lot{Records: []mirror.Record{odd}})
	}
	if !errors.As(err, &refused) {
		t.Errorf("a record that cannot be read: %v", err)
	}
	if err := sink.Send(t.Context(), mirror.Lot{}); err != nil {
		t.Errorf("nothing was sent, and: %v", err)
	}
	for _, bad := range []string{"://hunter2", "http://hunter2 x"} {
		if err := (&Client{Endpoint: bad}).Post(t.Context(), PathLogs, 1); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

// What is small is not compressed, and what cannot be sent is not.
func TestPost(t *testing.T) {
	var encodings []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		encodings = append(encodings, r.Header.Get("Content-Encoding"))
	}))
	defer server.Close()
	client := &Client{Endpoint: server.URL}
	for _, n := range []int{10, 10_000} {
		if err := client.Post(t.Context(), PathTraces, strings.Repeat("x", n)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(encodings, []string{"", "gzip"}) {
		t.Errorf("%q", encodings)
	}
	var failed *Failure
	client.most = 9_999
	if err := client.Post(t.Context(), PathLogs, strings.Repeat("x", 10_000)); !errors.As(err, &failed) || failed.Status != 413 || len(encodings) != 2 {
		t.Error(err)
	}
	if err := client.Post(t.Context(), PathLogs, func() {}); err == nil {
		t.Error("a function was sent")
	}
}

// Whatever a collector says, what comes of it is short, one line, and no panic.
func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"x"}}`, "7")
	f.Add(503, `{"message":"x"}`, "Wed, 21 Oct 2015 07:28:30 GMT")
	f.Add(400, "", "-1")
	c := Client{Headers: map[string]vault.Secret{"a": vault.NewSecret("hunter2")}}
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		h := http.Header{"Content-Type": {"application/json"}, "Retry-After": {after}, "Date": {"Wed, 21 Oct 2015 07:28:00 GMT"}}
		rejected, message := partialSuccess(h, []byte(body))
		text := c.clean(message + statusMessage(h, []byte(body)))
		if len([]rune(text)) > longestMessage+1 || strings.Contains(text, "\n") || strings.Contains(text, "hunter2") {
			t.Errorf("%q", text)
		}
		if d := retryAfter(h); d < 0 || d > longestAfter {
			t.Errorf("after %v", d)
		}
		_ = class(1, mirror.ByStatus(status, 0, &Partial{Rejected: rejected, Message: text}))
	})
}
