package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/vault"
)

// maxSecret bounds what is read from a prompt or a pipe.
const maxSecret = 64 << 10

func credentialCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "credential", Short: "Put credentials into the vault, list and revoke them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(credentialPutCommand(), credentialListCommand(), credentialShowCommand(), credentialRevokeCommand())
	return cmd
}

func credentialPutCommand() *cobra.Command {
	var p place
	var kind string
	var refresh bool
	cmd := &cobra.Command{
		Use:   "put NAME",
		Short: "Put a secret into the vault",
		Long: `Reads the secret from a prompt without echo, or from stdin where that is not a
terminal; never from an argument, which other programs could see. NAME is what
the config's "vault:NAME" refers to. For an oauth_token the secret is an access
token, or with --refresh a refresh token.`,
		Example: "  toolvault credential put metabase/svc-token --type service_token\n  toolvault credential put hubspot/support-agent-1 --type oauth_token --refresh < token.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch kind {
			case vault.TypeAPIKey, vault.TypeServiceToken, vault.TypeOAuthToken:
			default:
				return misuse(cmd, "--type must be api_key, service_token or oauth_token, not %q", kind)
			}
			if refresh && kind != vault.TypeOAuthToken {
				return misuse(cmd, "--refresh goes with --type oauth_token")
			}
			return p.with(cmd, func(a *app.App) error {
				secret, err := readSecret(cmd, fmt.Sprintf("Secret for %s: ", args[0]))
				if err != nil {
					return err
				}
				s := vault.Stored{Type: kind, Secret: secret}
				if refresh {
					s.Secret, s.Refresh = vault.Secret{}, secret
				}
				version, err := a.Vault.Put(cmd.Context(), args[0], s)
				if err != nil {
					return err
				}
				if err := a.Event(cmd.Context(), "credential.put", "", fmt.Sprintf("%s version %d, %s", args[0], version, kind)); err != nil {
					return err
				}
				say(cmd, "Stored as vault:%s, version %d. It is in force everywhere within a second; 'toolvault check --live' tries it.", args[0], version)
				return nil
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&kind, "type", vault.TypeAPIKey, "api_key, service_token or oauth_token")
	cmd.Flags().BoolVar(&refresh, "refresh", false, "the secret is an OAuth refresh token")
	return cmd
}

// readSecret reads one line without echo from a terminal, or all of stdin.
func readSecret(cmd *cobra.Command, prompt string) (vault.Secret, error) {
	var text string
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return vault.Secret{}, fmt.Errorf("the secret could not be read: %w", err)
		}
		text = string(b)
	} else {
		b, err := io.ReadAll(io.LimitReader(bufio.NewReader(cmd.InOrStdin()), maxSecret+2))
		if err != nil {
			return vault.Secret{}, fmt.Errorf("the secret could not be read from stdin: %w", err)
		}
		text = strings.TrimRight(string(b), "\r\n")
	}
	switch {
	case text == "":
		return vault.Secret{}, errors.New("no secret was given: type it at the prompt, or pipe it in")
	case len(text) > maxSecret:
		return vault.Secret{}, fmt.Errorf("the secret is longer than %d bytes", maxSecret)
	}
	return vault.NewSecret(text), nil
}

func credentialListCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is in the vault, never a secret",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error {
				all, err := a.Vault.List(cmd.Context()) // with an error, the sound ones
				if len(all) == 0 && err == nil && o != "json" {
					say(cmd, "The vault is empty. Put a secret in with 'toolvault credential put NAME'.")
					return nil
				}
				return errors.Join(printCredentials(cmd.OutOrStdout(), o, all), err)
			})
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

func credentialShowCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show what is known of one credential, never its secret",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				info, err := a.Vault.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printCredentials(cmd.OutOrStdout(), o, []vault.Info{info})
			})
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

func printCredentials(w io.Writer, o output, all []vault.Info) error {
	var rows [][]string
	for _, c := range all {
		if o == "json" {
			doc := map[string]any{
				"name": c.Name, "type": c.Type, "version": c.Version, "created": c.Created, "updated": c.Updated,
				"refreshable": c.HasRefresh, "ends_with": c.Hint,
			}
			if !c.Expires.IsZero() {
				doc["expires"] = c.Expires.UTC().Format(time.RFC3339)
			}
			if err := printJSON(w, doc); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{c.Name, c.Type, fmt.Sprint(c.Version), shortTime(c.Updated), shortTime(c.Expires), orDash(c.Hint)})
	}
	if o == "json" {
		return nil
	}
	return printTable(w, []string{"NAME", "TYPE", "VERSION", "UPDATED", "EXPIRES", "SECRET"}, rows)
}

func credentialRevokeCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Remove a secret from the vault, in force in every process within a second",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				if err := a.Vault.Delete(cmd.Context(), args[0]); err != nil {
					return err
				}
				if err := a.Event(cmd.Context(), "credential.revoked", "", args[0]); err != nil {
					return err
				}
				say(cmd, "%s is gone from the vault. The service still accepts it where somebody else has it: revoke it there too.", args[0])
				return nil
			})
		},
	}
	p.flags(cmd)
	return cmd
}
