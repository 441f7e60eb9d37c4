package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/auth"
	"toolvault/tools"
)

const (
	maxInFlight   = 64               // requests of a stdio client at one time
	shutdownGrace = 10 * time.Second // for calls under way, once the context has ended
)

// ServeStdio speaks MCP with the one client that started this process: a message
// a line on in, and nothing but messages on out. Whoever it is has been settled;
// every call is made as the identity.
//
// It returns nil when in ends or the context does, after the calls under way have
// been answered; those get ten seconds from the end of the context. A read from
// in cannot be interrupted: after the context has ended, one may be pending until
// in ends. An error means that in or out broke.
func ServeStdio(ctx context.Context, o Options, identity auth.Identity, in io.Reader, out io.Writer) error {
	c, err := newCore(o)
	if err != nil {
		return err
	}
	return newStdio(c, identity, out).run(ctx, in)
}

func newStdio(c *core, id auth.Identity, out io.Writer) *stdio {
	return &stdio{core: c, id: id, out: out, grace: shutdownGrace, flights: map[string]*flight{}, broken: make(chan struct{})}
}

// stdio is the server of one client.
type stdio struct {
	*core
	id    auth.Identity
	grace time.Duration

	session *session
	work    sync.WaitGroup // requests under way

	mu      sync.Mutex
	flights map[string]*flight // by id
	client  client             // what initialize said
	version string             // what it agreed upon
	elicits bool               // and that it can be asked to have a page opened

	writing  sync.Mutex
	out      io.Writer
	writeErr error
	broken   chan struct{} // closed at the first failure to write
}

// flight is a request under way.
type flight struct {
	cancel    context.CancelFunc
	cancelled bool
}

func (s *stdio) run(ctx context.Context, in io.Reader) error {
	// Calls outlive the end of ctx for the time of grace, all else does not.
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCalls()
	s.session = newSession()
	others, stopOthers := context.WithCancel(calls)
	defer stopOthers()
	if err := s.mcp.RegisterSession(others, s.session); err != nil {
		return fmt.Errorf("stdio: %w", err)
	}
	defer s.mcp.UnregisterSession(context.WithoutCancel(ctx), s.session.SessionID())
	var forwarder sync.WaitGroup
	forwarder.Go(func() { s.session.forward(others, s.send) })

	lines := make(chan line)
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	readErr := make(chan error, 1)
	go func() {
		defer close(lines)
		readErr <- readLines(reading, in, int(s.MaxBody), lines)
	}()

	withSession := s.mcp.WithContext(others, s.session)
	for open := true; open; {
		select {
		case l, ok := <-lines:
			if open = ok; ok {
				s.handle(calls, withSession, l)
			}
		case <-ctx.Done():
			open = false
		case <-s.broken:
			open = false
		}
	}
	stopOthers()
	if !s.finish(ctx, stopCalls) {
		return errors.New("stdio: the client does not read what it is sent: some answers were not delivered")
	}
	forwarder.Wait()
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.writeErr != nil {
		return fmt.Errorf("stdio: write: %w", s.writeErr)
	}
	select {
	case err := <-readErr:
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("stdio: read: %w", err)
		}
	default:
	}
	return nil
}

// finish waits for the calls under way, after the end of ctx no longer than the
// grace, and stops them at once if there is nobody to answer. It reports whether
// all have ended: one that hangs in a write to a client that does not read cannot
// be stopped, and is left behind.
func (s *stdio) finish(ctx context.Context, stop context.CancelFunc) bool {
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-s.broken:
	case <-ctx.Done():
		t := time.NewTimer(s.grace)
		defer t.Stop()
		select {
		case <-done:
			return true
		case <-t.C:
		case <-s.broken:
		}
	}
	stop()
	t := time.NewTimer(s.grace)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// handle takes one line. It never waits for a request.
func (s *stdio) handle(calls, others context.Context, l line) {
	if l.tooLong {
		s.send(plainError(fmt.Sprintf("A message is at most %d bytes.", s.MaxBody)))
		return
	}
	data := bytes.TrimSpace(l.data)
	if len(data) == 0 {
		return
	}
	if data[0] == '[' {
		s.handleBatch(calls, others, data)
		return
	}
	m, err := parse(data, s.ToolCallIDKeys)
	switch {
	case err != nil:
		s.send(unreadable(m, err))
	case m.notification():
		if m.method == "notifications/cancelled" {
			s.cancel(m.requestID)
		}
	case m.request():
		if a := checkVersion(m); a != nil {
			s.send(*a)
			return
		}
		s.start(calls, others, m)
	}
}

