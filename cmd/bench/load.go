package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const maxCalls = 200_000 // of one server at one number of connections in one round

// conn speaks HTTP/1.1 over one connection, with as little work as can be, so
// that the load takes little from what it measures.
type conn struct {
	net.Conn
	in      *bufio.Reader
	head    []byte // of a request, up to the content length
	work    work
	request bytes.Buffer
	body    bytes.Buffer
}

func dial(ctx context.Context, c *contender, w work) (*conn, error) {
	u, err := url.Parse(c.url)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	path := u.Path
	if path == "" {
		path = "/mcp"
	}
	head := "POST " + path + " HTTP/1.1\r\nHost: " + u.Host + "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMcp-Protocol-Version: 2025-06-18\r\n"
	if c.token != "" {
		head += "Authorization: Bearer " + c.token + "\r\n"
	}
	return &conn{Conn: nc, in: bufio.NewReaderSize(nc, 16<<10), head: []byte(head + "Content-Length: "), work: w}, nil
}

// call makes request n and checks its answer.
func (c *conn) call(n int64) error {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s","arguments":%s}}`, n, c.work.tool, c.work.arguments(n))
	c.request.Reset()
	_, _ = c.request.Write(c.head)
	_, _ = fmt.Fprintf(&c.request, "%d\r\n\r\n%s", len(body), body)
	if _, err := c.Write(c.request.Bytes()); err != nil {
		return err
	}
	status, err := c.read()
	if err != nil {
		return err
	}
	answer := c.body.Bytes()
	if status != 200 || !bytes.Contains(answer, []byte(c.work.answer(n))) || bytes.Contains(answer, []byte(`"isError":true`)) ||
		!bytes.Contains(answer, []byte(`"id":`+strconv.FormatInt(n, 10))) {
		return fmt.Errorf("%w: HTTP %d, %.400s", errWrongAnswer, status, answer)
	}
	return nil
}

// read reads one answer into c.body. It knows the two framings of RFC 9112 that
// a server on a connection that stays open can use.
func (c *conn) read() (status int, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errors.New("that is not HTTP")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length, chunked := int64(0), false
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked"))
		}
	}
	c.body.Reset()
	if !chunked {
		return status, c.take(length)
	}
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return 0, err
		}
		if err := c.take(n); err != nil {
			return 0, err
		}
		if _, err := c.in.Discard(2); err != nil {
			return 0, err
		}
		if n == 0 {
			return status, nil
		}
	}
}

func (c *conn) take(n int64) error {
	if n < 0 || n+int64(c.body.Len()) > maxAnswer {
		return fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	_, err := io.CopyN(&c.body, c.in, n)
	return err
}

// sample is what loading a server has shown, at one number of connections.
type sample struct {
	calls    int
	failures int
	first    string // failure
	took     time.Duration
	cpu      time.Duration // of the server
	times    []time.Duration
}

// number is the next request's: no two in a run are alike.
var number atomic.Int64

// loadServer loads a server over n connections for a time, or until it has
// answered maxCalls.
func loadServer(ctx context.Context, c *contender, w work, n int, duration time.Duration) (sample, error) {
	var total sample
	conns := make([]*conn, 0, n)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range n {
		conn, err := dial(ctx, c, w)
		if err != nil {
			return total, err
		}
		conns = append(conns, conn)
		if err := conn.call(number.Add(1)); err != nil { // warm, and not counted
			return total, err
		}
	}
	before, err := cpuTime(c.pid)
	if err != nil {
		return total, err
	}
	begin := time.Now()
	end := begin.Add(duration)
	parts := make([]sample, n)
	var broken atomic.Pointer[error]
	var left atomic.Int64
	left.Store(maxCalls)
	var wg sync.WaitGroup
	for i, conn := range conns {
		_ = conn.SetDeadline(end.Add(30 * time.Second))
		wg.Go(func() {
			part := &parts[i]
			for last := time.Now(); last.Before(end) && ctx.Err() == nil && left.Add(-1) >= 0; {
				err := conn.call(number.Add(1))
				now := time.Now()
				switch {
				case errors.Is(err, errWrongAnswer):
					part.failures++
					if part.first == "" {
						part.first = err.Error()
					}
				case err != nil:
					broken.Store(&err)
					return
				}
				part.times = append(part.times, now.Sub(last))
				last = now
			}
		})
	}
	wg.Wait()
	total.took = time.Since(begin)
	after, err := cpuTime(c.pid)
	switch {
	case err != nil:
		return total, err
	case broken.Load() != nil:
		return total, *broken.Load()
	case ctx.Err() != nil:
		return total, ctx.Err()
	}
	total.cpu = after - before
	for _, part := range parts {
		total.add(part)
	}
	return total, nil
}

func (s *sample) add(o sample) {
	s.calls += len(o.times)
	s.failures += o.failures
	s.took += o.took
	s.cpu += o.cpu
	s.times = append(s.times, o.times...)
	if s.first == "" {
		s.first = o.first
	}
}

// firstAnswer is the time from the start of the process to its first right
// answer to a call.
func firstAnswer(ctx context.Context, c *contender, w work) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dial(ctx, c, w)
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(startLimit))
			err = conn.call(number.Add(1))
			took := time.Since(c.begun)
			_ = conn.Close()
			if err == nil {
				return took, nil
			}
			if errors.Is(err, errWrongAnswer) {
				return 0, err
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("it did not answer in %s: %w; it says: %s", startLimit, err, c.log)
		case <-tick.C:
		}
	}
}

// micros is a duration that is written in microseconds.
type micros time.Duration

func (m micros) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/float64(time.Microsecond), 'f', 1, 64), nil
}
