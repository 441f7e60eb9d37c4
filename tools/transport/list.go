package transport

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/auth"
)

// listTools is the answer to tools/list (ListToolsResult): all of them, on one
// page. It is put together from what is ready, since some clients ask before
// every request to their model.
func (c *core) listTools(id auth.Identity, m *message) answer {
	if m.cursor != "" {
		return rpcError(m, statusOf(m, mcp.INVALID_PARAMS), mcp.INVALID_PARAMS, "There is one page of tools, and no cursor was given: leave it out.", nil)
	}
	list := c.Gateway.List(id)
	fixtures := c.fixtures()
	size := 256
	for _, t := range list {
		size += len(t.Listing()) + 1
	}
	b := make([]byte, 0, size)
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, m.id...)
	b = append(b, `,"result":{`...)
	if m.modern() { // 2026-07-28, "Caching": what one caller sees is for that caller alone
		b = append(b, `"resultType":"complete","ttlMs":0,"cacheScope":"private",`...)
	}
	b = append(b, `"tools":[`...)
	for i, t := range fixtures {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, t...)
	}
	for i, t := range list {
		if i > 0 || len(fixtures) > 0 {
			b = append(b, ',')
		}
		b = append(b, t.Listing()...)
	}
	b = append(b, ']')
	if m.modern() {
		b = append(b, `,"_meta":{"`+mcp.MetaKeyServerInfo+`":`...)
		b = append(b, c.self...)
		b = append(b, '}')
	}
	return answer{status: http.StatusOK, body: append(b, "}}"...)}
}

// fixtures are the tools that Configure has added, as JSON, by name.
func (c *core) fixtures() []json.RawMessage {
	if c.Configure == nil {
		return nil
	}
	var all []json.RawMessage
	added := c.mcp.ListTools()
	for _, name := range slices.Sorted(maps.Keys(added)) {
		if b, err := json.Marshal(added[name].Tool); err == nil {
			all = append(all, b)
		}
	}
	return all
}
