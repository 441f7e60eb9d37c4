package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"toolvault/vault/connect"
)

// ownPages are pages of consent that this process shows itself, on a loopback
// address: to the person before this machine, who runs it for a desktop client
// (RFC 8252 section 7.3). They are opened when the first call needs them.
type ownPages struct {
	mu        sync.Mutex
	allowed   bool
	connector *connect.Connector
	server    *http.Server
}

// allow lets them be opened.
func (o *ownPages) allow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.allowed = true
}

// open returns the connector whose pages are shown; nil where that is not allowed.
func (o *ownPages) open(a *App) (*connect.Connector, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.allowed || o.connector != nil {
		return o.connector, nil
	}
	l, err := loopback(a.ListenAddr())
	if err != nil {
		return nil, fmt.Errorf("the page of consent has no address: %w", err)
	}
	c, pages, err := a.Loopback("http://" + l.Addr().String())
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	o.connector = c
	o.server = &http.Server{
		Handler: pages, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() { _ = o.server.Serve(l) }()
	return c, nil
}

// close ends them; a page under way may be shown to its end.
func (o *ownPages) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.allowed = false
	if o.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if o.server.Shutdown(ctx) != nil {
		_ = o.server.Close()
	}
	o.connector, o.server = nil, nil
}

// loopback takes the configured address, which is the one that providers are told
// to send browsers back to, or another port of this machine where that is not to
// be had.
func loopback(addr string) (net.Listener, error) {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
			if l, err := net.Listen("tcp", addr); err == nil {
				return l, nil
			}
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}
