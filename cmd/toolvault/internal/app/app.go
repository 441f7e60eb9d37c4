// Package app assembles the rooms into a running toolvault: it opens the data
// folder, reads the config, and hands commands what they need.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/dpop"
	"toolvault/auth/issuer"
	"toolvault/auth/login"
	"toolvault/auth/people"
	"toolvault/auth/scope"
	"toolvault/auth/server"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/idempotency"
	"toolvault/tools/limits"
	"toolvault/tools/requeststate"
	"toolvault/tools/trace"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/connect"
	"toolvault/vault/store"
)

// Options say where an App lives and what it reads.
type Options struct {
	Data    string      // the data folder; "" means DataDir
	Config  string      // path of the config file; "" for none
	Listen  string      // address to listen on; "" means the config's
	Sandbox bool        // doubles instead of the real services
	Offer   tools.Offer // to every agent, besides what the config says of each
	Version string
	Logger  *slog.Logger
}

// App is an assembled toolvault.
type App struct {
	Options
	Dir      string         // the data folder
	Cfg      *config.Config // as it was at the start
	Store    store.Store
	Keyring  *vault.Keyring
	Agents   *auth.Agents
	Tokens   *auth.Tokens
	People   *people.People
	Login    *login.Login // nil: nobody signs in through a company's provider
	Clients  *client.Registry
	Issuers  *issuer.Set
	Vault    *vault.Vault
	Log      *audit.Log
	Gateway  *tools.Gateway
	Ledger   *idempotency.Ledger
	Budgets  *limits.Budgets
	Connect  *connect.Connector
	Redactor *audit.Redactor
	Metrics  *Metrics
	Sandbox  *Sandbox      // nil unless asked for
	tracer   *trace.Tracer // nil: no calls are recorded
	scraped  net.Listener  // of metrics; nil: they have no address of their own

	inForce  atomic.Pointer[config.Config] // what a changed file has put in place of Cfg
	notifier *notifier
	mirrors  mirrors
	oauth    struct {
		mu     sync.Mutex
		server *server.Server
		prover *dpop.Verifier
	}
	serving  atomic.Bool     // this process shows the pages itself
	own      ownPages        // of consent, where no server shows them
	services []tools.Service // as they are built in
	schemas  []schemas.Tool
	pool     *upstream.Pool
	auditKey string                              // verifier key of the log
	ownersOf atomic.Pointer[map[string][]string] // people, by agent, as the config in force has them
	local    bool                                // the store is a file of the data folder: no other uses it
	closers  []func() error
}

// Open assembles everything but the listeners. Close must follow.
func Open(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{Options: o, services: catalogue(), Redactor: audit.NewRedactor(), Metrics: newMetrics(o.Version), mirrors: mirrors{changed: make(chan struct{}, 1)}}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	if a.schemas, err = schemas.Load(); err != nil {
		return nil, err
	}
	if a.Cfg, err = loadConfig(o.Config); err != nil {
		return nil, err
	}
	if a.Dir, err = findDataDir(o.Data, a.Cfg); err != nil {
		return nil, err
	}
	if err := openFolder(a.Dir); err != nil {
		return nil, err
	}
	if err := a.openTracing(); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx, true); err != nil {
		return nil, err
	}
	a.Store = store.Observed(a.Store, a.Metrics.stored)
	if err := a.openLog(ctx); err != nil {
		return nil, err
	}
	if err := a.openAuth(ctx); err != nil {
		return nil, err
	}
	return a, a.openGateway(ctx)
}

// openStore opens the store and what is sealed in it. Where there is none yet it
// makes one, if it may.
func (a *App) openStore(ctx context.Context, may bool) (err error) {
	url := a.Cfg.Storage.URL
	if ref, ok := strings.CutPrefix(url, "env:"); ok {
		secret, err := a.Cfg.Lookup("env:" + ref)
		if err != nil {
			return fmt.Errorf("storage.url in the config: %w", err)
		}
		url = secret.Reveal()
	}
	if url == "" || strings.HasPrefix(url, "file:") {
		path := filepath.Join(a.Dir, "toolvault.db")
		_, err := os.Stat(path)
		if !may && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no store in %s: name the data folder with --data DIR", a.Dir)
		}
		if err := private(path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		url = "file:" + path
		a.local = true
	}
	a.Store, err = store.Open(ctx, url)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.Store.Close)

	sealed, err := vault.HasKeyring(ctx, a.Store)
	if err != nil {
		return err
	}
	if !sealed && !may {
		return errors.New("the store is empty: nothing was ever sealed in it")
	}
	var master vault.Secret
	var where string
	if ref := a.Cfg.Keys.Master; ref != "" {
		where = ref
		if master, err = a.Cfg.Lookup(ref); err != nil {
			err = fmt.Errorf("keys.master in the config: %w", err)
		}
	} else {
		var made bool
		if master, where, made, err = masterKey(a.Dir, !sealed); made {
			a.Logger.Info("made a master key: keep a copy of it in a safe place, nothing can be opened without it", "file", where)
		}
	}
	if err != nil {
		return err
	}
	if a.Keyring, err = vault.OpenKeyring(ctx, a.Store, master); err != nil {
		if a.Keyring, err = a.nextMaster(ctx, err); err != nil {
			return fmt.Errorf("%w (the key comes from %s)", err, where)
		}
	}
	return nil
}

