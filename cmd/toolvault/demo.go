package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/cmd/toolvault/internal/app"
)

func demoCommand() *cobra.Command {
	var p place
	var full bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch SupportBot work, with no accounts needed",
		Long: `Starts the server and in-memory doubles of the services on free loopback ports,
lets an agent do its weekly follow-up through a real MCP client, and shows what
the audit log knows of it afterwards. It leaves nothing behind, unless --data
names a folder to keep.

With --full it plays a day over all systems, with every kind of credential that
they have. Three things go wrong on that day, as they do: the exit code is 0 only
if exactly these three failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // "demo | head" still tidies up
			if p.data == "" {
				dir, err := os.MkdirTemp("", "toolvault-demo-*")
				if err != nil {
					return err
				}
				defer func() { _ = os.RemoveAll(dir) }()
				p.data = dir
			}
			story := (*demo).week
			if full {
				story = (*demo).day
			}
			return playDemo(cmd, p, story)
		},
	}
	cmd.Flags().StringVar(&p.data, "data", "", "keep the data folder here")
	cmd.Flags().BoolVar(&full, "full", false, "a whole day, over all systems")
	return cmd
}

func playDemo(cmd *cobra.Command, p place, story func(d *demo, ctx context.Context, p place) error) (err error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
	defer cancel()
	l, err := app.Bind("127.0.0.1:0")
	if err != nil {
		return err
	}
	p.sandbox = true
	a, err := p.open(ctx, func(o *app.Options) {
		o.Listen = l.Addr().String()
		o.Logger = newLogger(os.Stderr, slog.LevelError)
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	h, err := a.Handler(ctx)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- a.Serve(serving, l, h) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()

	d := &demo{storyteller: newStoryteller(cmd.OutOrStdout()), app: a, started: time.Now()}
	defer d.leave()
	return story(d, ctx, p)
}

// demo is SupportBot and the person who watches it.
type demo struct {
	*storyteller
	app     *app.App
	client  *mcpclient.Client
	started time.Time
}

// week is the follow-up over four systems.
func (d *demo) week(ctx context.Context, p place) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	if err := d.followUp(ctx); err != nil {
		return err
	}
	return d.account(ctx, p)
}

// leave ends the client's session, if there is one.
func (d *demo) leave() {
	if d.client != nil {
		_ = d.client.Close()
	}
}

// connect begins the follow-up.
func (d *demo) connect(ctx context.Context) error {
	d.title("SupportBot's weekly follow-up")
	d.text("An agent, four systems, nobody at the keyboard. The services are doubles in memory; everything else is what you would run: an MCP server on %s, a real MCP client, an encrypted vault, a signed audit log.", d.app.PublicURL())

	id, tools, err := d.enter(ctx, app.SandboxTask)
	if err != nil {
		return err
	}
	d.step("It gets a token for one task, good for 15 minutes, and sees only the tools that the task needs.")
	d.good("%d tools; the token allows %s", tools, id.Grants)
	return nil
}

// enter makes a token for a task, and a client, as a stranger would, and counts the
// tools that it sees.
func (d *demo) enter(ctx context.Context, task string) (id auth.Identity, tools int, err error) {
	agent, err := d.app.Agent(app.SandboxAgent)
	if err != nil {
		return id, 0, err
	}
	token, id, err := d.app.Tokens.Mint(ctx, auth.Request{Agent: agent.ID, Task: task, TTL: 15 * time.Minute})
	if err != nil {
		return id, 0, err
	}
	if err := d.app.TokenMinted(ctx, id); err != nil {
		return id, 0, err
	}
	d.client, err = mcpclient.NewStreamableHttpClient(d.app.PublicURL()+"/mcp",
		transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	if err != nil {
		return id, 0, err
	}
	if err := d.client.Start(ctx); err != nil {
		return id, 0, err
	}
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "supportbot", Version: "1.0"}
	if _, err := d.client.Initialize(ctx, init); err != nil {
		return id, 0, fmt.Errorf("the client could not connect: %w", err)
	}
	list, err := d.client.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return id, 0, err
	}
	return id, len(list.Tools), nil
}

// followUp is the main job: a customer, similar tickets, a post, a dashboard.
func (d *demo) followUp(ctx context.Context) error {
	d.step("Who was it? SupportBot looks the customer up in HubSpot.")
	found, err := d.call(ctx, "hubspot_search_objects", map[string]any{"object_type": "contacts", "query": "Dana Whitfield"})
	if err != nil {
		return err
	}
	contact := firstID(found)
	if contact == "" {
		return errors.New("the demo's customer was not found")
	}

	d.step("Minutes later, the HubSpot access token has expired. The next call goes through all the same:")
	d.app.Sandbox.Doubles["hubspot"].ExpireTokens()
	if _, err := d.call(ctx, "hubspot_get_object", map[string]any{"object_type": "contacts", "id": contact}); err != nil {
		return err
	}
	d.note("refused by HubSpot with 401, refreshed under a lease, stored before it was used, tried again")

	d.step("Has anybody else had this? Pinecone finds tickets that mean the same.")
	if _, err := d.call(ctx, "pinecone_search_records", map[string]any{"index": "support-tickets", "text": "Export to CSV times out", "top_k": 3}); err != nil {
		return err
	}

	d.step("It tries to tell everybody, in #general. The policy has only one channel for it:")
	if err := d.fails(ctx, "not_permitted", "slack_post_message", map[string]any{"channel": "#general", "text": "CSV exports are slow again!"}); err != nil {
		return err
	}
	d.step("So it posts where it may.")
	if _, err := d.call(ctx, "slack_post_message", map[string]any{"channel": "#support-updates",
		"text": "Follow-up for Dana Whitfield (Acme): the CSV export times out. Three similar tickets, all with large exports."}); err != nil {
		return err
	}

	d.step("Metabase is down. That step fails with a clear word, and nothing else is held up:")
	metabase := d.app.Sandbox.Doubles["metabase"]
	metabase.Down(true)
	dashboard := map[string]any{"id": 42, "description": "Reviewed by SupportBot: CSV export timeouts are the top theme this week."}
	if err := d.fails(ctx, "upstream_unavailable", "metabase_update_dashboard", dashboard); err != nil {
		return err
	}
	if _, err := d.call(ctx, "hubspot_create_note", map[string]any{
		"body":         "Told #support-updates about the CSV export; similar tickets are known.",
		"associate_to": []map[string]any{{"type": "contacts", "id": contact}},
	}); err != nil {
		return err
	}
	d.step("Metabase is back, and the dashboard gets its update.")
	metabase.Down(false)
	_, err = d.call(ctx, "metabase_update_dashboard", dashboard)
	return err
}

// call makes one call that has to work, and shows its answer.
func (d *demo) call(ctx context.Context, tool string, args map[string]any) (*mcp.CallToolResult, error) {
	r, err := d.send(ctx, tool, args)
	if err != nil {
		return nil, err
	}
	if r.IsError {
		return nil, fmt.Errorf("the demo's call of %s failed: %s", tool, textOf(r))
	}
	d.answer(tool, textOf(r))
	return r, nil
}

// fails makes one call that has to fail in the given way.
func (d *demo) fails(ctx context.Context, kind, tool string, args map[string]any) error {
	r, err := d.send(ctx, tool, args)
	if err != nil {
		return err
	}
	if !r.IsError {
		return fmt.Errorf("the demo's call of %s should have failed with %s", tool, kind)
	}
	text, _, _ := strings.Cut(textOf(r), "\n("+kind) // which the line says already
	d.refusal(tool, kind, text)
	return nil
}

func (d *demo) send(ctx context.Context, tool string, args map[string]any) (*mcp.CallToolResult, error) {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, args
	r, err := d.client.CallTool(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("call of %s: %w", tool, err)
	}
	return r, nil
}

// account shows what the log knows, and proves it.
func (d *demo) account(ctx context.Context, p place) error {
	entries, err := audit.Query(ctx, app.AuditDir(d.app.Dir), audit.Filter{Limit: 100})
	if err != nil {
		return err
	}
	d.title("Who did what, with which credential?")
	d.trail(entries)
	return d.prove(ctx, p)
}

// prove verifies the log, and ends the story.
func (d *demo) prove(ctx context.Context, p place) error {
	d.title("And can you prove it?")
	report, err := audit.Verify(ctx, audit.VerifyOptions{Dir: app.AuditDir(d.app.Dir), Key: d.app.AuditKey()})
	if err != nil {
		return err
	}
	if x := report.Problem; x != nil {
		return fmt.Errorf("the audit log is not intact: record %d: %s", x.Index, x.Reason)
	}
	d.good("%s", intact(report))
	d.text("Done in %s. Next: connect your own client with 'toolvault client-config claude-desktop --sandbox', or register a real credential (docs/add-a-credential.md).", time.Since(d.started).Round(10*time.Millisecond))
	if !strings.HasPrefix(d.app.Dir, os.TempDir()) {
		d.text("The data folder is kept: toolvault audit query --data %s", p.data)
	}
	return nil
}

func textOf(r *mcp.CallToolResult) string {
	var parts []string
	for _, c := range r.Content {
		if t, ok := c.(mcp.TextContent); ok {
			parts = append(parts, t.Text)
		}
	}
	return strings.Join(parts, "\n")
}

// firstID is the id of the first row of a search.
func firstID(r *mcp.CallToolResult) string {
	b, err := json.Marshal(r.StructuredContent)
	if err != nil {
		return ""
	}
	var found struct {
		Results []struct {
			ID string `json:"id"`
		} `json:"results"`
	}
	if json.Unmarshal(b, &found) != nil || len(found.Results) == 0 {
		return ""
	}
	return found.Results[0].ID
}
