// Conformance is for tests only: it serves the fixtures of the official MCP
// conformance suite on the transport and the gateway of the product, behind a
// bearer token, and a proxy in front that adds the token, since the suite cannot send one. It prints
// the proxy's URL on stdout and runs until it is interrupted.
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

	"toolvault/auth"
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
	publicURL := "http://" + backend.Addr().String()
	s, err := newStack(ctx, dir, publicURL, logger)
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(s.log.Close(), s.store.Close()) }()
	handler, err := transport.NewHTTP(transport.Options{
		Gateway: s.gateway, Auth: &auth.Guard{Tokens: s.tokens}, Name: "toolvault-conformance", Version: "1", PublicURL: publicURL,
		Logger: logger, Configure: addFixtures,
	})
	if err != nil {
		return err
	}
	front, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	servers := []*http.Server{
		{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		{Handler: inject(backend.Addr().String(), s.token), ReadHeaderTimeout: 10 * time.Second},
	}
	failed := make(chan error, len(servers))
	for i, l := range []net.Listener{backend, front} {
		go func() { failed <- servers[i].Serve(l) }()
	}
	fmt.Printf("http://%s\n", front.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	for _, srv := range servers {
		err = errors.Join(err, srv.Close()) // streams that are open have nothing to finish
	}
	return err
}

// inject is a proxy that adds the token and changes nothing else: the Host and
// the Origin of the suite have to arrive as they are.
func inject(backend, token string) http.Handler {
	return &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: backend})
			r.Out.Host = r.In.Host
			r.Out.Header.Set("Authorization", "Bearer "+token)
		},
	}
}
