package segment

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	maxEvent       = 32 << 10
	maxBatch       = 500_000
	maxBatchEvents = 2_500
)

// event is one as it is sent.
type event struct {
	Type        string         `json:"type"`
	MessageID   string         `json:"messageId"`
	UserID      string         `json:"userId"`
	AnonymousID string         `json:"anonymousId"`
	PreviousID  string         `json:"previousId"`
	GroupID     string         `json:"groupId"`
	Event       string         `json:"event"`
	Name        string         `json:"name"`
	Properties  map[string]any `json:"properties"`
	Traits      map[string]any `json:"traits"`
	Timestamp   string         `json:"timestamp"`
}

// track is the tracking API. It answers 400 to what is too large or no JSON, 401 where
// nothing says whose it is, and 200 to all else, whether the event is kept or not
// ("HTTP API Source", Errors).
func (s *segment) track(in *region, w http.ResponseWriter, r *http.Request, path string) {
	kind, ok := strings.CutPrefix(path, "/v1/")
	if !ok || !slices.Contains([]string{"track", "identify", "group", "page", "screen", "alias", "batch"}, kind) {
		answer(w, http.StatusNotFound, jsonType, map[string]any{"code": "not_found", "message": "Not Found"})
		return
	}
	if r.Method != http.MethodPost {
		answer(w, http.StatusMethodNotAllowed, jsonType, map[string]any{"code": "method_not_allowed", "message": "Method Not Allowed"})
		return
	}
	refuse := func(message string) {
		answer(w, http.StatusBadRequest, jsonType, map[string]any{"code": "invalid_request", "message": message})
	}
	most := maxEvent
	if kind == "batch" {
		most = maxBatch
	}
	body, err := bodyOf(r, int64(most)+1)
	var whole struct {
		event
		WriteKey string            `json:"writeKey"`
		Batch    []json.RawMessage `json:"batch"`
	}
	switch {
	case len(body) > most:
		refuse("Exceed payload limit")
		return
	case !strings.HasPrefix(r.Header.Get("Content-Type"), jsonType), err != nil, json.Unmarshal(body, &whole) != nil:
		refuse("malformed JSON")
		return
	}
	key, ok := s.key(in, r, whole.WriteKey)
	if !ok {
		answer(w, http.StatusUnauthorized, jsonType, map[string]any{"code": "unauthorized", "message": "no write key"})
		return
	}
	from := in.byKey(key)
	items := []json.RawMessage{body}
	if kind == "batch" {
		if items = whole.Batch; len(items) > maxBatchEvents {
			items = nil
		}
	}
	for _, raw := range items {
		var e event
		if kind != "batch" {
			e = whole.event
			e.Type = kind
		} else if json.Unmarshal(raw, &e) != nil {
			continue
		}
		if from != nil && from.enabled && len(raw) <= maxEvent {
			s.keep(in, from, e)
		}
	}
	answer(w, http.StatusOK, jsonType, map[string]any{"success": true})
}

func bodyOf(r *http.Request, most int64) ([]byte, error) {
	var from io.Reader = io.LimitReader(r.Body, most)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		from = io.LimitReader(z, most)
	}
	return io.ReadAll(from)
}

// key is the write key of a request: the user of HTTP Basic, or in the body, where
// a token of OAuth may stand beside it. A token alone says nothing of a source.
func (s *segment) key(in *region, r *http.Request, inBody string) (string, bool) {
	if user, _, ok := r.BasicAuth(); ok && user != "" {
		return user, true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && !s.grants(in, token, "tracking_api:write") {
		return "", false
	}
	return inBody, inBody != ""
}

func (in *region) byKey(key string) *source {
	for _, src := range in.sources {
		if slices.Contains(src.keys, key) {
			return src
		}
	}
	return nil
}

// keep takes an event into the profiles, or drops it as Segment does.
func (s *segment) keep(in *region, from *source, e event) {
	now := s.now()
	if e.MessageID == "" {
		e.MessageID = fmt.Sprintf("api-%d", len(in.seen))
	}
	if at, again := in.seen[e.MessageID]; len(e.MessageID) >= 100 || again && now.Sub(at) < 24*time.Hour {
		return
	}
	in.seen[e.MessageID] = now
	if e.UserID == "" && e.AnonymousID == "" || in.suppressed[e.UserID] || len(e.GroupID) > 500 || len(e.Traits) >= 300 || len(e.Properties) > 10_000 {
		return
	}
	at := now
	if e.Timestamp != "" {
		t, err := time.Parse(time.RFC3339Nano, e.Timestamp)
		if err != nil {
			return
		}
		at = t
	}
	p := in.person(e, from, now)
	p.updated, p.lastMessage, p.lastSource = now, e.MessageID, from.id
	switch e.Type {
	case "track":
		if e.Event == "" {
			return
		}
		p.events = append(p.events, &happened{event: e.Event, at: at, messageID: e.MessageID, source: from.id, properties: e.Properties})
	case "identify":
		p.set(e.Traits, from.id, now)
	case "group":
		if e.GroupID == "" {
			return
		}
		account := in.account(e.GroupID, from, now)
		account.set(e.Traits, from.id, now)
		link(p, account)
	case "page", "screen":
		in.views[e.MessageID] = e.Type + " " + e.Name
	case "alias":
		if other := in.find(false, "user_id", e.PreviousID); other != nil && other != p {
			p.ids = append(p.ids, other.ids...)
			p.events = append(p.events, other.events...)
			in.users = slices.DeleteFunc(in.users, func(x *profile) bool { return x == other })
		}
	}
}

// person is the profile that an event is of; a new one where there is none.
func (in *region) person(e event, from *source, now time.Time) *profile {
	p := in.find(false, "user_id", e.UserID)
	if p == nil {
		p = in.find(false, "anonymous_id", e.AnonymousID)
	}
	if email, _ := e.Traits["email"].(string); p == nil && e.Type == "identify" {
		p = in.find(false, "email", strings.ToLower(email))
	}
	if p == nil {
		p = &profile{created: now, firstSource: from.id, traits: map[string]any{}, classes: map[string]string{}}
		in.users = append(in.users, p)
	}
	p.know("user_id", e.UserID, from.id, now)
	p.know("anonymous_id", e.AnonymousID, from.id, now)
	return p
}

func (in *region) account(id string, from *source, now time.Time) *profile {
	p := in.find(true, "group_id", id)
	if p == nil {
		p = &profile{account: true, created: now, firstSource: from.id, traits: map[string]any{}, classes: map[string]string{}}
		p.know("group_id", id, from.id, now)
		in.accounts = append(in.accounts, p)
	}
	p.updated = now
	return p
}

func link(person, account *profile) {
	for _, pair := range [][2]*profile{{person, account}, {account, person}} {
		if name := pair[1].name(); !slices.Contains(pair[0].links, name) {
			pair[0].links = append(pair[0].links, name)
		}
	}
}
