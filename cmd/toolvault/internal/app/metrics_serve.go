package app

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"toolvault/tools/transport"
	"toolvault/vault"
)

// Where the numbers are served, in this order: at the address of server.metrics,
// where it names one; beside /mcp with a token, where it asks for one; beside /mcp
// without, as long as the server is reached on this machine only. A server with a
// public URL has no /metrics beside /mcp that anybody may read.

// scrapes serves the numbers.
func (m *Metrics) scrapes() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second, EnableOpenMetrics: true})
}

// metricsHandler is GET /metrics beside /mcp.
func (a *App) metricsHandler() (http.Handler, error) {
	a.Metrics.scraped.app.Store(a)
	own := a.Cfg.Server.Metrics
	if own.Listen != "" || own.Token == "" && a.Cfg.Server.PublicURL != "" {
		if own.Listen == "" {
			a.Logger.Info("metrics are not served, since others can reach this server: server.metrics in the config says where, or with which token")
		}
		return http.NotFoundHandler(), nil
	}
	return a.scrapesFor(transport.Options{PublicURL: a.PublicURL(), AllowedHosts: a.Cfg.Server.AllowedHosts})
}

// scrapesFor serves the numbers to whoever names a Host of ours and, where one is
// asked for, shows the token.
func (a *App) scrapesFor(o transport.Options) (http.Handler, error) {
	h := a.Metrics.scrapes()
	if reference := a.Cfg.Server.Metrics.Token; reference != "" {
		token, err := a.Cfg.Lookup(reference)
		if err != nil {
			return nil, fmt.Errorf("server.metrics.token in the config: %w", err)
		}
		if h, err = withToken(token, h); err != nil {
			return nil, err
		}
	}
	return transport.GuardHost(o, h)
}

const shortestMetricsToken = 16 // characters: who can guess it can try as often as he likes

// withToken lets through who shows the token as a bearer's (RFC 6750 section 2.1).
func withToken(token vault.Secret, next http.Handler) (http.Handler, error) {
	if len(token.Reveal()) < shortestMetricsToken {
		return nil, fmt.Errorf("server.metrics.token in the config: what it stands for has to have %d characters at least", shortestMetricsToken)
	}
	want := sha256.Sum256([]byte(token.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "The metrics are shown to whoever has the token of server.metrics.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// bindMetrics takes the address of server.metrics, if there is one.
func (a *App) bindMetrics() (err error) {
	if addr := a.Cfg.Server.Metrics.Listen; addr != "" {
		if a.scraped, err = Bind(addr); err != nil {
			return fmt.Errorf("server.metrics: %w", err)
		}
		a.closers = append(a.closers, func() error { _ = a.scraped.Close(); return nil }) // Serve may have
	}
	return nil
}

// serveMetrics answers at the address of server.metrics until ctx ends.
func (a *App) serveMetrics(ctx context.Context) error {
	l := a.scraped
	if l == nil {
		return nil
	}
	h, err := a.scrapesFor(transport.Options{AllowedHosts: a.Cfg.Server.AllowedHosts})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	a.Logger.Info("serving metrics", "url", "http://"+l.Addr().String()+"/metrics")
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
