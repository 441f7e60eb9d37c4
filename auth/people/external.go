package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/vault/store"
)

// External is somebody whom the company's OpenID provider has identified, and whose
// ID token has been verified: nothing here checks it again.
type External struct {
	Issuer  string   // iss, 512 bytes at most
	Subject string   // sub, 255 bytes at most (OpenID Connect Core 1.0, section 2)
	Session string   // sid, 512 bytes at most; "" if the provider names none
	Name    string   // as CheckName wants it
	Groups  []string // 1000 at most, of 256 bytes each
}

const (
	maxIssuer, maxSubject, maxSession = 512, 255, 512
	// MaxGroups and MaxGroup bound the groups of an External, and one of them in bytes.
	MaxGroups, MaxGroup = 1000, 256

	// justEnded is how long after a logout no sign-in of the same person or session is
	// taken: one that the provider let through before may arrive after.
	justEnded = 5 * time.Second
)

// Errors of EnterExternal, besides *NameTakenError.
var (
	ErrDisabled  = errors.New("this person is disabled: whoever runs toolvault can enable them")
	ErrJustEnded = errors.New("the company's provider has ended this session a moment ago: sign in again in a few seconds")
)

// NameTakenError refuses a person of the company's provider whose name belongs to
// somebody else: a person who signs in here, or another subject of the provider.
// Nobody takes over what that person has.
type NameTakenError struct {
	Name   string
	Origin string // of the person who has it: FromAdmin, FromConfig or FromCompany
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the name %s belongs to another person (%s): whoever runs toolvault has to remove that person, or the provider has to send another name", clip(e.Name, 128), e.Origin)
}

// Check refuses what EnterExternal would refuse, whoever it is.
func (e External) Check() error {
	for _, c := range []struct {
		what, value string
		most        int
		empty       bool
	}{{"issuer", e.Issuer, maxIssuer, false}, {"subject", e.Subject, maxSubject, false}, {"session", e.Session, maxSession, true}} {
		if len(c.value) > c.most || c.value == "" && !c.empty {
			return fmt.Errorf("the provider's %s has %d bytes: 1 to %d are taken", c.what, len(c.value), c.most)
		}
	}
	if len(e.Groups) > MaxGroups || slices.ContainsFunc(e.Groups, func(g string) bool { return len(g) > MaxGroup }) {
		return fmt.Errorf("the provider names more than %d groups, or one of more than %d bytes: have it send fewer", MaxGroups, MaxGroup)
	}
	return CheckName(e.Name)
}

// groups are those of e, in order and once each.
func (e External) groups() []string {
	if len(e.Groups) == 0 {
		return nil
	}
	groups := slices.Clone(e.Groups)
	slices.Sort(groups)
	return slices.Compact(groups)
}

// is reports whether r is the person of e.
func (r record) is(issuer, subject string) bool {
	return r.Origin == FromCompany && r.Issuer == issuer && r.Subject == subject
}

// EnterExternal signs somebody in whom the company's provider has identified. It
// makes their record the first time, and finds it again by issuer and subject. The
// name is the one of the first time, whatever the provider calls them later: agents
// and credentials are bound to it. The groups are those of e.
//
// It begins a session, sets cookies on w and renews the token of forms, as a sign-in
// with a password does. An error means that nobody is signed in: a *NameTakenError,
// ErrDisabled, ErrJustEnded, one about e itself, or of the store.
func (p *People) EnterExternal(w http.ResponseWriter, r *http.Request, e External) error {
	if err := e.Check(); err != nil {
		return err
	}
	ctx, address := r.Context(), client(r)
	rec, news, err := p.meet(ctx, e)
	var taken *NameTakenError
	if errors.As(err, &taken) || errors.Is(err, ErrDisabled) || errors.Is(err, ErrJustEnded) {
		failure := Event{Kind: SignInFailed, Person: rec.Name, Address: address, How: ByCompany, Reason: err.Error()}
		if err := p.Observe(ctx, failure); err != nil {
			return fmt.Errorf("a failed sign-in could not be recorded: %w", err)
		}
	}
	if err != nil {
		return err
	}
	for _, event := range news {
		event.Person, event.Address, event.How = rec.Name, address, ByCompany
		if err := p.Observe(ctx, event); err != nil {
			return fmt.Errorf("a change of %s could not be recorded: %w", rec.Name, err)
		}
	}
	from := origin{How: ByCompany, Issuer: e.Issuer}
	if e.Session != "" {
		if from.Provider, from.ProviderGeneration, err = p.joinProvider(ctx, e, rec.Name); err != nil {
			return err
		}
	}
	return p.enter(w, r, rec, from)
}

