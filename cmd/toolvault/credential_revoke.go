package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/cmd/toolvault/internal/app"
)

func credentialRevokeCommand() *cobra.Command {
	var p place
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Take a credential back, here and at its provider",
		Long: `Takes a credential back: in every process within a second, and at the provider
where it has a way for that (RFC 7009). The secrets are gone. 'credential show'
says from then on that it was revoked, and when, until 'credential put', 'connect'
or 'credential import' puts new ones in. On a terminal it asks first; with --yes
it does not.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			return p.with(cmd, func(a *app.App) error {
				if !yes {
					c, err := findCredential(cmd.Context(), a, name)
					if err == nil && !confirmed(cmd, c.warning()) {
						return fmt.Errorf("nothing was changed: %s stays", name)
					}
				}
				did, err := a.Vault.Revoke(cmd.Context(), name)
				if err != nil {
					return err
				}
				if !did.Already.IsZero() {
					say(cmd, "%s was revoked already, at %s.", name, shortTime(did.Already))
					return nil
				}
				message := fmt.Sprintf("%s version %d", name, did.Version)
				if did.Upstream != "" {
					message += "; " + did.Upstream
				}
				if err := a.CredentialEvent(cmd.Context(), "credential.revoked", name, did.Version, message); err != nil {
					return err
				}
				say(cmd, "%s is revoked: within a second no process uses it any more.", name)
				switch {
				case did.Told:
					say(cmd, "%s.", a.Redactor.Text(did.Upstream))
				case did.Upstream != "":
					say(cmd, "At the provider: %s.", a.Redactor.Text(did.Upstream))
				default:
					say(cmd, "The service still accepts it where somebody else has it: take it back there too.")
				}
				return nil
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// warning is what a person should know before a credential is gone.
func (c credential) warning() string {
	text := "Revoke " + c.Name
	if n := len(c.declared); n > 0 {
		owners := map[string]bool{}
		for _, d := range c.declared {
			owners[whose(d.Owner.Agent, d.Owner.User)] = true
		}
		text += fmt.Sprintf(", which %d agents or users have in the config", len(owners))
	}
	if !c.used.At.IsZero() {
		text += ", last used at " + shortTime(c.used.At)
	}
	return text + "? Its secrets cannot be had back. [y/N] "
}

// confirmed asks a person who sits at a terminal; a program has decided already.
func confirmed(cmd *cobra.Command, question string) bool {
	f, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return true
	}
	_, _ = fmt.Fprint(cmd.ErrOrStderr(), question)
	answer, err := bufio.NewReader(untilStopped{cmd.Context(), f}).ReadString('\n')
	if err != nil {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr())
		return false
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
