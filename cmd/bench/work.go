package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const maxAnswer = 1 << 20 // bytes of an upstream's or a server's answer

// work is the one tool that all servers have, and what is asked of it. Request n
// differs from all others, and so does its right answer.
type work struct {
	tool      string
	arguments func(n int64) string
	answer    func(n int64) string                                                                     // what a right answer contains
	call      func(ctx context.Context, c *http.Client, base string, in input) (map[string]any, error) // the bare servers' handler
	schema    string
	service   string // of ours
	scope     string
	rule      string // the policy that lets it pass, in CEL
}

// input holds the arguments of either tool.
type input struct {
	ObjectType string `json:"object_type,omitempty"`
	ID         string `json:"id,omitempty"`
	Channel    string `json:"channel,omitempty"`
	Text       string `json:"text,omitempty"`
}

// reading gets one contact from HubSpot: one request upstream and a small answer,
// for the bare servers and for ours, but for the first call of an hour, with which
// ours also asks for the account, whose number is in the links. Ours asks for more
// properties, since that is what its tool does, and writes a text of its own; the
// bare ones repeat the upstream's JSON as the text.
var reading = work{
	tool:      "hubspot_get_object",
	arguments: func(n int64) string { return fmt.Sprintf(`{"object_type":"contacts","id":"%d"}`, 1000+n) },
	answer:    func(n int64) string { return fmt.Sprintf("customer-%d@example.com", 1000+n) },
	call: func(ctx context.Context, c *http.Client, base string, in input) (map[string]any, error) {
		return fetch(ctx, c, http.MethodGet, base+"/crm/objects/v/"+url.PathEscape(in.ObjectType)+"/"+url.PathEscape(in.ID)+"?properties=email,firstname", "")
	},
	schema:  `{"type":"object","properties":{"object_type":{"type":"string"},"id":{"type":"string"}},"required":["object_type","id"]}`,
	service: "hubspot",
	scope:   "crm.objects.contacts.read",
	rule:    `args.object_type == "contacts"`,
}

// writing posts one message to Slack.
var writing = work{
	tool: "slack_post_message",
	arguments: func(n int64) string {
		return fmt.Sprintf(`{"channel":"C0123456789","text":"message %06d"}`, n%1_000_000)
	},
	answer: func(n int64) string { return fmt.Sprintf("1700000000.%06d", n%1_000_000) },
	call: func(ctx context.Context, c *http.Client, base string, in input) (map[string]any, error) {
		form := url.Values{"channel": {in.Channel}, "markdown_text": {in.Text}}
		return fetch(ctx, c, http.MethodPost, base+"/chat.postMessage", form.Encode())
	},
	schema:  `{"type":"object","properties":{"channel":{"type":"string"},"text":{"type":"string"}},"required":["channel","text"]}`,
	service: "slack",
	scope:   "chat:write",
	rule:    `args.channel in ["C0123456789"]`,
}

// fetch is one request of a bare server to the upstream.
func fetch(ctx context.Context, c *http.Client, method, target, form string) (map[string]any, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+upstreamToken)
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the upstream answered HTTP %d", resp.StatusCode)
	}
	var out map[string]any
	return out, json.Unmarshal(body, &out)
}

// upstreamToken is what the fake upstream wants to see; it opens nothing else.
const upstreamToken = "bench-token-for-the-fake-upstream"

// fakeUpstream answers as HubSpot and Slack do, small and at once.
func fakeUpstream() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /crm/objects/{version}/contacts/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if _, err := strconv.Atoi(id); err != nil {
			http.Error(w, `{"status":"error","category":"OBJECT_NOT_FOUND"}`, http.StatusNotFound)
			return
		}
		reply(w, `{"id":"`+id+`","properties":{"email":"customer-`+id+`@example.com","firstname":"Customer","lastname":"Number `+id+`","hs_object_id":"`+id+`"},"createdAt":"2026-01-02T03:04:05.000Z","updatedAt":"2026-02-03T04:05:06.000Z","archived":false}`)
	})
	mux.HandleFunc("GET /account-info/{version}/details", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"portalId":12345678,"accountType":"STANDARD","timeZone":"Europe/Berlin","uiDomain":"app.hubspot.com"}`)
	})
	mux.HandleFunc("POST /chat.postMessage", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
		words := strings.Fields(r.FormValue("markdown_text"))
		if len(words) != 2 {
			reply(w, `{"ok":false,"error":"no_text"}`)
			return
		}
		reply(w, `{"ok":true,"channel":"C0123456789","ts":"1700000000.`+words[1]+`","message":{"type":"message"}}`)
	})
	mux.HandleFunc("POST /auth.test", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"ok":true,"url":"https://bench.slack.com/","team":"bench","user":"bot","team_id":"T0123456789","user_id":"U0123456789"}`)
	})
	mux.HandleFunc("POST /conversations.list", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"ok":true,"channels":[{"id":"C0123456789","name":"bench","is_channel":true,"is_member":true}],"response_metadata":{"next_cursor":""}}`)
	})
	mux.HandleFunc("POST /conversations.info", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"ok":true,"channel":{"id":"C0123456789","name":"bench","is_channel":true,"is_member":true}}`)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+upstreamToken {
			http.Error(w, `{"ok":false,"error":"invalid_auth"}`, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

var errWrongAnswer = errors.New("wrong answer")