// meet finds or makes the person of e, and brings their groups up to date. news are
// what has changed. Of somebody who is refused the record holds the name alone.
func (p *People) meet(ctx context.Context, e External) (rec record, news []Event, err error) {
	key := subjectKey(e.Issuer, e.Subject)
	for {
		var index subject
		version, err := p.get(ctx, key, &index)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return record{}, nil, fmt.Errorf("the provider's subject could not be looked up: %w", err)
		}
		name := e.Name
		if index.Person != "" {
			stored, _, err := p.stored(ctx, index.Person)
			if err != nil && !errors.Is(err, ErrUnknown) {
				return record{}, nil, err
			}
			// A person who was removed comes back under the old name, unless somebody
			// else has it by now.
			if !stored.exists() || stored.Origin == FromConfig || stored.is(e.Issuer, e.Subject) {
				name = index.Person
			}
		}
		stored, _, err := p.stored(ctx, name)
		if err != nil && !errors.Is(err, ErrUnknown) {
			return record{}, nil, err
		}
		if err := p.free(name, e, stored); err != nil {
			return record{}, nil, err
		}
		// The index comes first: a person whom it does not name could not be found again
		// after the provider has changed the name.
		if index.Person != name || !stored.exists() { // of somebody who was removed: see Remove
			err := p.put(ctx, key, version+1, subject{Person: name})
			if errors.Is(err, store.ErrConflict) {
				continue
			}
			if err != nil {
				return record{}, nil, fmt.Errorf("the provider's subject could not be stored: %w", err)
			}
		}
		_, err = p.edit(ctx, name, true, func(r *record) error {
			news = nil
			if err := p.free(name, e, *r); err != nil {
				return err
			}
			rec = record{Name: r.Name}
			if !r.exists() || r.Origin == FromConfig {
				*r = record{
					Name: name, Created: p.Now().UTC().Truncate(time.Millisecond), Generation: newGeneration(),
					Origin: FromCompany, Issuer: e.Issuer, Subject: e.Subject, Groups: e.groups(),
				}
				news = append(news, Event{Kind: Added, Reason: groupsNote(r.Groups)})
			}
			switch since := p.Now().Sub(r.Ended); {
			case r.Disabled:
				return ErrDisabled
			case since >= 0 && since < justEnded:
				return ErrJustEnded
			}
			if !slices.Equal(r.Groups, e.groups()) {
				r.Groups = e.groups()
				news = append(news, Event{Kind: GroupsChanged, Reason: groupsNote(r.Groups)})
			}
			rec = *r
			return nil
		})
		return rec, news, err
	}
}

func groupsNote(groups []string) string {
	if len(groups) == 0 {
		return "in no groups"
	}
	return clip(fmt.Sprintf("in the groups %q", groups), 500)
}

// free reports whether e may have the name under which the store holds a record.
func (p *People) free(name string, e External, stored record) error {
	declared, ok := p.declared.Load().people[fold(name)]
	switch {
	case ok:
		return &NameTakenError{Name: declared.Name, Origin: FromConfig}
	case stored.exists() && stored.Origin != FromConfig && !stored.is(e.Issuer, e.Subject):
		return &NameTakenError{Name: stored.Name, Origin: stored.person().Origin}
	}
	return nil
}

const subjectPrefix = "subject/"

// subject is what lies sealed under subject/<hash of issuer and subject>.
type subject struct {
	Person string `json:"person"`
}

func subjectKey(issuer, sub string) string { return subjectPrefix + pairHash(issuer, sub) }

func pairHash(issuer, of string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + of))
	return hex.EncodeToString(sum[:])
}

// EndExternal is a logout that the company's provider tells of (OpenID Connect
// Back-Channel Logout 1.0). With a session (sid) it ends all sessions that began in
// that one; with a subject alone, or where the session is not known here, all of
// that person's. The next request of those browsers, at any process, is nobody's.
//
// persons are those who are affected, by name, also where their sessions here had
// ended before: tokens may have been issued in them. Nobody is no error.
func (p *People) EndExternal(ctx context.Context, issuer, subject, session string) (persons []string, err error) {
	if issuer == "" || subject == "" && session == "" {
		return nil, errors.New("a logout needs an issuer, and a subject or a session")
	}
	known := false
	if session != "" {
		if persons, known, err = p.endProvider(ctx, issuer, session); err != nil {
			return nil, err
		}
	}
	if subject != "" {
		name, err := p.endSubject(ctx, issuer, subject, !known)
		if err != nil {
			return nil, err
		}
		if name != "" && !slices.Contains(persons, name) {
			persons = append(persons, name)
		}
	}
	slices.Sort(persons)
	for _, name := range persons {
		if err := p.Observe(ctx, Event{Kind: SignedOut, Person: name, How: ByCompany, Reason: "the company's provider ended the session"}); err != nil {
			return persons, fmt.Errorf("the sessions of %s are ended, but that could not be recorded: %w", strings.Join(persons, ", "), err)
		}
	}
	return persons, nil
}

// endSubject returns whose the subject is, "" if nobody's, and ends all of their
// sessions if asked to.
func (p *People) endSubject(ctx context.Context, issuer, sub string, sessions bool) (name string, err error) {
	var index subject
	_, err = p.get(ctx, subjectKey(issuer, sub), &index)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the provider's subject could not be looked up: %w", err)
	}
	_, err = p.edit(ctx, index.Person, true, func(r *record) error {
		name = ""
		if !r.is(issuer, sub) {
			return errOther
		}
		name = r.Name
		if sessions {
			r.Generation, r.Ended = newGeneration(), p.Now().UTC()
		}
		return nil
	})
	if errors.Is(err, errOther) {
		return "", nil
	}
	return name, err
}

var errOther = errors.New("somebody else")
