package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/vault"
)

func credentialListCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is in the vault, never a secret",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error {
				all, broken := a.Vault.List(cmd.Context()) // with an error, the sound ones
				if len(all) == 0 && broken == nil && o != "json" {
					say(cmd, "The vault is empty. Put a secret in with 'toolvault credential put NAME'.")
					return nil
				}
				if begun, err := a.Vault.HalfImported(cmd.Context()); err == nil && !begun.IsZero() {
					say(cmd, "An import that was begun at %s is not over. If it is not under way any more, import the same file again, or take it back with 'toolvault credential import --undo'.", shortTime(begun))
				}
				uses, err := a.Vault.LastUses(cmd.Context())
				if err != nil {
					return errors.Join(broken, err)
				}
				declared := declarations(a.Vault)
				var list []credential
				for _, info := range all {
					list = append(list, credential{info, uses[info.Name], declared[info.Name]})
				}
				return errors.Join(printCredentials(cmd.OutOrStdout(), o, list), broken)
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
				c, err := findCredential(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				if o == "json" {
					return printJSON(cmd.OutOrStdout(), c.document())
				}
				return c.describe(cmd.OutOrStdout(), time.Now())
			})
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

// credential is what can be told of a stored one.
type credential struct {
	vault.Info
	used     vault.LastUse
	declared []vault.Declaration // that refer to it
}

func findCredential(ctx context.Context, a *app.App, name string) (credential, error) {
	info, err := a.Vault.Show(ctx, name)
	if err != nil {
		return credential{}, err
	}
	used, err := a.Vault.LastUse(ctx, name)
	if err != nil {
		return credential{}, err
	}
	return credential{info, used, declarations(a.Vault)[name]}, nil
}

// declarations are those of the config that refer to the vault, by the name there.
func declarations(v *vault.Vault) map[string][]vault.Declaration {
	all := map[string][]vault.Declaration{}
	for _, d := range v.Declarations() {
		if name, ok := strings.CutPrefix(d.Source, "vault:"); ok {
			all[name] = append(all[name], d)
		}
	}
	return all
}

// whose is an agent, and the user for whom it acts.
func whose(agent, user string) string {
	if user == "" {
		return agent
	}
	return agent + " for " + user
}

func printCredentials(w io.Writer, o output, all []credential) error {
	if o == "json" {
		for _, c := range all {
			if err := printJSON(w, c.document()); err != nil {
				return err
			}
		}
		return nil
	}
	var rows [][]string
	for _, c := range all {
		var owners []string
		for _, d := range c.declared {
			owners = append(owners, whose(d.Owner.Agent, d.Owner.User))
		}
		declared := strings.Join(owners, ", ")
		if len(owners) > 2 {
			declared = fmt.Sprintf("%s, %s and %d more", owners[0], owners[1], len(owners)-2)
		}
		rows = append(rows, []string{
			c.Name, c.Type, string(c.State), cell(c.Account, 40), shortTime(c.used.At), cell(whose(c.used.Agent, c.used.User), 40),
			shortTime(c.Renewal), shortTime(c.Expires), orDash(c.Fingerprint), cell(declared, 60),
		})
	}
	return printTable(w, []string{"NAME", "TYPE", "STATE", "ACCOUNT", "LAST USED", "BY", "NEXT REFRESH", "EXPIRES", "FINGERPRINT", "DECLARED FOR"}, rows)
}

// document is a credential for programs. What is not known is left out.
func (c credential) document() map[string]any {
	doc := map[string]any{
		"name": c.Name, "type": c.Type, "state": c.State, "version": c.Version, "created": c.Created, "updated": c.Updated,
		"refreshable": c.HasRefresh, "old_secret_kept": c.HasOld,
	}
	for key, t := range map[string]time.Time{
		"expires": c.Expires, "last_refresh": c.Refreshed, "next_refresh": c.Renewal, "last_failure": c.Failed, "last_used": c.used.At,
	} {
		if !t.IsZero() {
			doc[key] = t.UTC().Truncate(time.Second)
		}
	}
	for key, text := range map[string]string{
		"account": c.Account, "scope": c.Scope, "last_error": c.Reason, "ends_with": strings.TrimLeft(c.Hint, "*"), "fingerprint": c.Fingerprint,
		"last_used_by": c.used.Agent, "last_used_for": c.used.User,
	} {
		if text != "" {
			doc[key] = text
		}
	}
	declared := []map[string]string{}
	for _, d := range c.declared {
		one := map[string]string{"id": d.ID, "agent": d.Owner.Agent, "service": d.Service}
		for key, text := range map[string]string{"user": d.Owner.User, "account": d.Account} {
			if text != "" {
				one[key] = text
			}
		}
		declared = append(declared, one)
	}
	doc["declared"] = declared
	return doc
}

// describe shows a credential to a person, a line for each thing that is known.
func (c credential) describe(w io.Writer, now time.Time) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(what, text string) {
		if text != "" {
			_, _ = fmt.Fprintf(tw, "%s\t%s\n", what, cell(text, 0))
		}
	}
	moment := func(what string, t time.Time, more string) {
		if !t.IsZero() {
			line(what, shortTime(t)+more)
		}
	}
	state := string(c.State)
	switch {
	case c.State == vault.StateRevoked:
		state += " at " + shortTime(c.Updated) + ": its secrets are gone; 'toolvault credential put " + c.Name + "' puts new ones in"
	case c.State.Bad() && c.Reason != "":
		state += ": " + c.Reason
	}
	line("name", c.Name)
	line("type", c.Type)
	line("state", state)
	line("account", c.Account)
	line("scope", c.Scope)
	line("version", fmt.Sprint(c.Version))
	moment("created", c.Created, "")
	moment("changed", c.Updated, "")
	if c.used.At.IsZero() {
		line("last used", "never, as far as is known here")
	}
	moment("last used", c.used.At, " by "+whose(c.used.Agent, c.used.User))
	moment("last refresh", c.Refreshed, "")
	moment("next refresh", c.Renewal, "")
	ended := ""
	if !c.Expires.IsZero() && now.After(c.Expires) {
		ended = ", which is over"
	}
	moment("expires", c.Expires, ended)
	if c.Reason != "" && !c.State.Bad() {
		moment("last error", c.Failed, ": "+c.Reason)
	}
	if c.Fingerprint != "" {
		line("secret", fmt.Sprintf("ends with %s, its SHA-256 begins with %s", strings.TrimLeft(c.Hint, "*"), c.Fingerprint))
	}
	if c.HasOld {
		line("old secret", "kept beside the new one; drop it with 'toolvault credential rotate "+c.Name+" --drop-old'")
	}
	for _, d := range c.declared {
		line("declared for", whose(d.Owner.Agent, d.Owner.User)+": "+cmp.Or(strings.TrimSpace(d.Service+" "+d.Account), d.ID))
	}
	return tw.Flush()
}