func (a *App) openAuth(ctx context.Context) (err error) {
	a.Agents = auth.NewAgents(a.Store, time.Now)
	a.Agents.Configure(agents(a.Cfg))
	if err := a.Agents.Load(ctx); err != nil {
		return err
	}
	a.Tokens, err = auth.NewTokens(ctx, auth.TokenOptions{
		Store: a.Store, Sealer: a.Keyring, Agents: a.Agents, Catalogs: Catalogs(),
		Issuer: a.PublicURL(), Audience: a.PublicURL() + server.ResourcePath, Admin: a.PublicURL() + server.AdminPath, Now: time.Now, Logger: a.Logger,
	})
	if err != nil {
		return err
	}
	if err := a.openPeople(); err != nil {
		return err
	}
	return a.openClients(ctx)
}

func (a *App) openGateway(ctx context.Context) (err error) {
	services := configured(a.services, a.Cfg)
	records, keyring := a.Store, a.Keyring
	if a.Options.Sandbox {
		if a.Sandbox, err = startSandbox(ctx); err != nil {
			return err
		}
		a.closers = append(a.closers, a.Sandbox.Close)
		services = a.Sandbox.move(a.services)
		records, keyring = a.Sandbox.store, a.Sandbox.keyring
	}
	a.notifier = newNotifier(a.Logger)
	a.Vault = vault.New(vault.Options{
		Store: records, Keyring: keyring,
		HTTP: &http.Client{Timeout: 30 * time.Second}, Now: time.Now, Logger: a.Logger, Observe: a.observeVault,
	})
	a.pool = upstream.NewPool(nil, upstream.Guarded, upstream.Shared(a.Store, !a.local, a.Logger), upstream.Waited(a.Metrics.limited), upstream.Heard(a.Metrics.exchange))
	a.Ledger = idempotency.New(idempotency.Options{Store: records, Sealer: keyring, Now: time.Now, Logger: a.Logger})
	if a.Connect, err = a.connector(a.PublicURL(), false); err != nil {
		return err
	}
	a.Gateway, err = tools.NewGateway(tools.Options{
		Services: services, Schemas: a.schemas, Pool: a.pool, Vault: a.Vault, Log: timed{a.Log, a.Metrics}, Redactor: a.Redactor, Ledger: a.Ledger, Budgets: a.openBudgets(records),
		Consent: asking{a}, States: requeststate.New(records, keyring), Patience: patience,
		Active: func(id string) bool { agent, ok := a.Agents.Get(id); return ok && !agent.Suspended },
		Why:    func(id string) string { agent, _ := a.Agents.Get(id); return agent.Why() },
		Now:    time.Now, Logger: a.Logger, Observe: a.Metrics.call,
	})
	if err != nil {
		return err
	}
	a.Gateway.SetOffers(a.Offer, nil)
	if a.Sandbox != nil {
		return errors.Join(a.identities(a.Cfg), a.Sandbox.enter(ctx, a))
	}
	return a.apply(a.Cfg)
}

// Grants is all that the credentials allow which calls of the agent for the user
// can be made with: what a token carries if nobody narrows it. An agent without any here may be one of another process,
// with a config that this one does not know; its token is then wide, and what it
// allows is still cut to its credentials at each call.
func (a *App) Grants(agent, user string) (scope.Grants, error) {
	known := a.HasCredentials(agent)
	words := map[string][]string{}
	for _, d := range a.Vault.Declarations() {
		if d.Owner.Agent == agent && (d.Owner.User == "" || d.Owner.User == user) {
			words[d.Service] = append(words[d.Service], d.Scope.String())
		}
	}
	g := scope.Grants{}
	for _, s := range a.services {
		text := strings.Join(words[s.Name], " ")
		if !known {
			text = scope.ReadWrite
		}
		if text == "" {
			continue
		}
		set, err := s.Scopes.Parse(text)
		if err != nil {
			return nil, err
		}
		g[s.Name] = set
	}
	return g, nil
}

// ListenAddr is where to listen.
func (a *App) ListenAddr() string {
	if a.Listen != "" {
		return a.Listen
	}
	return a.Cfg.Server.Listen
}

// PublicURL is how clients reach the server, without a slash at the end: the
// issuer and, with /mcp, the audience of its tokens. It never comes from a
// request.
func (a *App) PublicURL() string {
	if u := a.Cfg.Server.PublicURL; u != "" {
		return strings.TrimSuffix(u, "/")
	}
	return "http://" + a.ListenAddr()
}

// Close lets go of everything, last opened first.
func (a *App) Close() error {
	a.notifier.flush()
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}
