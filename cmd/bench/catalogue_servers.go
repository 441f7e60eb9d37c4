package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The servers that are compared with, by the names in the page. hosted is the one
// that cannot be run: Slack's own is a service of Slack's.
const (
	vendorHubSpot   = "@hubspot/mcp-server"
	vendorPinecone  = "@pinecone-database/mcp"
	vendorMetabase  = "@cognitionai/metabase-mcp-server"
	vendorReference = "@modelcontextprotocol/server-slack"
	rival           = "slack-mcp-server"
	hosted          = "mcp.slack.com"
)

// vendor is how to run a server that is an npm package.
type vendor struct {
	version, script string
	args            []string
	env             func(w *world) []string
	moved           func(w *world) map[string]string // what it cannot be told to call elsewhere
}

func vendors() map[string]vendor {
	return map[string]vendor{
		vendorHubSpot: {version: "0.4.0", script: "dist/index.js", env: func(w *world) []string {
			return []string{"PRIVATE_APP_ACCESS_TOKEN=" + w.secrets["hubspot"], "BASE_URL_OVERRIDE=" + w.doubles["hubspot"].BaseURL()}
		}},
		vendorMetabase: {version: "2.2.0", script: "dist/server.js", args: []string{"--all"}, env: func(w *world) []string {
			return []string{"METABASE_API_KEY=" + w.secrets["metabase"], "METABASE_URL=" + w.doubles["metabase"].URL()}
		}},
		vendorPinecone: {version: "0.3.0", script: "dist/index.js", env: func(w *world) []string {
			return []string{"PINECONE_API_KEY=" + w.secrets["pinecone"]}
		}, moved: func(w *world) map[string]string {
			d := w.doubles["pinecone"]
			host := strings.TrimPrefix(d.URL(), "http://") // the double gives it out as the index's host
			return map[string]string{"https://api.pinecone.io": d.BaseURL(), "https://" + host: d.BaseURL()}
		}},
		rival: {version: "1.3.0", script: "bin/index.js", args: []string{"--transport", "stdio"}, env: func(w *world) []string {
			kind, _, _ := strings.Cut(w.secrets["slack"], "-") // xoxb: a bot's, xoxp: a person's
			return []string{
				"SLACK_MCP_" + strings.ToUpper(kind) + "_TOKEN=" + w.secrets["slack"], "SLACK_MCP_PROXY=" + w.slack.url, "SLACK_MCP_SERVER_CA=" + w.slack.authority,
				"SLACK_MCP_ADD_MESSAGE_TOOL=true", "SLACK_MCP_REACTION_TOOL=true",
			}
		}},
		vendorReference: {version: "2025.4.25", script: "dist/index.js", env: func(w *world) []string {
			return []string{"SLACK_BOT_TOKEN=" + w.secrets["slack"], "SLACK_TEAM_ID=T07NRTHWND1"}
		}, moved: func(w *world) map[string]string {
			return map[string]string{"https://slack.com/api": w.doubles["slack"].BaseURL()}
		}},
	}
}

// redirect is loaded into a vendor's process before its own code. It changes where
// fetch goes, and nothing else.
//
//go:embed catalogue_redirect.mjs
var redirect []byte

// startVendor runs a server that npm has installed.
func (c comparison) startVendor(ctx context.Context, name string, w *world, more ...string) (*mcpProcess, error) {
	v, ok := vendors()[name]
	if !ok {
		return nil, fmt.Errorf("there is no server %q to run", name)
	}
	script := filepath.Join(c.npm, "node_modules", filepath.FromSlash(name), filepath.FromSlash(v.script))
	if _, err := os.Stat(script); err != nil {
		return nil, fmt.Errorf("%s is not installed there: %w", name, err)
	}
	env, args := v.env(w), []string{script}
	if v.moved != nil {
		var pairs []string
		for from, to := range v.moved(w) {
			pairs = append(pairs, from+"="+to)
		}
		slices.Sort(pairs)
		env = append(env, "REDIRECT="+strings.Join(pairs, " "))
		args = []string{"--import", "file://" + filepath.ToSlash(c.redirect), script}
	}
	if len(more) == 0 {
		more = v.args
	}
	return startMCP(ctx, name, env, "node", append(args, more...)...)
}

// startStdio runs the real program for one agent that may do everything, with its
// state in dir, which has to be new.
func startStdio(ctx context.Context, program, dir string, w *world, more ...string) (*mcpProcess, error) {
	text := "services:\n"
	for _, s := range serviceNames() {
		text += fmt.Sprintf("  %s: { base_url: %q }\n", s, w.doubles[s].BaseURL())
	}
	text += "agents:\n  - agentId: everyday\n    credentials:\n"
	var env []string
	for _, s := range serviceNames() {
		kind := "service_token"
		if s == "pinecone" {
			kind = "api_key"
		}
		text += fmt.Sprintf("      - { service: %s, type: %s, source: \"env:BENCH_%s\", scope: read-write }\n", s, kind, strings.ToUpper(s))
		env = append(env, "BENCH_"+strings.ToUpper(s)+"="+w.secrets[s])
	}
	config := filepath.Join(dir, "toolvault.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	args := append([]string{"stdio", "--config", config, "--data", filepath.Join(dir, "data")}, more...)
	return startMCP(ctx, ours, env, program, args...)
}

func serviceNames() []string { return []string{"hubspot", "metabase", "pinecone", "slack"} }
