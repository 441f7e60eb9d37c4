package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// asking is what a form asks for: one property.
func asking(message, property, kind string) mcp.ElicitationParams {
	return mcp.ElicitationParams{Message: message, RequestedSchema: map[string]any{
		"type": "object", "properties": map[string]any{property: map[string]any{"type": kind}}, "required": []string{property},
	}}
}

func prompt(text string, tokens int) mcp.CreateMessageParams {
	return mcp.CreateMessageParams{
		Messages:  []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(text)}},
		MaxTokens: tokens,
	}
}

// seal marks a state as ours, so that a client cannot make one up.
type seal []byte

func newSeal() seal {
	key := make([]byte, 32)
	rand.Read(key) // never fails (crypto/rand)
	return key
}

func (k seal) sign(state string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(state))
	return state + "." + hex.EncodeToString(mac.Sum(nil))
}

func (k seal) open(signed string) (string, bool) {
	state, _, ok := strings.Cut(signed, ".")
	return state, ok && hmac.Equal([]byte(k.sign(state)), []byte(signed))
}

// addInputRequests adds tools that need more from the client and are called again
// with it (2026-07-28, "Multi Round-Trip Requests").
func addInputRequests(s *server.MCPServer) {
	key := newSeal()
	add := func(name string, handle func(ctx context.Context, r mcp.CallToolRequest) *mcp.CallToolResult) {
		s.AddTool(mcp.NewTool(name, mcp.WithDescription("Needs more from the client.")),
			func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				if state := r.Params.RequestState; state != "" {
					if _, ok := key.open(state); !ok {
						return nil, fmt.Errorf("the request state is not one of ours")
					}
				}
				return handle(ctx, r), nil
			})
	}
	text := func(format string, args ...any) *mcp.CallToolResult {
		return mcp.NewToolResultText(fmt.Sprintf(format, args...))
	}
	field := func(r mcp.CallToolRequest, id, name string) (string, bool) {
		answer := server.ElicitationResponse(r.Params.InputResponses, id)
		if answer == nil {
			return "", false
		}
		fields, _ := answer.Content.(map[string]any)
		value, ok := fields[name]
		return fmt.Sprint(value), ok
	}

	for _, name := range []string{"test_input_required_result_elicitation", "test_streaming_elicitation"} {
		add(name, func(_ context.Context, r mcp.CallToolRequest) *mcp.CallToolResult {
			if name, ok := field(r, "user_name", "name"); ok {
				return text("Hello, %s!", name)
			}
			return server.NewInputRequestBuilder("").Elicit("user_name", asking("What is your name?", "name", "string")).ToolResult()
		})
	}
	add("test_input_required_result_sampling", func(_ context.Context, r mcp.CallToolRequest) *mcp.CallToolResult {
		if answer := server.SamplingResponse(r.Params.InputResponses, "capital_question"); answer != nil {
			return text("The model says: %v", answer.Content)
		}
		return server.NewInputRequestBuilder("").Sample("capital_question", prompt("What is the capital of France?", 100)).ToolResult()
	})
	add("test_input_required_result_list_roots", func(_ context.Context, r mcp.CallToolRequest) *mcp.CallToolResult {
		if answer := server.RootsResponse(r.Params.InputResponses, "client_roots"); answer != nil {
			return text("Roots: %v", answer.Roots)
		}
		return server.NewInputRequestBuilder("").Roots("client_roots").ToolResult()
	})
	for _, name := range []string{"test_input_required_result_request_state", "test_input_required_result_tampered_state"} {
		add(name, func(_ context.Context, r mcp.CallToolRequest) *mcp.CallToolResult {
			if _, ok := field(r, "confirm", "ok"); ok && r.Params.RequestState != "" {
				return text("state-ok")
			}
			return server.NewInputRequestBuilder(key.sign("confirming")).Elicit("confirm", asking("Please confirm", "ok", "boolean")).ToolResult()
		})
	}
	add("test_input_required_result_multiple_inputs", func(_ context.Context, r mcp.CallToolRequest) *mcp.CallToolResult {
		name, named := field(r, "user_name", "name")
		greeting := server.SamplingResponse(r.Params.InputResponses, "greeting")
		roots := server.RootsResponse(r.Params.InputResponses, "client_roots")
		if named && greeting != nil && roots != nil && r.Params.RequestState != "" {
			return text("%s: %v, %d roots", name, greeting.Content, len(roots.Roots))
		}
		return server.NewInputRequestBuilder(key.sign("all")).
			Elicit("user_name", asking("What is your name?", "name", "string")).
			Sample("greeting", prompt("Generate a greeting", 50)).
			Roots("client_roots").ToolResult()
	})
	add("test_input_required_result_multi_round", func(_ context.Context, r mcp.CallToolRequest) *mcp.CallToolResult {
		switch state, _ := key.open(r.Params.RequestState); state {
		case "":
			return server.NewInputRequestBuilder(key.sign("one")).Elicit("step1", asking("Step 1: What is your name?", "name", "string")).ToolResult()
		case "one":
			return server.NewInputRequestBuilder(key.sign("two")).Elicit("step2", asking("Step 2: What is your favorite color?", "color", "string")).ToolResult()
		default:
			color, _ := field(r, "step2", "color")
			return text("All rounds done, color %s", color)
		}
	})
	add("test_input_required_result_capabilities", func(ctx context.Context, _ mcp.CallToolRequest) *mcp.CallToolResult {
		info := server.RequestProtocolInfoFromContext(ctx)
		if info == nil || info.ClientCapabilities == nil {
			return text("no capabilities, no questions")
		}
		b := server.NewInputRequestBuilder("")
		asked := false
		if info.ClientCapabilities.Sampling != nil {
			b, asked = b.Sample("sample", prompt("Say hello", 50)), true
		}
		if info.ClientCapabilities.Elicitation != nil {
			b, asked = b.Elicit("elicit", asking("What is your name?", "name", "string")), true
		}
		if !asked {
			return text("no capabilities, no questions")
		}
		return b.ToolResult()
	})
	s.AddPrompt(mcp.NewPrompt("test_input_required_result_prompt", mcp.WithPromptDescription("Needs more from the client.")),
		func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			if answer := server.ElicitationResponse(r.Params.InputResponses, "user_context"); answer != nil {
				return &mcp.GetPromptResult{Messages: []mcp.PromptMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(fmt.Sprintf("Context: %v", answer.Content))}}}, nil
			}
			return server.NewInputRequestBuilder("").Elicit("user_context", asking("What context should the prompt use?", "context", "string")).PromptResult(), nil
		})
}
