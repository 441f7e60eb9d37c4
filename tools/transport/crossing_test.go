package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"toolvault/auth"
	"toolvault/tools"
)

// Two clients that count alike, at the same time, never get each other's answers.
func TestSameIDsNeverCross(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		var together atomic.Int32
		meet := make(chan struct{})
		b.gateway.tools["meet"] = doubleTool{schema: schema(t, "meet", "read", true), run: func(ctx context.Context, id auth.Identity, c tools.Call) tools.Result {
			if together.Add(1) == 2 {
				close(meet)
			}
			select { // both calls are under way before either ends
			case <-meet:
			case <-ctx.Done():
			}
			return tools.Result{Text: id.Agent + string(c.Arguments)}
		}}
		for round := range 20 {
			together.Store(0)
			meet = make(chan struct{})
			var wg sync.WaitGroup
			for _, who := range []struct{ token, agent string }{{alice, "alice"}, {bob, "bob"}} {
				wg.Go(func() {
					args := fmt.Sprintf(`{"text":"%s %d"}`, who.agent, round)
					r, err := b.try(t.Context(), ask{version: version, token: who.token, id: "1", params: `"name":"meet","arguments":` + args})
					if err != nil || r.text() != who.agent+args {
						t.Errorf("%s got %v %s", who.agent, err, r.body)
					}
				})
			}
			wg.Wait()
		}
	})
}

// Nobody can end another's call over HTTP, not even one's own by a message: the
// number that names it is everybody's.
func TestNobodyCancelsAnother(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		started, release := make(chan context.Context, 1), make(chan struct{})
		b.gateway.tools["hold"] = doubleTool{schema: schema(t, "hold", "read", true), run: func(ctx context.Context, _ auth.Identity, _ tools.Call) tools.Result {
			started <- ctx
			select {
			case <-release:
				return tools.Result{Text: "finished"}
			case <-ctx.Done():
				return tools.Result{Text: "cancelled"}
			}
		}}
		answers := make(chan *reply, 1)
		go func() {
			r, err := b.try(t.Context(), ask{version: version, id: "1", params: `"name":"hold"`})
			if err != nil {
				t.Error(err)
			}
			answers <- r
		}()
		running := <-started
		// The two ways in which servers have been seen to find the call: by the id
		// alone, and by the session of whoever asks.
		for _, token := range []string{bob, alice} {
			for _, session := range []string{"", "stdio", "c1.x.y"} {
				a := ask{version: version, token: token, body: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`}
				if session != "" {
					a.header = h("Mcp-Session-Id", session)
				}
				if version == modernVersion {
					a.body = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
				}
				if r := b.do(a); r.status != 202 || len(r.body) != 0 {
					t.Errorf("the notification: %d %s", r.status, r.body)
				}
			}
		}
		if batches(version) {
			if r := b.do(ask{version: version, token: bob, body: `[{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}]`}); r.status != 202 {
				t.Errorf("in an array: %d %s", r.status, r.body)
			}
		}
		if running.Err() != nil {
			t.Error("the call was cancelled")
		}
		close(release)
		if r := <-answers; r.text() != "finished" {
			t.Errorf("got %s", r.body)
		}
	})
}

// Closing the connection is how a client cancels.
func TestHangingUpCancels(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		ended := make(chan error, 1)
		b.gateway.tools["wait"] = doubleTool{schema: schema(t, "wait", "read", true), run: func(ctx context.Context, _ auth.Identity, _ tools.Call) tools.Result {
			<-ctx.Done()
			ended <- ctx.Err()
			return tools.Result{}
		}}
		ctx, hangUp := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = b.try(ctx, ask{version: version, params: `"name":"wait"`})
		}()
		until(t, "the call arrives", func() bool { return len(b.gateway.seen()) == 1 })
		hangUp()
		if err := <-ended; err != context.Canceled {
			t.Errorf("ended with %v", err)
		}
		<-gone
	})
}

// A response posted by a client answers nobody's question.
func TestPostedResponses(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		want := 202
		if version == modernVersion {
			want = 400
		}
		for _, body := range []string{`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}`, `{"jsonrpc":"2.0","id":1,"result":{}}`} {
			if r := b.do(ask{version: version, body: body}); r.status != want {
				t.Errorf("%s: %d %s", body, r.status, r.body)
			}
		}
	})
}

// tools/list shows each caller their own, and says that it is theirs alone.
func TestListIsPerIdentity(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		list := func(token string) (names []string, r *reply) {
			r = b.do(ask{version: version, token: token, call: "tools/list"})
			for _, tool := range r.Result.Tools {
				var name string
				_ = json.Unmarshal(tool["name"], &name)
				names = append(names, name)
			}
			return names, r
		}
		var wg sync.WaitGroup
		for range 20 {
			for token, want := range map[string]string{alice: "[broken crash echo wait]", bob: "[add broken crash echo wait]"} {
				wg.Go(func() {
					if got, r := list(token); fmt.Sprint(got) != want {
						t.Errorf("%s sees %v: %s", token, got, r.body)
					}
				})
			}
		}
		wg.Wait()
		_, r := list(bob)
		if version == modernVersion && r.Result.CacheScope != "private" {
			t.Errorf("cache scope %q", r.Result.CacheScope)
		}
		add := r.Result.Tools[0]
		if got := string(add["annotations"]); got != `{"destructiveHint":false}` {
			t.Errorf("annotations %s", got)
		}
		if string(add["title"]) != `"Title of add"` {
			t.Errorf("add is %s", r.body)
		}
	})
}

// What a caller may not see is answered like what does not exist.
func TestHiddenIsUnknown(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		call := func(name string) *reply {
			r := b.do(ask{version: version, params: `"name":"` + name + `"`})
			if r.Error == nil || r.Error.Code != -32602 {
				t.Fatalf("%s: %s", name, r.body)
			}
			if len(r.Error.Data["call_id"]) < 3 {
				t.Errorf("%s has no call id: %s", name, r.body)
			}
			return r
		}
		hidden, missing := call("classified"), call("nothing-like-it")
		if hidden.status != missing.status || hidden.Error.Message != missing.Error.Message {
			t.Errorf("hidden %d %s\nmissing %d %s", hidden.status, hidden.body, missing.status, missing.body)
		}
		if m := call("ecko").Error.Message; m != "There is no tool of that name. Did you mean echo?" {
			t.Errorf("near match: %s", m)
		}
		if m := call("classifie").Error.Message; m != missing.Error.Message {
			t.Errorf("the hint gives it away: %s", m)
		}
	})
}
