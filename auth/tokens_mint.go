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
	User   string        // the person it acts for; may be empty; at most 256 bytes
	Task   string        // a task of the agent; may be empty
	Client string        // OAuth client id; empty: the agent's id
	Grants scope.Grants  // nil: all that the task needs; without a task: everything
	TTL    time.Duration // 0: DefaultTTL
}

// claims is the payload. sub is the agent: policy, credentials and the audit log
// are about agents. The person for whom it acts stands in act.sub: the actor
// chain of RFC 8693, section 4.1, read in the direction that a tool server needs,
// from the program that calls to the person behind it.
type claims struct {
	jwt.Claims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"` // RFC 8693, section 4.2, each word prefixed by its service
	Task     string `json:"task,omitempty"`
	Act      *actor `json:"act,omitempty"`
}

type actor struct {
	Subject string `json:"sub"`
}

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
	ttl := r.TTL
	if ttl == 0 {
		ttl = DefaultTTL
	}
	now := t.issueTime(r.Agent)
	jti, err := newTokenID(now)
	if err != nil {
		return "", Identity{}, err
	}
	expires := now.Add(ttl).Truncate(time.Second)
	c := claims{
		Claims: jwt.Claims{
			Issuer: t.Issuer, Subject: agent.ID, Audience: jwt.Audience{t.Audience}, ID: jti,
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expires),
		},
		ClientID: r.Client, Scope: grants.String(), Task: r.Task,
	}
	if c.ClientID == "" {
		c.ClientID = agent.ID
	}
	if r.User != "" {
		c.Act = &actor{r.User}
	}
	token, err := jwt.Signed(t.keys.Load().signing).Claims(c).Serialize()
	switch {
	case err != nil:
		return "", Identity{}, fmt.Errorf("the token could not be signed: %w", err)
	case len(token) > maxToken:
		return "", Identity{}, fmt.Errorf("the token would have %d bytes, at most %d are accepted: ask for fewer scopes", len(token), maxToken)
	}
	return token, c.identity(grants), nil
}

func (t *Tokens) mintFor(r Request) (Agent, error) {
	agent, ok := t.Agents.Get(r.Agent)
	switch {
	case !ok:
		return Agent{}, t.Agents.unknown(r.Agent)
	case agent.Suspended:
		return Agent{}, fmt.Errorf("agent %q is suspended: resume it with `toolvault agent resume %s`", agent.ID, agent.ID)
	}
	if r.TTL != 0 {
		if err := CheckTTL(r.TTL); err != nil {
			return Agent{}, err
		}
	}
	for what, text := range map[string]string{"user": r.User, "client": r.Client} {
		if len(text) > 256 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return Agent{}, fmt.Errorf("the %s of a token is at most 256 bytes of plain text, without control characters", what)
		}
	}
	return agent, nil
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

func (c *claims) identity(grants scope.Grants) Identity {
	id := Identity{
		Agent: c.Subject, Task: c.Task, Client: c.ClientID, TokenID: c.ID,
		Grants: grants, Expires: c.Expiry.Time().UTC(),
	}
	if c.Act != nil {
		id.User = c.Act.Subject
	}
	return id
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
