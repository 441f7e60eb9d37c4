package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/auth/people"
	"toolvault/cmd/toolvault/internal/app"
)

func personCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "person", Short: "Add, list and stop the people who sign in to give their consent", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(
		personPasswordCommand(personPassword{
			use: "add NAME", short: "Add a person, with a first password",
			done: "%s is added and may sign in.",
			do:   (*people.People).Add,
		}),
		personPasswordCommand(personPassword{
			use: "password NAME", short: "Give a person a new password; all of their sessions end",
			done: "%s has a new password, and is signed out everywhere.",
			do:   (*people.People).SetPassword, known: true,
		}),
		personListCommand(), personHashCommand(), personPasskeyCommand(),
		personChangeCommand("disable", "Keep a person out at once, in every process", "%s is signed out everywhere and may not sign in. 'toolvault person enable %[1]s' lets them in again.", (*people.People).Disable),
		personChangeCommand("enable", "Let a disabled person sign in again", "%s may sign in.", (*people.People).Enable),
		personChangeCommand("remove", "Remove a person", "%s is removed and signed out everywhere. What they have consented to stays: 'toolvault credential list' shows it.", (*people.People).Remove),
	)
	return cmd
}

// personHashCommand makes what stands in a config in place of a password.
func personHashCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hash",
		Short: "Hash a password, for auth.people in a config",
		Long: `Reads a password from a prompt without echo, twice, or as one line from stdin
where that is not a terminal, and prints its argon2id hash. Nothing is stored.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd, "the config")
			if err != nil {
				return err
			}
			defer clear(password)
			if err := people.CheckPassword("", password); err != nil {
				return err
			}
			hash, err := people.Hash(password)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), hash)
			return err
		},
	}
}

// personPasskeyCommand invites somebody to enrol a passkey.
func personPasskeyCommand() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "passkey NAME",
		Short: "Make a link with which a person enrols a passkey and signs in, once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				if _, err := a.People.Get(cmd.Context(), args[0]); err != nil {
					return err
				}
				link, expires, err := a.People.Invite(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				say(cmd, "Give this link to %s alone: whoever opens it first, before %s, is them.", args[0], shortTime(expires))
				_, err = fmt.Fprintln(cmd.OutOrStdout(), link)
				return err
			})
		},
	}
	p.flags(cmd)
	return cmd
}

// personPassword is a command that gives a person a password.
type personPassword struct {
	use, short, done string
	known            bool // the person has to exist before the password is asked for
	do               func(*people.People, context.Context, string, []byte) error
}

func personPasswordCommand(c personPassword) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   c.use,
		Short: c.short,
		Long: c.short + `.

Reads the password from a prompt without echo, twice, or as one line from stdin
where that is not a terminal; never from an argument, which other programs could
see.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if err := people.CheckName(name); err != nil {
				return misuse(cmd, "%w", err)
			}
			return p.with(cmd, func(a *app.App) error {
				_, err := a.People.Get(cmd.Context(), name)
				switch {
				case c.known && err != nil:
					return err
				case !c.known && err == nil:
					return fmt.Errorf("%s exists already: choose another name, or give a new password with 'toolvault person password %[1]s'", name)
				case err != nil && !errors.Is(err, people.ErrUnknown):
					return err
				}
				password, err := readPassword(cmd, name)
				if err != nil {
					return err
				}
				defer clear(password)
				if err := c.do(a.People, cmd.Context(), name, password); err != nil {
					return err
				}
				say(cmd, c.done, name)
				return nil
			})
		},
	}
	p.flags(cmd)
	return cmd
}

// readPassword reads a password twice from a terminal without echo, or one line
// from stdin.
func readPassword(cmd *cobra.Command, name string) ([]byte, error) {
	f, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return passwordLine(untilStopped{cmd.Context(), cmd.InOrStdin()})
	}
	ask := func(prompt string) ([]byte, error) {
		_, _ = fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := hidden(cmd.Context(), f)
		_, _ = fmt.Fprintln(cmd.ErrOrStderr())
		if errors.Is(err, errStopped) {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("the password could not be read: %w", err)
		}
		return b, nil
	}
	first, err := ask(fmt.Sprintf("Password for %s: ", name))
	if err != nil {
		return nil, err
	}
	if err := people.CheckPassword(name, first); err != nil {
		return nil, err
	}
	second, err := ask("The same again: ")
	if err != nil {
		return nil, err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		clear(first)
		return nil, errors.New("the two are not the same: nothing was changed")
	}
	return first, nil
}

func passwordLine(in io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(bufio.NewReader(in), people.MaxPassword+3))
	if errors.Is(err, errStopped) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("the password could not be read from stdin: %w", err)
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	switch {
	case len(b) == 0:
		return nil, errors.New("no password was given: type it at the prompt, or pipe it in")
	case bytes.ContainsAny(b, "\r\n"):
		return nil, errors.New("stdin has more than one line: pipe in the password alone")
	}
	return b, nil
}

func personListCommand() *cobra.Command {
	var p place
	var o output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List people",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(a *app.App) error {
				all, err := a.People.List(cmd.Context()) // with an error, the sound ones
				if len(all) == 0 && err == nil && o != "json" {
					say(cmd, "There is nobody yet. Add somebody with 'toolvault person add NAME'.")
					return nil
				}
				return errors.Join(printPeople(cmd.OutOrStdout(), o, all), err)
			})
		},
	}
	p.flags(cmd)
	o.flag(cmd)
	return cmd
}

func printPeople(w io.Writer, o output, all []people.Person) error {
	var rows [][]string
	for _, person := range all {
		state := "active"
		if person.Disabled {
			state = "disabled"
		}
		if o == "json" {
			doc := map[string]any{"name": person.Name, "state": state, "from": person.Origin}
			if !person.Created.IsZero() { // of the config, and nothing is stored of them
				doc["created"] = person.Created.UTC().Format(time.RFC3339)
			}
			if err := printJSON(w, doc); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{person.Name, state, person.Origin, shortTime(person.Created)})
	}
	if o == "json" {
		return nil
	}
	return printTable(w, []string{"PERSON", "STATE", "FROM", "ADDED"}, rows)
}

// personChangeCommand is a command that changes a person's state.
func personChangeCommand(verb, short, done string, do func(*people.People, context.Context, string) error) *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   verb + " NAME",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(a *app.App) error {
				if err := do(a.People, cmd.Context(), args[0]); err != nil {
					return err
				}
				say(cmd, done, args[0])
				return nil
			})
		},
	}
	p.flags(cmd)
	return cmd
}
