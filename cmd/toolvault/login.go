package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/auth"
	"toolvault/cmd/toolvault/internal/remote"
)

func loginCommand() *cobra.Command {
	var r remote.Request
	var admin string
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Sign in to a toolvault elsewhere, to use or to administer it",
		Long: `Signs you in to the toolvault at URL: it shows a page and a code, waits until you
have agreed there, on this or any other device, and keeps the tokens in a file that
only you can read. 'toolvault stdio --remote URL' then connects a desktop client,
and 'toolvault login token URL' prints an access token for a script.`,
		Example: "  toolvault login https://tools.example.com\n  toolvault login https://tools.example.com --admin 'audit:read admin:agents'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Admin = strings.Fields(admin)
			for _, word := range r.Admin {
				if !slices.Contains(auth.AdminScopes(), word) {
					return misuse(cmd, "--admin: there is no scope %q: there are %s", word, strings.Join(auth.AdminScopes(), ", "))
				}
			}
			if len(r.Admin) > 0 && (r.Agent != "" || r.Task != "" || r.Scope != "") {
				return misuse(cmd, "a token is to administer or to act as an agent: leave out --admin, or --agent, --task and --scope")
			}
			s, err := remote.Discover(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			token, err := s.Login(cmd.Context(), r, func(page, code string) {
				say(cmd, "Open %s\nand enter the code %s. Waiting until you have agreed there …", page, code)
				openBrowser(page)
			})
			if err != nil {
				return err
			}
			path, err := s.Keep(token, len(r.Admin) > 0)
			if err != nil {
				return err
			}
			say(cmd, "You are signed in to %s; the tokens are in %s.", s.URL, path)
			return nil
		},
	}
	cmd.Flags().StringVar(&r.Agent, "agent", "", "the agent as which to act (default: you choose on the page)")
	cmd.Flags().StringVar(&r.Task, "task", "", "cut the token to what this task of the agent needs")
	cmd.Flags().StringVar(&r.Scope, "scope", "", "cut the token to these scopes")
	cmd.Flags().StringVar(&admin, "admin", "", "sign in to administer, with these scopes: "+strings.Join(auth.AdminScopes(), " "))
	cmd.AddCommand(loginTokenCommand())
	return cmd
}

func loginTokenCommand() *cobra.Command {
	var admin bool
	cmd := &cobra.Command{
		Use:     "token URL",
		Short:   "Print an access token of a sign-in, renewed if it has to be",
		Example: "  curl -H \"Authorization: Bearer $(toolvault login token https://tools.example.com --admin)\" https://tools.example.com/v1/admin/agents",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := remote.Discover(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			token, err := remote.NewSource(s, admin).Token(cmd.Context(), "")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	cmd.Flags().BoolVar(&admin, "admin", false, "of the sign-in to administer")
	return cmd
}

func logoutCommand() *cobra.Command {
	var admin bool
	cmd := &cobra.Command{
		Use:   "logout URL",
		Short: "Forget the sign-in to a toolvault elsewhere",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			url := strings.TrimSuffix(strings.TrimSuffix(args[0], "/"), "/mcp")
			if err := remote.Forget(url, admin); err != nil {
				return err
			}
			say(cmd, "The tokens are removed from this machine.")
			return nil
		},
	}
	cmd.Flags().BoolVar(&admin, "admin", false, "of the sign-in to administer")
	return cmd
}

// serveRemote carries a desktop client's messages to a toolvault elsewhere.
func serveRemote(cmd *cobra.Command, url string) error {
	s, err := remote.Discover(cmd.Context(), url)
	if err != nil {
		return err
	}
	source := remote.NewSource(s, false)
	if _, err := source.Token(cmd.Context(), ""); err != nil {
		return err
	}
	err = (&remote.Bridge{Server: s, Source: source}).Run(cmd.Context(), os.Stdin, os.Stdout)
	if cmd.Context().Err() != nil {
		return nil
	}
	return errors.Join(err)
}
