package auth

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"toolvault/auth/scope"
	"toolvault/schemas/near"
)

// How long a token lives.
const (
	DefaultTTL = time.Hour
	MaxTTL     = 24 * time.Hour
)

// CheckTTL refuses a time that no token can live for.
func CheckTTL(ttl time.Duration) error {
	if ttl < time.Second || ttl > MaxTTL {
		return fmt.Errorf("a token cannot live for %s: choose a time from %s to %s", Duration(ttl), Duration(time.Second), Duration(MaxTTL))
	}
	return nil
}

// Request asks for a token.
type Request struct {
	Agent  string
	User   string        // the person it acts for; may be empty; at most 512 bytes
	Task   string        // a task of the agent; may be empty
	Client string        // OAuth client id; empty: the agent's id
	Grants scope.Grants  // nil: all that the task needs; without a task: everything
	TTL    time.Duration // 0: DefaultTTL
	Chain  []string      // see Identity; at most MaxChain
	Key    string        // see Identity
	Grant  string        // the consent that it comes from, for RevokeGrant; may be empty
	From   []Source      // the tokens that it is exchanged for; at most MaxSources
}

// MaxChain bounds how many agents can have passed a right on.
const MaxChain = 4

// claims is the payload. sub is on whose behalf the token acts (a person, or the
// agent itself), and act is who acts: RFC 8693, section 4.1, the present actor
// outside and those before it inside.
type claims struct {
	jwt.Claims
	ClientID string        `json:"client_id"`
	Scope    string        `json:"scope"` // RFC 8693, section 4.2, each word prefixed by its service
	Profile  string        `json:"sub_profile"`
	Act      *actor        `json:"act,omitempty"`
	Confirm  *confirmation `json:"cnf,omitempty"`
	Task     string        `json:"task,omitempty"`
	Grant    string        `json:"grant_id,omitempty"`
	From     []Source      `json:"exchanged_from,omitempty"`
}

type actor struct {
	Subject string `json:"sub"`
	Act     *actor `json:"act,omitempty"`
}

type confirmation struct {
	Thumbprint string `json:"jkt"` // RFC 9449, section 6.1
}

// What a token's sub is: the words of draft-mora-oauth-entity-profiles.
const (
	profileUser  = "user"
	profileAgent = "ai_agent"
)

// Mint makes a token. What it grants is what was asked for, narrowed to what the
// task needs; without a wish and without a task it is read-write on every
// service, and the agent's credentials and rules alone decide. The identity is
// the one that Authenticate will return.
func (t *Tokens) Mint(_ context.Context, r Request) (string, Identity, error) {
	agent, err := t.mintFor(r)
	if err != nil {
		return "", Identity{}, err
	}
	grants, err := t.grants(agent, r)
	if err != nil {
		return "", Identity{}, err
	}
	if r.Client == "" {
		r.Client = agent.ID
	}
	c := claims{Scope: grants.String(), Task: r.Task, From: r.From}
	c.Subject, c.Profile, c.Act = subject(r)
	token, err := t.sign(&c, t.Audience, r)
	if err != nil {
		return "", Identity{}, err
	}
	id, ok := c.identity(grants)
	if !ok {
		return "", Identity{}, errors.New("the token would name nobody")
	}
	return token, id, nil
}

// subject is what a token says of whom it is about and who acts.
func subject(r Request) (sub, profile string, act *actor) {
	acting := append([]string{r.Agent}, r.Chain...)
	sub, profile = r.User, profileUser
	if sub == "" {
		last := len(acting) - 1
		sub, profile, acting = acting[last], profileAgent, acting[:last]
	}
	for _, name := range slices.Backward(acting) {
		act = &actor{name, act}
	}
	return sub, profile, act
}

// sign completes the claims and signs them.
func (t *Tokens) sign(c *claims, audience string, r Request) (string, error) {
	ttl := r.TTL
	if ttl == 0 {
		ttl = DefaultTTL
	}
	now := t.issueTime(bearers(r.Agent, r.Chain, r.User, r.Client))
	jti, err := newTokenID(now)
	if err != nil {
		return "", err
	}
	expires := now.Add(ttl).Truncate(time.Second)
	c.Issuer, c.Audience, c.ID = t.Issuer, jwt.Audience{audience}, jti
	c.IssuedAt, c.NotBefore, c.Expiry = jwt.NewNumericDate(now), jwt.NewNumericDate(now), jwt.NewNumericDate(expires)
	c.ClientID, c.Grant = r.Client, r.Grant
	if r.Key != "" {
		c.Confirm = &confirmation{r.Key}
	}
	token, err := jwt.Signed(t.signer()).Claims(c).Serialize()
	switch {
	case err != nil:
		return "", fmt.Errorf("the token could not be signed: %w", err)
	case len(token) > maxToken:
		return "", fmt.Errorf("the token would have %d bytes, at most %d are accepted: ask for fewer scopes", len(token), maxToken)
	}
	return token, nil
}

