package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// addFixtures adds what the product does not have, but its transport carries:
// prompts, resources, completion, progress, logs, and questions to the client.
func addFixtures(s *server.MCPServer) {
	for _, option := range []server.ServerOption{
		server.WithToolCapabilities(true),
		server.WithPromptCapabilities(true),
		server.WithResourceCapabilities(true, true),
		server.WithCompletions(),
		server.WithLogging(),
	} {
		option(s)
	}
	addStreams(s)
	addSchemas(s)
	addPrompts(s)
	addResources(s)
	addQuestions(s)
	addInputRequests(s)
}

type toolHandler = func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error)

// done answers with a text.
func done(text string) toolHandler {
	return func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(text), nil
	}
}

// pause is what the suite asks for between notifications. mcp-go may drop one
// that is sent right before the result, so one more stands at the end.
func pause(ctx context.Context) error {
	select {
	case <-time.After(60 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// addStreams adds tools that send notifications while they work.
func addStreams(s *server.MCPServer) {
	notify := func(ctx context.Context, method string, all ...map[string]any) error {
		for _, params := range all {
			if err := s.SendNotificationToClient(ctx, method, params); err != nil {
				return err
			}
			if err := pause(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	message := func(text string) map[string]any {
		return map[string]any{"level": "info", "logger": "conformance", "data": text}
	}
	s.AddTool(mcp.NewTool("test_tool_with_logging", mcp.WithDescription("Logs while it works.")),
		func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			err := notify(ctx, "notifications/message", message("Tool execution started"), message("Tool processing data"), message("Tool execution completed"))
			return mcp.NewToolResultText("Tool with logging executed successfully"), err
		})
	s.AddTool(mcp.NewTool("test_logging_tool", mcp.WithDescription("Logs if the request asks for it.")),
		func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.LogLevel != "" {
				if err := notify(ctx, "notifications/message", message("asked for")); err != nil {
					return nil, err
				}
			}
			return mcp.NewToolResultText("logged"), nil
		})
	s.AddTool(mcp.NewTool("test_tool_with_progress", mcp.WithDescription("Reports its progress.")),
		func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			if r.Params.Meta == nil || r.Params.Meta.ProgressToken == nil {
				return mcp.NewToolResultText("no progress token"), nil
			}
			step := func(n int) map[string]any {
				return map[string]any{"progressToken": r.Params.Meta.ProgressToken, "progress": n, "total": 100}
			}
			err := notify(ctx, "notifications/progress", step(0), step(50), step(100))
			return mcp.NewToolResultText("progress reported"), err
		})
	var turn atomic.Int64
	s.AddTool(mcp.NewTool("test_trigger_tool_change", mcp.WithDescription("Changes the list of tools.")),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			name := fmt.Sprintf("test_dynamic_tool_%d", turn.Add(1))
			s.AddTool(mcp.NewTool(name, mcp.WithDescription("Comes and goes.")), done("dynamic"))
			s.DeleteTools(name)
			return mcp.NewToolResultText("changed"), nil
		})
	s.AddTool(mcp.NewTool("test_trigger_prompt_change", mcp.WithDescription("Changes the list of prompts.")),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			name := fmt.Sprintf("test_dynamic_prompt_%d", turn.Add(1))
			s.AddPrompt(mcp.NewPrompt(name, mcp.WithPromptDescription("Comes and goes.")), nil)
			s.DeletePrompts(name)
			return mcp.NewToolResultText("changed"), nil
		})
}

// addSchemas adds tools that are looked at rather than called.
func addSchemas(s *server.MCPServer) {
	raw := func(name, description, schema string) mcp.Tool {
		return mcp.NewToolWithRawSchema(name, description, json.RawMessage(schema))
	}
	s.AddTool(raw("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", `{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
		"$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
		"properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
			"contactMethod": {"type": "string", "enum": ["phone", "email"]}, "phone": {"type": "string"}, "email": {"type": "string"}},
		"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
		"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
		"then": {"required": ["phone"]}, "else": {"required": ["email"]}, "additionalProperties": false}`), done("valid"))
	s.AddTool(raw("test_header_parameter", "Has a parameter that travels in a header, too.", `{
		"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}, "query": {"type": "string"}}}`), done("done"))
}

func addPrompts(s *server.MCPServer) {
	user := func(content mcp.Content) mcp.PromptMessage {
		return mcp.PromptMessage{Role: mcp.RoleUser, Content: content}
	}
	add := func(p mcp.Prompt, messages func(args map[string]string) []mcp.PromptMessage) {
		s.AddPrompt(p, func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: p.Description, Messages: messages(r.Params.Arguments)}, nil
		})
	}
	add(mcp.NewPrompt("test_simple_prompt", mcp.WithPromptDescription("A simple prompt without arguments")),
		func(map[string]string) []mcp.PromptMessage {
			return []mcp.PromptMessage{user(mcp.NewTextContent("This is a simple prompt for testing."))}
		})
	add(mcp.NewPrompt("test_prompt_with_arguments", mcp.WithPromptDescription("A prompt with required arguments"),
		mcp.WithArgument("arg1", mcp.ArgumentDescription("First test argument"), mcp.RequiredArgument()),
		mcp.WithArgument("arg2", mcp.ArgumentDescription("Second test argument"), mcp.RequiredArgument())),
		func(args map[string]string) []mcp.PromptMessage {
			return []mcp.PromptMessage{user(mcp.NewTextContent(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", args["arg1"], args["arg2"])))}
		})
	add(mcp.NewPrompt("test_prompt_with_embedded_resource", mcp.WithPromptDescription("A prompt that includes an embedded resource"),
		mcp.WithArgument("resourceUri", mcp.ArgumentDescription("URI of the resource to embed"), mcp.RequiredArgument())),
		func(args map[string]string) []mcp.PromptMessage {
			return []mcp.PromptMessage{
				user(mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: args["resourceUri"], MIMEType: "text/plain", Text: "Embedded resource content for testing."})),
				user(mcp.NewTextContent("Please process the embedded resource above.")),
			}
		})
	add(mcp.NewPrompt("test_prompt_with_image", mcp.WithPromptDescription("A prompt that includes an image")),
		func(map[string]string) []mcp.PromptMessage {
			return []mcp.PromptMessage{user(mcp.NewImageContent(imagePNG, "image/png")), user(mcp.NewTextContent("Please analyze the image above."))}
		})
}

func addResources(s *server.MCPServer) {
	text := func(uri, name, content string) {
		s.AddResource(mcp.NewResource(uri, name, mcp.WithResourceDescription("A text for testing."), mcp.WithMIMEType("text/plain")),
			func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				return []mcp.ResourceContents{mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: content}}, nil
			})
	}
	text("test://static-text", "static-text", "This is the content of the static text resource.")
	text("test://watched-resource", "watched-resource", "This resource can be watched.")
	s.AddResource(mcp.NewResource("test://static-binary", "static-binary", mcp.WithResourceDescription("An image for testing."), mcp.WithMIMEType("image/png")),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: imagePNG}}, nil
		})
	s.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template",
		mcp.WithTemplateDescription("Has a parameter."), mcp.WithTemplateMIMEType("application/json")),
		func(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			id := strings.TrimSuffix(strings.TrimPrefix(r.Params.URI, "test://template/"), "/data")
			content := fmt.Sprintf(`{"id":%q,"templateTest":true,"data":%q}`, id, "Data for ID: "+id)
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: r.Params.URI, MIMEType: "application/json", Text: content}}, nil
		})
}
