package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/vault"
	"toolvault/vault/connect"
)

// connecting is what a person says at the terminal about what to connect.
type connecting struct {
	agent, user, account, credential string
	noBrowser, server, localhost     bool
	port                             int
}

func connectCommand() *cobra.Command {
	var p place
	var o connecting
	cmd := &cobra.Command{
		Use:   "connect SERVICE --agent ID",
		Short: "Connect an account of a service: one-time OAuth consent",
		Long: `Asks for the consent of a person, in a browser, for the credential that the config
declares as an oauth_token with a source "vault:NAME", and keeps what the service
grants in the vault. From then on it is renewed by itself.

The browser comes back to this machine, http://127.0.0.1:PORT/connect/callback; a
service that wants that address registered needs a fixed --port. Where the config
names a public_url with https, or with --server, the pages of the running server are
used instead, from any machine, unless --port or --localhost is given: then the page
asks for the code that is shown here, or, for a credential of a person who can sign
in, that this person signs in.`,
		Example: "  toolvault connect hubspot --agent support-agent-1\n  toolvault connect slack --agent support-agent-1 --user alice --no-browser\n  toolvault connect hubspot --agent support-agent-1 --sandbox",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.agent == "" {
				return misuse(cmd, "say for which agent: --agent ID")
			}
			if o.port < 0 || o.port > 65535 {
				return misuse(cmd, "--port must be a number from 1 to 65535")
			}
			here := o.port != 0 || o.localhost
			if here && o.server {
				return misuse(cmd, "--server uses the server's address, not a port of this machine: leave out --port and --localhost, or --server")
			}
			return p.with(cmd, func(a *app.App) error {
				d, err := o.declaration(a, args[0])
				if err != nil {
					return err
				}
				if !p.sandbox && !here && (o.server || strings.HasPrefix(a.PublicURL(), "https://")) {
					return o.throughServer(cmd, a, d)
				}
				return o.onThisMachine(cmd, a, d)
			})
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	cmd.Flags().StringVar(&o.agent, "agent", "", "agent that the credential belongs to")
	cmd.Flags().StringVar(&o.user, "user", "", "person whose account it is, for a delegated credential")
	cmd.Flags().StringVar(&o.account, "account", "", "which of the agent's accounts of the service, as in the config")
	cmd.Flags().StringVar(&o.credential, "credential", "", "id of the credential, where there are several")
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the link only")
	cmd.Flags().BoolVar(&o.server, "server", false, "use the pages of the server that runs at the config's address")
	cmd.Flags().IntVar(&o.port, "port", 0, "port of this machine to come back to (default: a free one)")
	cmd.Flags().BoolVar(&o.localhost, "localhost", false, "come back to http://localhost instead of 127.0.0.1, for services that take nothing else")
	return cmd
}

// declaration finds the credential that is meant.
func (o *connecting) declaration(a *app.App, service string) (vault.Declaration, error) {
	var none vault.Declaration
	s, err := a.Service(service)
	if err != nil {
		return none, err
	}
	if _, err := a.Agent(o.agent); err != nil {
		return none, err
	}
	var fit, others []vault.Declaration
	var why error
	var users []string
	for _, d := range a.Vault.Declarations() {
		if d.Owner.Agent != o.agent || d.Service != service {
			continue
		}
		if d.Owner.User != o.user {
			users = append(users, d.Owner.User)
			continue
		}
		if err := connect.Connectable(d); err != nil {
			why = err
			continue
		}
		others = append(others, d)
		if (o.account == "" || d.Account == o.account) && (o.credential == "" || d.ID == o.credential) {
			fit = append(fit, d)
		}
	}
	switch {
	case len(fit) == 1, len(fit) > 1 && s.OAuth != nil && s.OAuth.UserScopeParam != "" && sameAccount(fit):
		return fit[0], nil // the others of the account are asked for with it
	case len(fit) > 1 && !sameAccount(fit):
		return none, fmt.Errorf("agent %s has several accounts of %s: choose one with --account (%s)", o.agent, service, strings.Join(accounts(fit), ", "))
	case len(fit) > 1:
		return none, fmt.Errorf("agent %s has several credentials for %s: choose one with --credential (%s)", o.agent, service, strings.Join(ids(fit), ", "))
	case len(others) > 0:
		return none, fmt.Errorf("agent %s has no such credential for %s: there is %s", o.agent, service, strings.Join(described(others), ", "))
	case why != nil:
		return none, why
	case len(users) > 0 && o.user == "":
		return none, fmt.Errorf("the credentials of agent %s for %s belong to people: say whose with --user (%s)", o.agent, service, strings.Join(slices.Compact(users), ", "))
	}
	return none, fmt.Errorf("agent %s has no credential for %s that a person can connect: declare one in the config, such as { service: %s, type: oauth_token, source: \"vault:%s/%s\", scope: read-only%s }",
		o.agent, service, service, service, o.agent, userKey(o.user))
}

func userKey(user string) string {
	if user == "" {
		return ""
	}
	return ", user: " + user
}

func sameAccount(all []vault.Declaration) bool {
	return !slices.ContainsFunc(all, func(d vault.Declaration) bool { return d.Account != all[0].Account })
}

func accounts(all []vault.Declaration) []string {
	var names []string
	for _, d := range all {
		if !slices.Contains(names, d.Account) {
			names = append(names, d.Account)
		}
	}
	return names
}

func ids(all []vault.Declaration) []string {
	var names []string
	for _, d := range all {
		names = append(names, d.ID)
	}
	return names
}

func described(all []vault.Declaration) []string {
	var names []string
	for _, d := range all {
		text := d.ID
		if d.Account != "" {
			text += " (--account " + d.Account + ")"
		}
		names = append(names, text)
	}
	return names
}

// throughServer uses the pages of a running server: this process only asks, and
// waits for the answer.
func (o *connecting) throughServer(cmd *cobra.Command, a *app.App, d vault.Declaration) error {
	r := connect.Request{Declaration: d}
	if d.Owner.User != "" {
		if person, err := a.People.Get(cmd.Context(), d.Owner.User); err == nil && !person.Disabled {
			r.People = []string{person.Name}
		}
	}
	t, err := a.Connect.Begin(cmd.Context(), r)
	if err != nil {
		return err
	}
	if !a.Shows(cmd.Context(), t.URL) {
		err := fmt.Errorf("no server of this store answers at %s: start it with 'toolvault serve', or leave out --server", a.PublicURL())
		return errors.Join(err, a.Connect.Drop(cmd.Context(), t.ID))
	}
	say(cmd, "Open this link within ten minutes, on any machine:")
	_, _ = fmt.Fprintln(cmd.OutOrStdout(), t.URL)
	if t.Code != "" {
		say(cmd, "The page asks for this code: %s", t.Code)
	} else {
		say(cmd, "The page asks %s to sign in.", d.Owner.User)
	}
	return o.finish(cmd, a, a.Connect, d, t)
}

// onThisMachine uses pages of its own under a loopback address (RFC 8252 section
// 7.3), open only until the answer has come.
func (o *connecting) onThisMachine(cmd *cobra.Command, a *app.App, d vault.Declaration) (err error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d is in use by another program: choose another with --port, and let the service know of it", o.port)
	case err != nil:
		return fmt.Errorf("no port of this machine can be had to come back to: %w", err)
	}
	host := "127.0.0.1"
	if o.localhost {
		host = "localhost"
	}
	c, pages, err := a.Loopback(fmt.Sprintf("http://%s:%d", host, l.Addr().(*net.TCPAddr).Port))
	if err != nil {
		return errors.Join(err, l.Close())
	}
	t, err := c.Begin(cmd.Context(), connect.Request{Declaration: d, Local: true})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	last := &lastPage{next: pages, path: connect.Path + t.ID, seen: make(chan struct{})}
	srv := &http.Server{Handler: last, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	defer func() {
		last.wait(cmd.Context(), err == nil)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 2*time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
		<-served
	}()
	say(cmd, "Open this link in a browser on this machine, within ten minutes:")
	_, _ = fmt.Fprintln(cmd.OutOrStdout(), t.URL)
	if !o.noBrowser {
		openBrowser(t.URL)
	}
	return o.finish(cmd, a, c, d, t)
}

// finish waits for the answer and says what has come of it.
func (o *connecting) finish(cmd *cobra.Command, a *app.App, c *connect.Connector, d vault.Declaration, t connect.Ticket) error {
	if len(t.Scopes) > 0 {
		say(cmd, "It asks for: %s", strings.Join(t.Scopes, " "))
	}
	say(cmd, "Waiting for the answer (Ctrl-C gives up).")
	res, err := c.Wait(cmd.Context(), t.ID)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
		defer cancel()
		if errors.Is(err, context.Canceled) {
			err = errors.New("nothing was connected: you gave up waiting")
		}
		return errors.Join(err, c.Drop(ctx, t.ID))
	}
	if res.Outcome != connect.OutcomeGiven {
		return fmt.Errorf("%s was not connected: %s %s", d.Service, res.Reason, res.Todo)
	}
	for _, g := range res.Connected {
		whose := ""
		if g.Account != "" {
			whose = ": " + a.Redactor.Text(g.Account)
		}
		say(cmd, "Connected %s for agent %s%s. It is kept as vault:%s, version %d.", d.Service, d.Owner.Agent, whose, g.Name, g.Version)
		if g.Before != "" {
			say(cmd, "Until now the connected account was: %s.", a.Redactor.Text(g.Before))
		}
		if !g.Renewable && !g.Expires.IsZero() {
			say(cmd, "The service gave nothing to renew it with: it ends at %s.", shortTime(g.Expires))
		}
	}
	if len(res.Missing) > 0 {
		say(cmd, "Asked for and not granted: %s. Calls that need it will say so.", strings.Join(res.Missing, ", "))
	}
	if a.Sandbox != nil {
		say(cmd, "That was the sandbox, which is gone now. With your own app in the config it stays.")
		return nil
	}
	say(cmd, "Agents use it from their next call on; 'toolvault check --live' tries it.")
	return nil
}

// lastPage serves the pages and knows when the browser has seen the last of them:
// the one after the answer.
type lastPage struct {
	next     http.Handler
	path     string
	answered atomic.Bool
	once     sync.Once
	seen     chan struct{}
}

func (l *lastPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.next.ServeHTTP(w, r)
	switch {
	case r.Method == http.MethodPost, r.URL.Path == connect.CallbackPath:
		l.answered.Store(true)
	case l.answered.Load() && r.URL.Path == l.path:
		l.once.Do(func() { close(l.seen) })
	}
}

// wait gives the browser a moment to get its last page.
func (l *lastPage) wait(ctx context.Context, given bool) {
	if !given && !l.answered.Load() {
		return
	}
	select {
	case <-l.seen:
	case <-ctx.Done():
	case <-time.After(3 * time.Second):
	}
}
