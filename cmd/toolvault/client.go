package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/cmd/toolvault/internal/app"
)

func clientCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "client", Short: "Add, list and remove the OAuth clients that may ask for tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(clientAddCommand(), clientListCommand(), clientSecretCommand(), clientRemoveCommand())
	return cmd
}

func clientAddCommand() *cobra.Command {
	var p place
	var c newClient
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: "Add a client that people let act for them, or a program that administers",
		Long: `Adds a client. One that people let act for them has --redirect, and is public
unless it gets a secret or a key. A program that administers has --admin, and a
secret or a key. A program that is an agent is added with 'toolvault agent add'.

A secret is made here and printed once, on stdout.`,
		Example: "  toolvault client add my-ide --name 'My IDE' --redirect http://127.0.0.1/callback\n  toolvault client add nightly-audit --key nightly.pub.pem --admin audit:read",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, err := c.client(cmd, args[0])
			if err != nil {
				return err
			}
			return p.with(cmd, func(a *app.App) error {
				if err := a.Clients.Add(cmd.Context(), x); err != nil {
					return err
				}
				say(cmd, "Client %s is added. Clients find the server by its URL, %s/mcp.", x.ID, a.PublicURL())
				if !c.secret {
					return nil
				}
				return printSecret(cmd, a, x.ID)
			})
		},
	}
	p.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&c.name, "name", "", "what people see")
	fl.StringArrayVar(&c.redirects, "redirect", nil, "a URI to which people are sent back; the port of a loopback address is free")
	fl.StringArrayVar(&c.agents, "agent", nil, "an agent as which people may let it act; none: any that the person may use")
	fl.StringVar(&c.admin, "admin", "", "scopes that it may have as an administrator: "+strings.Join(auth.AdminScopes(), " "))
	fl.StringVar(&c.key, "key", "", "file with its public keys, PEM or JWK(S): it proves itself by private_key_jwt")
	fl.BoolVar(&c.secret, "secret", false, "make a secret for it")
	return cmd
}

// newClient is what the flags of "client add" ask for.
type newClient struct {
	name, admin, key  string
	redirects, agents []string
	secret            bool
}

func (n *newClient) client(cmd *cobra.Command, id string) (client.Client, error) {
	x := client.Client{ID: id, Name: n.name, Origin: client.OriginAdded, Redirects: n.redirects, Agents: n.agents, Auth: client.AuthNone}
	switch {
	case n.key != "" && n.secret:
		return x, misuse(cmd, "a client proves itself in one way: --key or --secret")
	case n.key != "":
		keys, err := keysOf(n.key)
		if err != nil {
			return x, err
		}
		x.Auth, x.Keys = client.AuthKey, keys
	case n.secret:
		x.Auth = client.AuthBasic
	}
	for _, word := range strings.Fields(n.admin) {
		if !slices.Contains(auth.AdminScopes(), word) {
			return x, misuse(cmd, "--admin: there is no scope %q: there are %s", word, strings.Join(auth.AdminScopes(), ", "))
		}
		x.Admin = append(x.Admin, word)
	}
	for _, uri := range n.redirects {
		if err := client.CheckRedirect(uri); err != nil {
			return x, misuse(cmd, "--redirect: %w", err)
		}
	}
	switch {
	case len(x.Redirects) > 0:
		x.Grants = []string{client.GrantCode, client.GrantRefresh, client.GrantDevice}
	case len(x.Admin) == 0:
		return x, misuse(cmd, "give --redirect for a client that people let act, or --admin for a program that administers")
	case x.Public():
		return x, misuse(cmd, "a program proves who it is: give it --key or --secret")
	default:
		x.Grants = []string{client.GrantOwn}
	}
	return x, nil
}

func keysOf(path string) (keys client.KeySet, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return keys, fmt.Errorf("the public key cannot be read: %w", err)
	}
	keys, err = client.ParseKeys(b)
	if err != nil {
		return keys, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

func printSecret(cmd *cobra.Command, a *app.App, id string) error {
	secret, err := a.Clients.NewSecret(cmd.Context(), id)
	if err != nil {
		return err
	}
	say(cmd, "Its secret stands here once; the server keeps only a hash of it:")
	_, err = fmt.Fprintln(cmd.OutOrStdout(), secret.Reveal())
	return err
}

func clientSecretCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "secret ID",
		Short: "Make a new secret for a client; the one before it stays good until the next",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error { return printSecret(cmd, a, args[0]) })
		},
	}
	p.flags(cmd)
	return cmd
}

func clientRemoveCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Remove a client; its tokens are void everywhere within a second",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				err := a.Clients.Remove(cmd.Context(), args[0])
				if errors.Is(err, client.ErrUnknown) {
					return fmt.Errorf("there is no client %q: 'toolvault client list' shows them", args[0])
				}
				if err != nil {
					return err
				}
				say(cmd, "Client %s is removed, and its tokens are void.", args[0])
				return nil
			})
		},
	}
	p.flags(cmd)
	return cmd
}

func clientListCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the OAuth clients that are known beforehand",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error { return listClients(cmd.Context(), cmd, a, o) })
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

func listClients(ctx context.Context, cmd *cobra.Command, a *app.App, o output) error {
	all, err := a.Clients.List(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, c := range all {
		proof := map[string]string{client.AuthNone: "nothing", client.AuthBasic: "secret", client.AuthPost: "secret", client.AuthKey: "key"}[c.Auth]
		as := strings.Join(c.Agents, " ")
		switch {
		case c.Agent != "":
			as = c.Agent + " (itself)"
		case len(c.Admin) > 0:
			as = strings.TrimSpace(as + " admin: " + strings.Join(c.Admin, " "))
		case as == "":
			as = "any that its person may use"
		}
		if o == "json" {
			doc := map[string]any{"client_id": c.ID, "name": c.Name, "from": c.Origin, "proves_itself_by": proof, "agent": c.Agent, "agents": c.Agents, "admin": c.Admin, "redirect_uris": c.Redirects}
			if !c.Created.IsZero() {
				doc["created"] = c.Created.UTC().Format(time.RFC3339)
			}
			if err := printJSON(cmd.OutOrStdout(), doc); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{c.ID, orDash(c.Name), c.Origin, proof, as})
	}
	switch {
	case o == "json":
		return nil
	case len(rows) == 0:
		say(cmd, "There is no client yet. Add one with 'toolvault client add ID', or in a config file; clients that describe themselves by a URL need not be added.")
		return nil
	}
	return printTable(cmd.OutOrStdout(), []string{"CLIENT", "NAME", "FROM", "PROVES ITSELF BY", "ACTS AS"}, rows)
}
