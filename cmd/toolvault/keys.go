package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/vault"
)

func keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Look at the keys that seal the store, and replace them", Args: cobra.NoArgs,
		Long: `Every secret in the store is sealed with a key that lies there too, itself sealed
with the master key. 'key rotate' makes a new key for what is sealed from now on,
'key reseal' seals the rest with it, and 'key reseal --drop-old' removes the old
ones when nothing needs them. 'key rotate --master' replaces the master key.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(keyStatusCommand(), keyRotateCommand(), keyResealCommand())
	return cmd
}

func keyStatusCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the keys: how old each is, and how many records it seals",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error { return printKeys(cmd, o, a) })
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

func printKeys(cmd *cobra.Command, o output, a *app.App) error {
	keys, err := a.Keyring.Keys(cmd.Context())
	if err != nil {
		return err
	}
	census, err := vault.TakeCensus(cmd.Context(), a.Store, a.Keyring)
	if err != nil {
		return err
	}
	var rows [][]string
	old := 0
	for _, k := range keys {
		n := census.ByKey[k.ID]
		state := "seals and opens"
		if !k.Primary {
			state = "opens only, since " + shortTime(k.Retired)
			old += n
		}
		if o == "json" {
			doc := map[string]any{"id": k.ID, "primary": k.Primary, "records": n, "master": a.MasterSource()}
			for key, t := range map[string]time.Time{"created": k.Created, "retired": k.Retired} {
				if !t.IsZero() {
					doc[key] = t
				}
			}
			if err := printJSON(cmd.OutOrStdout(), doc); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{k.ID.String(), state, shortTime(k.Created), fmt.Sprint(n)})
	}
	if o == "json" {
		return nil
	}
	if err := printTable(cmd.OutOrStdout(), []string{"KEY", "STATE", "CREATED", "RECORDS"}, rows); err != nil {
		return err
	}
	say(cmd, "The master key comes from %s.", a.MasterSource())
	switch {
	case census.Unknown > 0:
		say(cmd, "%d records are sealed with a key that is gone: nothing opens them, so put those secrets in again ('toolvault credential list' names them).", census.Unknown)
	case len(keys) == 1:
		say(cmd, "Nothing is to be done. 'toolvault key rotate' makes a new key.")
	case old > 0:
		say(cmd, "%d records are sealed with an older key: a server seals them anew by itself, or do it now with 'toolvault key reseal'.", old)
	default:
		say(cmd, "Nothing in the store needs the older keys: 'toolvault key reseal --drop-old' removes them.")
	}
	return nil
}

func keyRotateCommand() *cobra.Command {
	var p place
	var master bool
	var to string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Seal with a new key from now on, or put a new master key in force",
		Long: `Makes a new key, with which every process seals from now on. What the older keys
have sealed still opens; servers seal it anew in the background, and 'key reseal'
does it at once.

