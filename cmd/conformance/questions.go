package main

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// addQuestions adds tools that would have to ask the client. Up to 2025-11-25 a
// server does so by a request of its own while the tool works; the transport drops
// the answers to such requests (see the baseline), so these tools do not ask.
func addQuestions(s *server.MCPServer) {
	for _, name := range []string{"test_elicitation", "test_elicitation_sep1034_defaults", "test_elicitation_sep1330_enums", "test_sampling"} {
		s.AddTool(mcp.NewTool(name, mcp.WithDescription("Would ask the client.")),
			func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return mcp.NewToolResultError("This server sends its clients no requests."), nil
			})
	}
	s.AddTool(mcp.NewTool("test_missing_capability", mcp.WithDescription("Needs a client with a model.")),
		func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			if info := server.RequestProtocolInfoFromContext(ctx); info == nil || info.ClientCapabilities == nil || info.ClientCapabilities.Sampling == nil {
				return nil, mcp.MissingRequiredClientCapabilityError{Capability: "sampling"}
			}
			return mcp.NewToolResultText("the client has a model"), nil
		})
}
