package main

import (
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
)

func serveCommand() *cobra.Command {
	var p place
	var f offerFlags
	var listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve MCP over streamable HTTP",
		Long: `Serves MCP at http://ADDR/mcp (default 127.0.0.1:8765) until it is told to stop;
calls under way may then finish. Clients need a token: 'toolvault agent token ID'.`,
		Example: "  toolvault serve --sandbox\n  toolvault serve --config toolvault.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			offer, err := f.offer(cmd)
			if err != nil {
				return err
			}
			return p.with(cmd, func(a *app.App) error {
				h, err := a.Handler(cmd.Context())
				if err != nil {
					return err
				}
				l, err := a.Bind()
				if err != nil {
					return err
				}
				a.Logger.Info("serving MCP", "url", a.PublicURL()+"/mcp", "data", a.Dir, "agents", len(a.Agents.List()))
				if p.sandbox {
					a.Logger.Info("sandbox: to get a token for a client, run in another terminal: " + tokenCommand(p, listen))
				}
				return a.Serve(cmd.Context(), l, h)
			}, func(o *app.Options) {
				o.Listen, o.Offer = listen, offer
				o.Logger = newLogger(os.Stderr, slog.LevelInfo)
			})
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	f.flags(cmd)
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on (default 127.0.0.1:8765, or the config's)")
	return cmd
}

func tokenCommand(p place, listen string) string {
	words := []string{"toolvault", "agent", "token", app.SandboxAgent}
	if p.data != "" {
		words = append(words, "--data", p.data)
	}
	if listen != "" {
		words = append(words, "--listen", listen)
	}
	return strings.Join(words, " ")
}
