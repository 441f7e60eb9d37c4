package remote

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"toolvault/audit"
)

const (
	maxEntry   = 4 << 20 // bytes of an entry: its records have less than 700 KiB
	answersFor = time.Minute

	auditLogHeader = "Toolvault-Audit-Log"
)

// Audit reads another toolvault's audit log over its administrators' interface.
type Audit struct {
	server *Server
	token  func(ctx context.Context, stale string) (string, error)
	http   *http.Client
}

// Audit reads the server's log. token gives the administrator's access token, with
// the scope audit:read, in place of one that was refused, or any where stale is "";
// nil: that of the sign-in that is kept here.
func (s *Server) Audit(token func(ctx context.Context, stale string) (string, error)) *Audit {
	if token == nil {
		token = NewSource(s, true).Token
	}
	client := *s.http
	client.Timeout = 0 // an answer may take as long as something comes
	return &Audit{server: s, token: token, http: &client}
}

// Name asks for the name of the log, which stands in its checkpoints.
func (a *Audit) Name(ctx context.Context) (string, error) {
	name := ""
	err := a.ask(ctx, url.Values{"limit": {"1"}}, func(resp *http.Response) error {
		name = resp.Header.Get(auditLogHeader)
		return nil
	})
	if err == nil && (name == "" || len(name) > 300) {
		return "", fmt.Errorf("%s does not name its audit log: it is an older toolvault", a.server.URL)
	}
	return name, err
}

// Newest calls fn for the entries that a filter selects, newest first, as they
// come. An error of fn ends it and is returned.
func (a *Audit) Newest(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
	return a.read(ctx, "newest", f, fn)
}

// Oldest is Newest with the oldest first.
func (a *Audit) Oldest(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
	return a.read(ctx, "oldest", f, fn)
}

func (a *Audit) read(ctx context.Context, order string, f audit.Filter, fn func(audit.Entry) error) error {
	values := url.Values{"order": {order}, "limit": {strconv.Itoa(f.Limit)}}
	for name, value := range map[string]string{
		"agent": f.Agent, "user": f.User, "service": f.Service, "tool": f.Tool, "outcome": f.Outcome, "credential": f.CredentialID,
		"call": f.CallID, "tool_call": f.ToolCallID, "correlation": f.CorrelationID, "text": f.Text,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.Before > 0 {
		values.Set("before", strconv.FormatInt(f.Before, 10))
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			values.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return a.ask(ctx, values, func(resp *http.Response) error {
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(make([]byte, 0, 64<<10), maxEntry)
		for lines.Scan() {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var e audit.Entry
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				return fmt.Errorf("%s answered with what is no entry of an audit log", a.server.URL)
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("the answer of %s broke off: %w", a.server.URL, plain(err))
		}
		return nil
	})
}

// LogFile reads a file of the log as a tiled one (c2sp.org/tlog-tiles): its
// checkpoint, a tile, a bundle of entries; most is how large it may be.
func (a *Audit) LogFile(ctx context.Context, path string, most int64) (text []byte, err error) {
	err = a.get(ctx, "/v1/admin/audit/log/"+path, func(resp *http.Response) error {
		if text, err = io.ReadAll(io.LimitReader(resp.Body, most+1)); err == nil && int64(len(text)) > most {
			err = fmt.Errorf("%s sends more than %d bytes for %s", a.server.URL, most, path)
		}
		return err
	})
	return text, err
}

// ask sends a query. take reads an answer that is good.
func (a *Audit) ask(ctx context.Context, values url.Values, take func(*http.Response) error) error {
	return a.get(ctx, "/v1/admin/audit?"+values.Encode(), take)
}

// get asks for something, again with another token where the first was refused.
func (a *Audit) get(ctx context.Context, path string, take func(*http.Response) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(answersFor, func() { cancel(errSilent) })
	defer silent.Stop()
	stale := ""
	for {
		token, err := a.token(ctx, stale)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.server.URL+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := a.http.Do(req)
		if err != nil {
			return fmt.Errorf("%s does not answer: %w", a.server.URL, cause(ctx, err))
		}
		if resp.StatusCode == http.StatusUnauthorized && stale == "" {
			_ = resp.Body.Close()
			stale = token
			continue
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s does not show its audit log: %s", a.server.URL, reason(resp))
		}
		silent.Stop()
		resp.Body = &alive{resp.Body, silent}
		if err := take(resp); err != nil {
			return cause(ctx, err)
		}
		return nil
	}
}

var errSilent = fmt.Errorf("it has said nothing for %v", answersFor)

// cause is why a request was broken off, where it was.
func cause(ctx context.Context, err error) error {
	if because := context.Cause(ctx); because != nil && errors.Is(err, context.Canceled) {
		return because
	}
	return plain(err)
}

// reason is what a server says of a refusal, bounded.
func reason(resp *http.Response) string {
	var said struct {
		Text string `json:"error_description"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&said) != nil || said.Text == "" {
		return resp.Status
	}
	return said.Text[:min(len(said.Text), 300)]
}

// alive ends a request when nothing comes for a while; not when nobody reads, as
// while another log has its turn.
type alive struct {
	io.ReadCloser
	silent *time.Timer
}

func (a *alive) Read(b []byte) (int, error) {
	a.silent.Reset(answersFor)
	defer a.silent.Stop()
	return a.ReadCloser.Read(b)
}