func (t *Tokens) mintFor(r Request) (Agent, error) {
	agent, ok := t.Agents.Get(r.Agent)
	switch {
	case !ok:
		return Agent{}, t.Agents.unknown(r.Agent)
	case agent.Suspended:
		return Agent{}, fmt.Errorf("agent %q is suspended%s: resume it with `toolvault agent resume %s`", agent.ID, agent.Why(), agent.ID)
	}
	if len(r.Chain) > MaxChain {
		return Agent{}, fmt.Errorf("a right was passed on %d times, and %d is the most", len(r.Chain), MaxChain)
	}
	for _, id := range r.Chain {
		if before, ok := t.Agents.Get(id); !ok || before.Suspended || id == r.Agent {
			return Agent{}, fmt.Errorf("agent %q cannot act for %q: that one is not known, suspended, or the same", agent.ID, clip(id, 80))
		}
	}
	return agent, checkRequest(r)
}

// maxName bounds the name of a user or a client in a token, in bytes.
const maxName = 512

func checkRequest(r Request) error {
	if r.TTL != 0 {
		if err := CheckTTL(r.TTL); err != nil {
			return err
		}
	}
	if r.Key != "" && !keyID.MatchString(r.Key) {
		return errors.New("the key of a token is named by its SHA-256 thumbprint, 43 characters of base64url")
	}
	if err := checkSources(r.From); err != nil {
		return err
	}
	for what, text := range map[string]string{"user": r.User, "client": r.Client, "grant": r.Grant} {
		if len(text) > maxName || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("the %s of a token is at most %d bytes of plain text, without control characters", what, maxName)
		}
	}
	return nil
}

// grants computes what the token allows, in the form that its text will be read
// back in.
func (t *Tokens) grants(agent Agent, r Request) (scope.Grants, error) {
	grants := r.Grants
	if r.Task != "" {
		task, ok := agent.Tasks[r.Task]
		switch {
		case !ok && len(agent.Tasks) == 0:
			return nil, fmt.Errorf("agent %q has no tasks, so none %q: leave the task out, or declare it under `tasks:` in the config", agent.ID, clip(r.Task, 80))
		case !ok:
			names := slices.Sorted(maps.Keys(agent.Tasks))
			if meant := near.Match(r.Task, names); meant != "" {
				return nil, fmt.Errorf("agent %q has no task %q; did you mean %q?", agent.ID, clip(r.Task, 80), meant)
			}
			return nil, fmt.Errorf("agent %q has no task %q: it has %s", agent.ID, clip(r.Task, 80), clip(strings.Join(names, ", "), 200))
		case grants == nil:
			grants = task
		default:
			grants = grants.Intersect(task)
			if grants.String() == "" {
				return nil, fmt.Errorf("task %q of agent %q allows nothing of %q: ask for part of %q", r.Task, agent.ID, clip(r.Grants.String(), 200), clip(task.String(), 200))
			}
		}
	}
	text := grants.String()
	if grants == nil {
		var words []string
		for _, service := range slices.Sorted(maps.Keys(t.Catalogs)) {
			words = append(words, service+":"+scope.ReadWrite)
		}
		text = strings.Join(words, " ")
	} else if text == "" {
		return nil, errors.New("a token without any scope can do nothing: name at least one, or leave the scope out")
	}
	parsed, err := t.Catalogs.ParseGrants(text)
	if err != nil {
		return nil, fmt.Errorf("the token's scope is not known here: %w", err)
	}
	return parsed, nil
}

// identity is who the claims say calls; not ok if they say nothing clear.
func (c *claims) identity(grants scope.Grants) (id Identity, ok bool) {
	id = Identity{
		Task: c.Task, Client: c.ClientID, TokenID: c.ID, Grant: c.Grant, From: c.From, Grants: grants, Expires: c.Expiry.Time().UTC(),
	}
	if c.Confirm != nil {
		id.Key = c.Confirm.Thumbprint
	}
	var acting []string
	for a := c.Act; a != nil; a = a.Act {
		if len(acting) > MaxChain {
			return Identity{}, false
		}
		acting = append(acting, a.Subject)
	}
	switch c.Profile {
	case profileUser:
		id.User = c.Subject
	case profileAgent:
		acting = append(acting, c.Subject)
	default:
		return Identity{}, false
	}
	if len(acting) == 0 || len(acting) > MaxChain+1 || slices.Contains(acting, "") {
		return Identity{}, false
	}
	id.Agent = acting[0]
	if len(acting) > 1 {
		id.Chain = acting[1:]
	}
	return id, true
}

// newTokenID is a UUIDv7 (RFC 9562, section 5.7) of the given time: iat counts
// seconds, and what was issued before a revocation must be told from what was
// issued after it.
func newTokenID(now time.Time) (string, error) {
	var id uuid.UUID
	if _, err := rand.Read(id[6:]); err != nil {
		return "", err
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id.String(), nil
}

// issued is the time in a token's id, to the millisecond.
func issued(jti string) (time.Time, bool) {
	id, err := uuid.Parse(jti)
	if err != nil || len(jti) != 36 || id.Version() != 7 {
		return time.Time{}, false
	}
	var ms [8]byte
	copy(ms[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:]))), true
}
