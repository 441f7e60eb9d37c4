package pinecone

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func TestFaults(t *testing.T) {
	const j, p, h = "application/json", "text/plain; charset=utf-8", "text/html"
	for _, c := range []struct {
		name      string
		status    int
		kind      string
		body      string
		want      fault.Kind
		retryable bool
		code      string
		says      string
	}{
		{"control 401", 401, j, `{"status":401,"error":{"code":"UNAUTHENTICATED","message":"Invalid API key."}}`, fault.CredentialInvalid, false, "UNAUTHENTICATED", "refused the credential"},
		{"data 401 in plain text", 401, p, "Invalid API Key", fault.CredentialInvalid, false, "", "refused the credential"},
		{"billing", 402, j, `{"status":402,"error":{"code":"PAYMENT_REQUIRED","message":"Request failed."}}`, fault.NotPermitted, false, "PAYMENT_REQUIRED", "billing"},
		{"protected", 403, j, `{"status":403,"error":{"code":"FORBIDDEN","message":"Deletion protection is enabled"}}`, fault.NotPermitted, false, "FORBIDDEN", "Deletion protection"},
		{"protected, what to do", 403, j, `{"status":403,"error":{"code":"FORBIDDEN","message":"Deletion protection is enabled for this index."}}`, fault.NotPermitted, false, "FORBIDDEN", "pinecone_configure_index"},
		{"a quota", 403, j, `{"status":403,"error":{"code":"FORBIDDEN","message":"You've reached the max serverless indexes allowed in project X (5): max number"}}`, fault.NotPermitted, false, "FORBIDDEN", "quota"},
		{"another quota", 403, j, `{"status":403,"error":{"code":"QUOTA_EXCEEDED","message":"too many pods"}}`, fault.NotPermitted, false, "QUOTA_EXCEEDED", "quota is used up"},
		{"a role", 403, p, "Forbidden: the API key's role DataPlaneViewer does not allow writes.", fault.NotPermitted, false, "", "DataPlaneEditor"},
		{"tokens a minute", 429, j, `{"status":429,"error":{"code":"RESOURCE_EXHAUSTED","message":"Request failed. You've reached the max embedding tokens per minute (250000) for model 'x'"}}`, fault.RateLimited, true, "RESOURCE_EXHAUSTED", "shorter texts"},
		{"text too long", 400, j, `{"status":400,"error":{"code":"INVALID_ARGUMENT","message":"Input text exceeds the maximum sequence length of 507 tokens"}}`, fault.InvalidArguments, false, "INVALID_ARGUMENT", "max_tokens"},
		{"too many texts", 400, j, `{"status":400,"error":{"code":"INVALID_ARGUMENT","message":"exceeds inputs limit of 96: max inputs per batch"}}`, fault.InvalidArguments, false, "INVALID_ARGUMENT", "max_batch"},
		{"too large", 413, p, "Payload Too Large", fault.InvalidArguments, false, "", "2 MB"},
		{"gateway 403", 403, p, "Forbidden", fault.NotPermitted, false, "", `"Forbidden"`},
		{"not found", 404, j, `{"status":404,"error":{"code":"NOT_FOUND","message":"Index x not found."}}`, fault.NotFound, false, "NOT_FOUND", "Index x not found."},
		{"rpc not found", 404, j, `{"code":5,"message":"Namespace not found","details":[]}`, fault.NotFound, false, "NOT_FOUND", "Namespace not found"},
		{"exists", 409, j, `{"status":409,"error":{"code":"ALREADY_EXISTS","message":"Resource already exists"}}`, fault.Conflict, false, "ALREADY_EXISTS", "already exists"},
		{"precondition", 412, j, `{"status":412,"error":{"code":"FAILED_PRECONDITION","message":"busy"}}`, fault.Conflict, false, "FAILED_PRECONDITION", "busy"},
		{"rpc invalid", 400, j, `{"code":3,"message":"Vector dimension 2 does not match"}`, fault.InvalidArguments, false, "INVALID_ARGUMENT", "does not match"},
		{"gateway 400", 400, p, "Bad request", fault.InvalidArguments, false, "", "Bad request"},
		{"unprocessable", 422, j, `{"status":422,"error":{"code":"UNPROCESSABLE_ENTITY","message":"missing field"}}`, fault.InvalidArguments, false, "UNPROCESSABLE_ENTITY", "missing field"},
		{"too fast", 429, j, `{"code":8,"message":"Too many requests"}`, fault.RateLimited, true, "RESOURCE_EXHAUSTED", "Too many"},
		{"too fast in plain text", 429, p, "Too Many Requests", fault.RateLimited, true, "", "Too Many"},
		{"month used up", 429, j, `{"code":8,"message":"You've reached your read unit limit for the current month"}`, fault.RateLimited, false, "RESOURCE_EXHAUSTED", "A person has to raise"},
		{"quota", 429, j, `{"status":429,"error":{"code":"QUOTA_EXCEEDED","message":"exceeds the project quota"}}`, fault.RateLimited, false, "QUOTA_EXCEEDED", "A person has to raise"},
		{"own error", 500, j, `{"status":500,"error":{"code":"UNKNOWN","message":"secret internals"}}`, fault.UpstreamError, true, "UNKNOWN", "an error of its own"},
		{"a proxy's page", 503, h, "<html>secret internals</html>", fault.UpstreamUnavailable, true, "", "not available"},
		{"half a JSON", 400, j, `{"status":400,"err`, fault.InvalidArguments, false, "", "HTTP 400"},
		{"a page as plain text", 403, p, "<html>secret internals</html>", fault.NotPermitted, false, "", "role"},
		{"code out of range", 400, j, `{"code":99,"message":"m"}`, fault.InvalidArguments, false, "", `"m"`},
		{"other types", 400, j, `{"code":"three","message":7}`, fault.InvalidArguments, false, "", "HTTP 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := readFault(&upstream.Response{Service: name, Status: c.status, Header: http.Header{"Content-Type": {c.kind}, "Retry-After": {"7"}}, Body: []byte(c.body)})
			if f == nil {
				t.Fatal("no fault")
			}
			if f.Kind != c.want || f.Retryable != c.retryable || f.Code != c.code || f.Status != c.status {
				t.Errorf("got %s, retryable %v, code %q, status %d", f.Kind, f.Retryable, f.Code, f.Status)
			}
			if !strings.Contains(f.Message, c.says) || strings.Contains(f.Message, "internals") {
				t.Errorf("message: %s", f.Message)
			}
			if f.Kind == fault.RateLimited && f.Retryable && f.RetryAfter != 7*time.Second {
				t.Errorf("retry after %v", f.RetryAfter)
			}
		})
	}
	if f := readFault(&upstream.Response{Status: 201}); f != nil {
		t.Errorf("a success is %v", f)
	}
}

func TestHostileErrorText(t *testing.T) {
	body := `{"code":3,"message":"a\u202eb\u0000\u001b[31m\u200b` + strings.Repeat("z", 10000) + `"}`
	f := readFault(&upstream.Response{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)})
	if n := utf8.RuneCountInString(f.Message); n > maxSaid+200 {
		t.Errorf("%d characters", n)
	}
	if !strings.Contains(f.Message, "zzz") || strings.ContainsAny(f.Message, "\u202e\u200b\x00\x1b") {
		t.Errorf("message: %.100q", f.Message)
	}
}

func FuzzFault(f *testing.F) {
	f.Add(400, "application/json", `{"code":3,"message":"x"}`)
	f.Add(403, "text/plain", "Forbidden")
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		if status < 300 || status > 599 {
			return
		}
		got := readFault(&upstream.Response{Status: status, Header: http.Header{"Content-Type": {kind}}, Body: []byte(body)})
		if got == nil || utf8.RuneCountInString(got.Message) > 4*maxSaid || strings.ContainsAny(got.Message, "\x00\x1b\n") {
			t.Errorf("got %+v", got)
		}
	})
}
