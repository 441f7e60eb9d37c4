package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
)

func credentialRotateCommand() *cobra.Command {
	var p place
	var dropOld bool
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Put a new key in the place of one that is in use",
		Long: `Reads the new secret like 'credential put'. From then on calls use the new one,
and fall back on the old one, which is kept beside it, where the service answers
the new one with 401. So nothing fails, whichever of the two the service knows
already. When it takes the new one, take the old one back there and drop it here
with --drop-old, which reads no secret.

It is for static secrets. An oauth_token is refreshed by itself.`,
		Example: "  toolvault credential rotate pinecone/key\n  toolvault credential rotate pinecone/key --drop-old",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				if dropOld {
					return dropOldSecret(cmd, a, args[0])
				}
				return rotateSecret(cmd, a, args[0])
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&dropOld, "drop-old", false, "drop the old secret that an earlier rotation has kept, and change nothing else")
	return cmd
}

func rotateSecret(cmd *cobra.Command, a *app.App, name string) error {
	if _, err := a.Vault.Show(cmd.Context(), name); err != nil {
		return err // before anybody types a secret
	}
	secret, err := readSecret(cmd, fmt.Sprintf("New secret for %s: ", name))
	if err != nil {
		return err
	}
	did, err := a.Vault.Rotate(cmd.Context(), name, secret)
	if err != nil {
		return a.CredentialFailed(cmd.Context(), "credential.rotate_failed", name, err)
	}
	if err := a.CredentialEvent(cmd.Context(), "credential.rotated", name, did.Version, fmt.Sprintf("%s version %d", name, did.Version)); err != nil {
		return err
	}
	say(cmd, "Stored as vault:%s, version %d. Calls use the new secret within a second, and the old one where the service refuses that.", name, did.Version)
	if did.Dropped {
		say(cmd, "An older secret, kept by a rotation before, is dropped.")
	}
	say(cmd, "Next: see that the service takes the new one ('toolvault check --live'), take the old one back there, then run\n  toolvault credential rotate %s --drop-old", name)
	return nil
}

func dropOldSecret(cmd *cobra.Command, a *app.App, name string) error {
	did, err := a.Vault.DropOld(cmd.Context(), name)
	if err != nil {
		return err
	}
	if !did.Dropped {
		return errors.New("there is no old secret beside " + name + ": nothing was changed")
	}
	if err := a.CredentialEvent(cmd.Context(), "credential.old_dropped", name, did.Version, fmt.Sprintf("%s version %d", name, did.Version)); err != nil {
		return err
	}
	say(cmd, "The old secret of %s is dropped. If the service still accepts it, take it back there.", name)
	return nil
}
