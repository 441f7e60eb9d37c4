package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/schemas/near"
)

// mcpClient is a program that speaks MCP, and where it wants its servers listed.
type mcpClient struct {
	name, title string
	file        func() string                       // where to paste
	entry       func(exe string, args []string) any // what; nil for plain HTTP
}

var clients = []mcpClient{
	{"claude-desktop", "Claude Desktop", claudeDesktopFile, stdioEntry("mcpServers", "")},
	{"claude-code", "Claude Code", nil, nil},
	{"cursor", "Cursor", func() string { return home(".cursor", "mcp.json") }, stdioEntry("mcpServers", "")},
	{"vscode", "VS Code", func() string { return filepath.Join(".vscode", "mcp.json") }, stdioEntry("servers", "stdio")},
	{"http", "any client that speaks streamable HTTP", nil, nil},
}

func stdioEntry(group, kind string) func(string, []string) any {
	return func(exe string, args []string) any {
		return map[string]any{group: map[string]any{"toolvault": stdioServer{kind, exe, args}}}
	}
}

// stdioServer is a server that a client starts, as the clients' files have it.
type stdioServer struct {
	Type    string   `json:"type,omitempty"`
	Command string   `json:"command"`
	Args    []string `json:"args"`
}

func claudeDesktopFile() string {
	switch runtime.GOOS {
	case "darwin":
		return home("Library", "Application Support", "Claude", "claude_desktop_config.json")
	case "windows":
		return filepath.Join(os.Getenv("APPDATA"), "Claude", "claude_desktop_config.json")
	}
	return home(".config", "Claude", "claude_desktop_config.json")
}

func home(parts ...string) string {
	dir, err := os.UserHomeDir()
	if err != nil {
		dir = "~"
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

func clientNames() []string {
	var names []string
	for _, c := range clients {
		names = append(names, c.name)
	}
	return names
}

func clientConfigCommand() *cobra.Command {
	var p place
	var f offerFlags
	var agent string
	cmd := &cobra.Command{
		Use:       "client-config NAME",
		Short:     "Print what to paste into an MCP client",
		Long:      "Prints the configuration, or the command, that connects an MCP client to this\ntoolvault. NAME is one of: " + strings.Join(clientNames(), ", ") + ".",
		Example:   "  toolvault client-config claude-desktop --sandbox\n  toolvault client-config http",
		ValidArgs: clientNames(),
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := f.offer(cmd); err != nil {
				return err
			}
			for _, c := range clients {
				if c.name == args[0] {
					return printClientConfig(cmd, c, p, agent, f.words())
				}
			}
			if m := near.Match(args[0], clientNames()); m != "" {
				return misuse(cmd, "there is no client %q; did you mean %q?", args[0], m)
			}
			return misuse(cmd, "there is no client %q; there are: %s", args[0], strings.Join(clientNames(), ", "))
		},
	}
	p.flags(cmd)
	p.sandboxFlag(cmd)
	f.flags(cmd)
	cmd.Flags().StringVar(&agent, "agent", "", "the agent that the client acts as")
	return cmd
}

func printClientConfig(cmd *cobra.Command, c mcpClient, p place, agent string, offer []string) error {
	exe, args, err := stdioCommandLine(cmd, p, agent)
	if err != nil {
		return err
	}
	args = append(args, offer...)
	w := cmd.OutOrStdout()
	switch c.name {
	case "claude-code":
		say(cmd, "Run this once in a terminal:")
		_, err = fmt.Fprintf(w, "claude mcp add toolvault -- %s\n", shell(append([]string{exe}, args...)))
		return err
	case "http":
		a, err := p.open(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { _ = a.Close() }()
		id := agent
		if id == "" {
			id = "AGENT"
		}
		if _, args, err = stdioCommandLine(cmd, p, ""); err != nil {
			return err
		}
		flags := ""
		if len(args) > 1 {
			flags = " " + shell(args[1:])
		}
		serve := flags
		if len(offer) > 0 {
			serve += " " + shell(offer)
		}
		say(cmd, "Start 'toolvault serve%s'. A client that signs people in needs the url alone: it finds the rest by itself.", serve)
		say(cmd, "For any other, put the output of 'toolvault agent token %s%s' in place of TOKEN, and give this to the client:", id, flags)
		return printIndented(cmd, map[string]any{"mcpServers": map[string]any{"toolvault": map[string]any{
			"type": "http", "url": a.PublicURL() + "/mcp", "headers": map[string]string{"Authorization": "Bearer TOKEN"},
		}}})
	}
	say(cmd, "Put this into %s and start %s again:", c.file(), c.title)
	return printIndented(cmd, c.entry(exe, args))
}

// stdioCommandLine is how to start this program for a client: absolute paths,
// since a client starts it in a folder of its own choosing.
func stdioCommandLine(cmd *cobra.Command, p place, agent string) (string, []string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("the path of this program is not known: %w", err)
	}
	if strings.Contains(exe, string(filepath.Separator)+"go-build") {
		say(cmd, "Note: 'go run' builds into a temporary folder that goes away. Build the program first (go build -o toolvault ./cmd/toolvault) and ask that one.")
	}
	args := []string{"stdio"}
	data := cmp.Or(p.data, os.Getenv("TOOLVAULT_DATA")) // a client does not have this shell's variables
	for _, f := range []struct{ flag, path string }{{"--config", p.config}, {"--data", data}} {
		if f.path == "" {
			continue
		}
		abs, err := filepath.Abs(f.path)
		if err != nil {
			return "", nil, err
		}
		if _, err := os.Stat(abs); err != nil && f.flag == "--config" {
			say(cmd, "Note: there is no %s yet; the client cannot start toolvault without it.", abs)
		}
		args = append(args, f.flag, abs)
	}
	if agent != "" {
		args = append(args, "--agent", agent)
	}
	if p.sandbox {
		args = append(args, "--sandbox")
	}
	return exe, args, nil
}

func printIndented(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// shell quotes words for a POSIX shell.
func shell(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if strings.ContainsAny(w, " \t'\"\\$`&|;<>()*?[]{}~#!") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}
