package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/vault"
)

// maxSecret bounds what is read from a prompt or a pipe.
const maxSecret = 64 << 10

func credentialCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "credential", Short: "Put credentials into the vault, list, rotate and revoke them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(
		credentialPutCommand(), credentialListCommand(), credentialShowCommand(),
		credentialRotateCommand(), credentialRevokeCommand(), credentialImportCommand(),
	)
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
token, or with --refresh a refresh token. A secret of several lines, such as a
private key in PEM, has to be piped in.`,
		Example: "  toolvault credential put metabase/svc-token --type service_token\n  toolvault credential put hubspot/support-agent-1 --type oauth_token --refresh < token.txt\n  cat cert.pem key.pem | toolvault credential put metabase/client --type mtls",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(vault.Types(), kind) {
				return misuse(cmd, "--type must be one of %s, not %q", strings.Join(vault.Types(), ", "), kind)
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
					return a.CredentialFailed(cmd.Context(), "credential.put_failed", args[0], err)
				}
				if err := a.CredentialEvent(cmd.Context(), "credential.put", args[0], version, fmt.Sprintf("%s version %d, %s", args[0], version, kind)); err != nil {
					return err
				}
				say(cmd, "Stored as vault:%s, version %d. It is in force everywhere within a second; 'toolvault check --live' tries it.", args[0], version)
				return nil
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&kind, "type", vault.TypeAPIKey, strings.Join(vault.Types(), ", "))
	cmd.Flags().BoolVar(&refresh, "refresh", false, "the secret is an OAuth refresh token")
	return cmd
}

// readSecret reads one line without echo from a terminal, or all of stdin.
func readSecret(cmd *cobra.Command, prompt string) (vault.Secret, error) {
	var text string
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := hidden(cmd.Context(), f)
		_, _ = fmt.Fprintln(cmd.ErrOrStderr())
		if errors.Is(err, errStopped) {
			return vault.Secret{}, err
		}
		if err != nil {
			return vault.Secret{}, fmt.Errorf("the secret could not be read: %w", err)
		}
		text = string(b)
	} else {
		b, err := io.ReadAll(io.LimitReader(untilStopped{cmd.Context(), cmd.InOrStdin()}, maxSecret+2))
		if errors.Is(err, errStopped) {
			return vault.Secret{}, err
		}
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
