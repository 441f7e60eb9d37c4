package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
)

// core is what both transports share: it answers messages of a caller who is
// known.
type core struct {
	Options
	mcp  *server.MCPServer
	self json.RawMessage // who we are: an MCP Implementation object
}

func newCore(o Options) (*core, error) {
	if o.Gateway == nil {
		return nil, errors.New("transport: a gateway is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.ToolCallIDKeys == nil {
		o.ToolCallIDKeys = DefaultToolCallIDKeys()
	}
	self, err := json.Marshal(map[string]string{"name": o.Name, "version": o.Version})
	if err != nil {
		return nil, fmt.Errorf("transport: name and version: %w", err)
	}
	c := &core{Options: o, self: self}
	c.mcp = server.NewMCPServer(o.Name, o.Version,
		server.WithToolCapabilities(false),
		server.WithInstructions(o.Instructions),
		server.WithCacheHints(0, mcp.CacheScopePrivate),
	)
	if o.Configure != nil {
		o.Configure(c.mcp)
	}
	return c, nil
}

// fixture reports whether the tool was added by Configure.
func (c *core) fixture(name string) bool {
	return c.Configure != nil && c.mcp.GetTool(name) != nil
}

// newCall is the call that the message asks for.
func (c *core) newCall(id auth.Identity, m *message, by client, from arrival) tools.Call {
	call := tools.Call{
		Tool: m.name, Arguments: m.arguments,
		ToolCallID: m.toolCallID,
		Client:     tools.ClientInfo(by),
		Transport:  from.transport,

		IdempotencyKey: m.key, MalformedKey: m.badKey,
	}
	if m.modern() { // before, there were neither questions with a state nor replies to them
		call.RequestState, call.Answer, call.TakesState = m.state, m.reply, m.asks
	}
	if !m.badKey && m.key == "" {
		call.IdempotencyKey = m.callKey()
	}
	if call.ToolCallID == "" {
		call.ToolCallID = idText(m.id)
	}
	if call.Trace = c.trace(m, from); call.Trace != nil {
		call.CorrelationID = call.Trace.TraceID()
	} else {
		call.CorrelationID = randomHex(16)
	}
	return c.Gateway.Direct(id, call)
}

// call makes a call and returns the answer.
func (c *core) call(ctx context.Context, id auth.Identity, m *message, call tools.Call) (a answer) {
	failure := ""
	defer func() {
		if p := recover(); p != nil {
			a, failure = c.crashed(m, p), rpcFailure(call.Trace, mcp.INTERNAL_ERROR)
		}
		call.Trace.End(c.now(), failure)
	}()
	result := c.Gateway.Call(ctx, id, call)
	if result.Failure != nil {
		failure = toolFailure
	}
	if hint, unknown := c.unknown(id, call.Tool, result.Failure); unknown {
		if call.Through == "" {
			failure = rpcFailure(call.Trace, mcp.INVALID_PARAMS)
			return unknownTool(m, hint, result.CallID)
		}
		return c.result(m, tools.Result{CallID: result.CallID, Failure: unheardOf(hint)})
	}
	if result.BadState {
		failure = rpcFailure(call.Trace, mcp.INVALID_PARAMS)
		return rpcError(m, statusOf(m, mcp.INVALID_PARAMS), mcp.INVALID_PARAMS, result.Failure.Message, map[string]any{"call_id": result.CallID})
	}
	if question, ok := c.ask(m, result); ok {
		return question
	}
	return c.result(m, result)
}

// unheardOf is what call_tool fails with where the caller cannot see the tool that
// it names.
func unheardOf(hint string) *fault.Error {
	if hint != "" {
		return fault.New(fault.NotFound, "There is no tool of that name. Did you mean %s?", hint)
	}
	return fault.New(fault.NotFound, "There is no tool of that name. Find the right one with find_tools.")
}

// crashed is the answer after a panic. Its value may hold anything, so only its
// type is logged.
func (c *core) crashed(m *message, p any) answer {
	c.Logger.Error("a request panicked", "method", label(m.method), "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	return rpcError(m, http.StatusOK, mcp.INTERNAL_ERROR, "Something went wrong inside the server; the operator can find the cause in its log.", nil)
}

// unknown reports whether the failure is about a tool that the caller cannot see,
// be it that there is none or that it is not for this caller, and what the caller
// could have meant.
func (c *core) unknown(id auth.Identity, name string, f *fault.Error) (hint string, unknown bool) {
	if f == nil || f.Kind != fault.NotFound && f.Kind != fault.NotPermitted {
		return "", false
	}
	hint, known := c.Gateway.Knows(id, name)
	return hint, !known
}

// other answers a message that is no call of the gateway's; mcp-go does all but
// the list of tools. What it returns is nil for notifications.
func (c *core) other(ctx context.Context, id auth.Identity, m *message) (a *answer) {
	defer func() {
		if p := recover(); p != nil {
			crash := c.crashed(m, p)
			a = &crash
		}
	}()
	if m.method == "tools/list" && m.request() {
		list := c.listTools(id, m)
		return &list
	}
	response := c.mcp.HandleMessage(ctx, m.raw)
	if response == nil {
		return nil
	}
	body, err := json.Marshal(response)
	if err != nil {
		bad := rpcError(m, http.StatusOK, mcp.INTERNAL_ERROR, "The answer could not be written.", nil)
		return &bad
	}
	return &answer{status: http.StatusOK, body: body}
}
