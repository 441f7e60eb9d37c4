package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
)

func stdioCommand() *cobra.Command {
	var p place
	var f offerFlags
	var agent, elsewhere string
	cmd := &cobra.Command{
		Use:   "stdio",
		Short: "Serve MCP on standard input and output, for a desktop client",
		Long: `Speaks MCP on stdin and stdout; a desktop client starts it ('toolvault
client-config' prints what to paste). Everything else goes to stderr.`,
		Example: "  toolvault stdio --sandbox\n  toolvault stdio --config toolvault.yaml --agent support-agent-1\n  toolvault stdio --remote https://tools.example.com",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if elsewhere != "" {
				return serveRemote(cmd, elsewhere)
			}
			offer, err := f.offer(cmd)
			if err != nil {
				return err
			}
			return p.with(cmd, func(a *app.App) error {
				id, err := a.Identity(agent)
				if err != nil {
					return misuse(cmd, "%w", err)
				}
				background, stop := context.WithCancel(context.WithoutCancel(cmd.Context()))
				defer stop()
				followed := make(chan error, 1)
				go func() { followed <- a.Run(background) }()
				err = a.ServeStdio(cmd.Context(), id, os.Stdin, os.Stdout)
				stop()
				if errors.Is(err, context.Canceled) {
					err = nil
				}
				return errors.Join(err, <-followed)
			}, func(o *app.Options) { o.Logger, o.Offer = newLogger(os.Stderr, slog.LevelInfo), offer })
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	f.flags(cmd)
	cmd.Flags().StringVar(&elsewhere, "remote", "", "carry the messages to the toolvault at this URL, to which 'toolvault login' has signed you in; all other flags are then its own")
	cmd.Flags().StringVar(&agent, "agent", "", "the agent that the client acts as (default: the only one)")
	return cmd
}
