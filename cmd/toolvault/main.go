// Command toolvault gives AI agents tools over MCP and holds the keys, so that
// agents never do.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"toolvault/schemas/near"
)

// version is set by the linker in releases.
var version = ""

func main() { os.Exit(run()) }

func run() int {
	// Calls are short and allocate little that stays: a larger heap between
	// collections buys a sixth of the CPU for a few megabytes.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	// The sync of the audit log holds a processor for as long as the disk takes,
	// many hundred times a second: with one to spare, all the others go on with
	// calls. On two cores that is a twelfth more calls a second.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	// What we say goes through loggers that redact; a library that logs by itself has
	// none.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	root := newRoot()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var quiet *exitError
	if errors.As(err, &quiet) {
		return quiet.code
	}
	fmt.Fprintln(os.Stderr, "toolvault: "+err.Error())
	var usage *usageError
	if errors.As(err, &usage) {
		if usage.command != "" {
			fmt.Fprintf(os.Stderr, "Run '%s --help' for how to use it.\n", usage.command)
		}
		return 2
	}
	return 1
}

// usageError is misuse of the command line or a mistake in a file that the user
// wrote: exit code 2.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// exitError ends the program with a code when everything has been said.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func misuse(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd.CommandPath(), fmt.Errorf(format, args...)}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "toolvault",
		Short: "Tools for AI agents over MCP, with the keys kept from them",
		Long: `toolvault gives AI agents tools (Slack, HubSpot, Pinecone, Metabase) over MCP
and holds the keys, so that agents never do. Every call is authenticated,
checked against policy, given a credential from an encrypted vault at the last
moment, and written to an audit log that nobody can quietly edit.

Begin with:  toolvault demo`,
		Version:       programVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misuse(cmd, "%w", plainly(err)) })
	root.AddCommand(
		demoCommand(), serveCommand(), stdioCommand(), checkCommand(), clientConfigCommand(), toolsCommand(),
		agentCommand(), clientCommand(), loginCommand(), logoutCommand(), personCommand(), credentialCommand(), connectCommand(), keyCommand(), auditCommand(), alertsCommand(), versionCommand(),
	)
	strict(root)
	return root
}

// plainly says what a flag takes, in place of how a Go function failed to read it.
func plainly(err error) error {
	said, how, ok := strings.Cut(err.Error(), ": strconv.")
	switch {
	case !ok:
		return err
	case strings.HasPrefix(how, "ParseBool"):
		return errors.New(said + ": write true or false, or the flag alone for true")
	}
	return errors.New(said + ": write a whole number")
}

// strict makes wrong arguments misuse, whichever command finds them, and gives
// every group of commands an answer to a subcommand that it does not have.
func strict(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			switch {
			case err == nil:
				return nil
			case cmd.HasSubCommands() && len(args) > 0:
				return misuse(cmd, "%s", unknownCommand(cmd, args[0]))
			}
			return misuse(cmd, "write it as: %s", cmd.UseLine())
		}
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

func unknownCommand(cmd *cobra.Command, name string) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	text := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), name)
	if m := near.Match(name, names); m != "" {
		text += fmt.Sprintf("; did you mean %q?", m)
	}
	return text
}

func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
