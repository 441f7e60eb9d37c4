package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
)

// keyCases are what _meta may hold, and the key that the gateway gets.
var keyCases = map[string]struct {
	meta, key string
	malformed bool
}{
	"ours":                          {meta: `"toolvault/idempotency-key":"k 1"`, key: "k 1"},
	"plain":                         {meta: `"idempotencyKey":"k1"`, key: "k1"},
	"escaped":                       {meta: `"idempotencyKey":"\u006b\u00e91"`, key: "ké1"},
	"ours before the plain one":     {meta: `"toolvault/idempotency-key":"a","idempotencyKey":"b"`, key: "a"},
	"ours after the plain one":      {meta: `"idempotencyKey":7,"toolvault/idempotency-key":"a"`, key: "a"},
	"before the client's call id":   {meta: `"claudecode/toolUseId":"toolu_1","idempotencyKey":"a"`, key: "a"},
	"the client's call id":          {meta: `"claudecode/toolUseId":"toolu_1"`, key: "toolu_1"},
	"null is none":                  {meta: `"idempotencyKey":null,"tool_call_id":"c1"`, key: "c1"},
	"a count":                       {meta: `"tool_call_id":17`},
	"a count as a text":             {meta: `"tool_call_id":"17"`},
	"a call id too long for a key":  {meta: `"tool_call_id":"` + strings.Repeat("c", 201) + `"`},
	"a key too long":                {meta: `"idempotencyKey":"` + strings.Repeat("k", 201) + `"`, malformed: true},
	"empty":                         {meta: `"idempotencyKey":""`, malformed: true},
	"a number":                      {meta: `"idempotencyKey":1`, malformed: true},
	"an object":                     {meta: `"toolvault/idempotency-key":{"a":1}`, malformed: true},
	"not printable":                 {meta: `"idempotencyKey":"a\nb"`, malformed: true},
	"malformed, and a call id":      {meta: `"idempotencyKey":1,"tool_call_id":"c1"`, malformed: true},
	"none: never the JSON-RPC's id": {},
}

func (b *bed) lastCall(t *testing.T) tools.Call {
	t.Helper()
	calls := b.gateway.seen()
	if len(calls) == 0 {
		t.Fatal("no call arrived")
	}
	return calls[len(calls)-1]
}

func TestTheIdempotencyKeyArrivesOverHTTP(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		for name, c := range keyCases {
			if r := b.do(ask{version: version, token: bob, id: `"rpc-1"`, params: `"name":"add","arguments":{"text":"hi"}`, meta: c.meta}); r.status != 200 {
				t.Fatalf("%s: %d %s", name, r.status, r.body)
			}
			if got := b.lastCall(t); got.IdempotencyKey != c.key || got.MalformedKey != c.malformed {
				t.Errorf("%s: key %q, malformed %v", name, got.IdempotencyKey, got.MalformedKey)
			}
		}
	})
}

func TestTheIdempotencyKeyArrivesOverStdio(t *testing.T) {
	for name, modern := range map[string]string{"legacy": "", "modern": `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},`} {
		t.Run(name, func(t *testing.T) {
			p := newPipe(t)
			b := &bed{gateway: p.gateway}
			for name, c := range keyCases {
				p.send(callLine(`"rpc-1"`, `"name":"echo","_meta":{`+strings.TrimSuffix(modern+c.meta, ",")+`}`))
				if r := p.next(); r.Error != nil {
					t.Fatalf("%s: %s", name, r.body)
				}
				if got := b.lastCall(t); got.IdempotencyKey != c.key || got.MalformedKey != c.malformed {
					t.Errorf("%s: key %q, malformed %v", name, got.IdempotencyKey, got.MalformedKey)
				}
			}
		})
	}
}

// The answer to a repeat names the call that did it, be it a result or a failure.
func TestTheAnswerSaysThatItIsARepeat(t *testing.T) {
	each(t, func(t *testing.T, version string) {
		b := newBed(t)
		for name, result := range map[string]tools.Result{
			"result":  {Structured: json.RawMessage(`{"a":1}`), RepeatOf: "call-0"},
			"failure": {Failure: fault.New(fault.Conflict, "No."), RepeatOf: "call-0"},
			"first":   {Structured: json.RawMessage(`{"a":1}`)},
		} {
			b.gateway.tools["again"] = doubleTool{schema: schema(t, "again", "read", false), run: func(context.Context, auth.Identity, tools.Call) tools.Result { return result }}
			r := b.do(ask{version: version, params: `"name":"again"`})
			want := ""
			if result.RepeatOf != "" {
				want = `"call-0"`
			}
			if got := r.Result.Meta["toolvault/repeat_of"]; !bytes.Equal(got, []byte(want)) || r.Result.Meta["call_id"] == nil {
				t.Errorf("%s: _meta %s in %s", name, got, r.body)
			}
		}
	})
}
