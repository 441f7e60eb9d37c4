package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"toolvault/tools/sandbox/double"
)

// tamper stands between the client and a double, and may change what the double
// says.
type tamper func(w http.ResponseWriter, r *http.Request, double http.Handler)

// network connects a client and servers in memory.
type network struct {
	accept chan net.Conn
	mu     sync.Mutex
	hosts  map[string]http.Handler
	tamper tamper
}

func newNetwork(t testing.TB) *network {
	n := &network{accept: make(chan net.Conn), hosts: map[string]http.Handler{}}
	server := &http.Server{Handler: n, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	l := &pipes{accept: n.accept, closed: make(chan struct{})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return n
}

// base is where the API of a double begins.
func (n *network) base(d *double.Double) string { return "http://" + d.Service + ".test" + d.Base }

func (n *network) serve(name string, double http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[name+".test"] = double
}

// between puts something between the client and all doubles; nil: nothing.
func (n *network) between(change tamper) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tamper = change
}

func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	double, change := n.hosts[r.Host], n.tamper
	n.mu.Unlock()
	switch {
	case double == nil:
		http.Error(w, "no such host", http.StatusMisdirectedRequest)
	case change == nil:
		double.ServeHTTP(w, r)
	default:
		change(w, r, double)
	}
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case n.accept <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipes is a listener for connections in memory.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// answerOf is what a double answers.
func answerOf(double http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	double.ServeHTTP(rec, r)
	return rec
}

// pass writes an answer with another body.
func pass(w http.ResponseWriter, from http.Header, status int, body []byte) {
	for name, values := range from {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
