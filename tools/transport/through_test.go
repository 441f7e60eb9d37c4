package transport

import (
	"fmt"
	"strings"
	"testing"
)

// Through call_tool, too, nothing tells a tool that there is not from one that is
// not for the caller.
func TestThroughCallToolNothingTellsWhatThereIs(t *testing.T) {
	p := newPipe(t)
	said := map[string]string{}
	for i, name := range []string{"unheard_of", "classified", "secretive"} {
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"call_tool","arguments":{"name":%q,"arguments":{}}}}`, i+1, name))
		said[name] = p.next().text()
		if !strings.HasPrefix(said[name], "There is no tool of that name. Find the right one with find_tools.") || said[name] != said["unheard_of"] {
			t.Errorf("%s: %q", name, said[name])
		}
	}
	p.send(`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"call_tool","arguments":{"name":"ecko","arguments":{}}}}`)
	if text := p.next().text(); !strings.HasPrefix(text, "There is no tool of that name. Did you mean echo?") {
		t.Errorf("%q", text)
	}
	p.send(`{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"call_tool","arguments":{"name":"echo","arguments":{}}}}`)
	if text := p.next().text(); !strings.HasPrefix(text, "echo for") {
		t.Errorf("%q", text)
	}
}