// start answers a request in a goroutine of its own; run waits for all of them.
func (s *stdio) start(calls, others context.Context, m *message) {
	parent := others
	isCall := m.method == "tools/call" && !s.fixture(m.name)
	if isCall {
		parent = calls
	}
	ctx, cancel := context.WithCancel(parent)
	key := idKey(m.id)
	f := &flight{cancel: cancel}

	s.mu.Lock()
	_, twice := s.flights[key]
	full := len(s.flights) >= maxInFlight
	if !twice && !full {
		s.flights[key] = f
	}
	if m.method == "initialize" && !m.modern() {
		s.client, s.version = m.client, mcp.NegotiateLegacyVersion(m.asked)
		s.elicits = m.declares && elicitsSince(m.asked)
	}
	m.asks = m.mayAsk(s.elicits)
	s.mu.Unlock()
	if twice || full {
		cancel()
		text := "A request with this id is under way: use another one."
		if full {
			text = fmt.Sprintf("%d requests are under way, as many as one client may have: wait for one of them.", maxInFlight)
		}
		s.send(rpcError(m, http.StatusOK, mcp.INVALID_REQUEST, text, nil))
		return
	}

	s.work.Go(func() {
		defer cancel()
		var a *answer
		if isCall {
			call := s.newCall(s.id, m, s.clientOf(m), s.read())
			call.Progress = s.progress(ctx, m)
			done := s.call(ctx, s.id, m, call)
			a = &done
		} else {
			a = s.other(ctx, s.id, m)
			s.session.flush(ctx)
		}
		s.mu.Lock()
		delete(s.flights, key)
		cancelled := f.cancelled
		s.mu.Unlock()
		if a != nil && !cancelled { // nothing more is said about a cancelled request
			s.send(*a)
		}
	})
}

func (s *stdio) cancel(id json.RawMessage) {
	if len(id) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[idKey(id)]; f != nil {
		f.cancelled = true
		f.cancel()
	}
}

func (s *stdio) handleBatch(calls, others context.Context, data []byte) {
	s.mu.Lock()
	version := s.version
	s.mu.Unlock()
	if !batches(version) {
		s.send(plainError("This protocol version has no arrays of messages: send them one by one."))
		return
	}
	messages, errs, err := parseBatch(data, s.ToolCallIDKeys)
	if err != nil {
		s.send(unreadable(nil, err))
		return
	}
	made := make([]tools.Call, len(messages))
	for i, m := range messages {
		if errs[i] == nil && m.request() && m.method == "tools/call" && !s.fixture(m.name) {
			made[i] = s.newCall(s.id, m, s.clientOf(m), s.read())
		}
	}
	s.work.Go(func() {
		if a := s.answerBatch(s.mcp.WithContext(calls, s.session), s.id, messages, errs, made); a != nil {
			s.send(*a)
		}
	})
}

// clientOf is what the client calls itself, in this message or when it
// initialized.
func (s *stdio) clientOf(m *message) client {
	if m.client.Name != "" {
		return m.client
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// send writes one message as one line.
func (s *stdio) send(a answer) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.writeErr != nil {
		return
	}
	if _, err := s.out.Write(append(a.body, '\n')); err != nil {
		s.writeErr = err
		close(s.broken)
	}
}

// idKey tells ids apart as JSON values: 1 and "1" differ, "1" and "\u0031" do not.
func idKey(id json.RawMessage) string {
	if text, ok := asString(id); ok {
		return `"` + text
	}
	return string(id)
}

// line is a line of input without its end, or the news that it was too long.
type line struct {
	data    []byte
	tooLong bool
}

// readLines sends every line until in ends, which is no error. A line of more
// than limit bytes is skipped and reported.
func readLines(ctx context.Context, in io.Reader, limit int, lines chan<- line) error {
	var (
		chunk = make([]byte, 32<<10)
		cur   line
	)
	emit := func() bool {
		l := cur
		cur = line{}
		select {
		case lines <- l:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		n, err := in.Read(chunk)
		for rest := chunk[:n]; len(rest) > 0; {
			part, after, ended := bytes.Cut(rest, []byte{'\n'})
			if len(cur.data)+len(part) > limit {
				cur = line{tooLong: true}
			}
			if !cur.tooLong {
				cur.data = append(cur.data, part...)
			}
			if ended && !emit() {
				return ctx.Err()
			}
			rest = after
		}
		if err != nil {
			if (len(cur.data) > 0 || cur.tooLong) && !emit() {
				return ctx.Err()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
