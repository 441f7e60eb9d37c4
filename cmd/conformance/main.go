// Conformance is for tests only: it serves the fixtures of the official MCP
// conformance suite on the transport, the gateway and the authorization server of
// the product, and a proxy in front that adds an access token to each request, since
// the suite cannot send one. The token is got from the authorization server, as any
// program gets one. It prints two lines, the proxy's URL and that of the server
// itself, and runs until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/oauth2"

	"toolvault/auth/server"
	"toolvault/tools/transport"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address of the proxy, on a loopback address")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string) error {
	dir, err := os.MkdirTemp("", "toolvault-conformance-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	slog.SetDefault(logger) // the library of the authorization server logs its routes there
	publicURL := "http://" + backend.Addr().String()
	s, err := newStack(ctx, dir, publicURL, logger)
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(s.log.Close(), s.store.Close()) }()
	handler, err := s.handler(publicURL, logger)
	if err != nil {
		return err
	}
	front, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	var servers []*http.Server
	serve := func(l net.Listener, h http.Handler) {
		srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		servers = append(servers, srv)
		go func() { failed <- srv.Serve(l) }()
	}
	serve(backend, handler)
	tokens, err := discover(ctx, publicURL+server.ResourcePath, s.secret)
	if err == nil {
		serve(front, inject(backend.Addr().String(), tokens, logger))
		fmt.Printf("http://%s\n%s\n", front.Addr(), publicURL)
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
	}
	for _, srv := range servers {
		err = errors.Join(err, srv.Close()) // streams that are open have nothing to finish
	}
	return err
}

// handler is the product's HTTP surface, as far as the suite and a client that looks
// for a token need it.
func (s *stack) handler(publicURL string, logger *slog.Logger) (http.Handler, error) {
	o := transport.Options{
		Gateway: s.gateway, Auth: s.guard, Name: "toolvault-conformance", Version: "1", PublicURL: publicURL, Logger: logger, Configure: addFixtures,
	}
	mcp, err := transport.NewHTTP(o)
	if err != nil {
		return nil, err
	}
	oauth, err := transport.GuardOrigin(o, s.oauth.Handler())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", mcp)
	for _, path := range s.oauth.Paths() {
		mux.Handle(path, oauth)
	}
	return mux, nil
}

// inject is a proxy that adds an access token and changes nothing else: the Host and
// the Origin of the suite have to arrive as they are.
func inject(backend string, tokens oauth2.TokenSource, logger *slog.Logger) http.Handler {
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: backend})
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // the suite closes streams that it has seen enough of
				logger.Error("a request could not be passed on", "error", err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := tokens.Token() // the same until it expires
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		token.SetAuthHeader(r)
		// Without it the answer's first byte closes the request's body, and the stream
		// breaks if the proxy has not seen the body's end by then.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			logger.Error("the proxy cannot read and write at once", "error", err)
		}
		proxy.ServeHTTP(w, r)
	})
}