With --master it replaces the master key instead, in one write: with the one that
--to refers to, or, where the folder has its own, with a new one in its file.
Processes that run go on with the keys that they have; after a restart they need
the new master key.`,
		Example: "  toolvault key rotate\n  toolvault key rotate --master --to env:TOOLVAULT_NEW_MASTER_KEY --config toolvault.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to != "" && !master {
				return misuse(cmd, "--to goes with --master")
			}
			return p.with(cmd, func(a *app.App) error {
				if master {
					return rotateMaster(cmd, a, to)
				}
				if err := a.Keyring.Rotate(cmd.Context()); err != nil {
					return err
				}
				if err := a.Event(cmd.Context(), "key.rotated", "", ""); err != nil {
					return err
				}
				say(cmd, "A new key seals from now on. Next: 'toolvault key reseal' seals with it what the older ones have sealed; a server does that by itself.")
				return nil
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&master, "master", false, "replace the master key")
	cmd.Flags().StringVar(&to, "to", "", "where the new master key is: env:NAME, file:PATH or exec:PROGRAM")
	return cmd
}

func rotateMaster(cmd *cobra.Command, a *app.App, to string) error {
	before := a.MasterSource()
	err := a.RotateMaster(cmd.Context(), to)
	switch {
	case errors.Is(err, app.ErrNoNewMaster):
		return misuse(cmd, "the master key comes from %s: put a new one somewhere ('openssl rand -base64 32') and name it with --to env:NAME, file:PATH or exec:PROGRAM", before)
	case err != nil && to != "":
		return fmt.Errorf("the new master key, %s: %w", to, err)
	case err != nil:
		return err
	}
	if err := a.Event(cmd.Context(), "key.master_rotated", "", ""); err != nil {
		return err
	}
	if to == "" {
		say(cmd, "A new master key is in force, in %s: keep a copy of it in a safe place. The old one is beside it as %s.old, for copies of the store that were made before.", before, before)
		say(cmd, "Processes that run go on; the next start uses the new one. On other machines that share the store, put the new file in place.")
		return nil
	}
	say(cmd, "The master key from %s is in force, and the one from %s opens nothing any more but copies of the store that were made before.", to, before)
	say(cmd, "Next: write it into the config of every process, which needs it at its next start:\n  keys:\n    master: %q", to)
	return nil
}

func keyResealCommand() *cobra.Command {
	var p place
	var dropOld bool
	var abandon []string
	cmd := &cobra.Command{
		Use:   "reseal",
		Short: "Seal with the newest key what older ones have sealed",
		Long: `Seals every record of the store anew that an older key has sealed. It can be broken
off and begun again at any time, while servers run, and overwrites nothing that
somebody else writes meanwhile.

With --drop-old it then removes the older keys, if nothing needs them: no record is
sealed with them, no audit key of a machine is, and an hour has passed since they
were in use, so that no process can still be sealing with them. A machine that is
gone for good is given up with --abandon, by the name that the refusal tells.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(abandon) > 0 && !dropOld {
				return misuse(cmd, "--abandon goes with --drop-old")
			}
			return p.with(cmd, func(a *app.App) error {
				if err := reseal(cmd, a); err != nil || !dropOld {
					return err
				}
				return dropKeys(cmd, a, abandon)
			})
		},
	}
	p.flags(cmd)
	cmd.Flags().BoolVar(&dropOld, "drop-old", false, "remove the older keys when nothing needs them")
	cmd.Flags().StringArrayVar(&abandon, "abandon", nil, "an audit log that is given up, with the key that seals its own")
	return cmd
}

func reseal(cmd *cobra.Command, a *app.App) error {
	census, err := vault.TakeCensus(cmd.Context(), a.Store, a.Keyring)
	if err != nil {
		return err
	}
	report := newMeter(cmd.ErrOrStderr(), "looked at", census.Sealed())
	did, err := vault.Reseal(cmd.Context(), a.Store, a.Keyring, vault.ResealOptions{
		Progress: func(r vault.Resealed) { report.step(min(r.Seen, census.Sealed())) },
		Broken: func(key string) {
			say(cmd, "%s does not open with any key, and stays as it is: put that secret in again.", strings.TrimPrefix(key, "credential/"))
		},
	})
	report.end()
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("it was interrupted: %d records were sealed anew; run it again to go on", did.Done)
	}
	if err != nil {
		return fmt.Errorf("%w (%d records were sealed anew; run it again to go on)", err, did.Done)
	}
	if err := a.Event(cmd.Context(), "key.resealed", "", fmt.Sprintf("%d records", did.Done)); err != nil {
		return err
	}
	say(cmd, "Sealed %d records anew; all that open are now sealed with the newest key.", did.Done)
	return nil
}

func dropKeys(cmd *cobra.Command, a *app.App, abandon []string) error {
	dropped, err := a.Keyring.Drop(cmd.Context(), abandon...)
	if err != nil {
		return err
	}
	if len(dropped) == 0 {
		say(cmd, "There are no older keys.")
		return nil
	}
	var ids []string
	for _, id := range dropped {
		ids = append(ids, id.String())
	}
	if err := a.Event(cmd.Context(), "key.dropped", "", strings.Join(ids, ", ")); err != nil {
		return err
	}
	say(cmd, "Removed %d older keys: %s. Copies of the store that were made before have them still.", len(ids), strings.Join(ids, ", "))
	return nil
}
