package vault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxSecret is the most bytes that a secret may have.
const MaxSecret = 64 << 10

// Stored is what the vault keeps of one credential.
type Stored struct {
	Type     string
	Secret   Secret    // the key or access token; may be empty where there is a Refresh
	Refresh  Secret    // OAuth refresh token; empty: none
	Old      Secret    // of a static key: the one before it, tried where the service refuses this one
	Issued   time.Time // when the access token was; zero: not known
	Expires  time.Time // of the access token; zero: unknown or never
	Scope    string    // what the service said it granted, as it said it
	Account  string    // whose it is, as the service says: "workspace Acme (T024BE7LD)"
	Instance string    // where the token endpoint says that the service is; "" where it says nothing
	User     string    // the person for whom consent was given; "": the agent itself, or not known here
	Basis    string    // of a token that was obtained for a secret: a fingerprint of the secret

	State     State     // StateOK, StateNeedsConsent, StateBroken or StateRevoked: what was found out last
	Reason    string    // one sentence, where the last attempt to refresh failed
	Attempt   time.Time // when a refresh was begun whose end is not on record; zero: none
	Refreshed time.Time // the last success
	Failed    time.Time // the last failure

	Created, Updated time.Time
}

// A record is a byte for its form and then fields: a tag byte, the length as a
// uvarint, the bytes. Decoding JSON would cost more than opening the seal.
const recordForm = 1

const (
	tagType byte = iota + 1
	tagSecret
	tagRefresh
	tagExpires
	tagScope
	tagCreated
	tagUpdated
	tagOld
	tagIssued
	tagAccount
	tagBasis
	tagState
	tagReason
	tagAttempt
	tagRefreshed
	tagFailed
	tagUser
	tagInstance
)

var errNewerRecord = errors.New("it was written by a newer version of toolvault: run that one")

func (s Stored) encode() []byte {
	b := make([]byte, 0, 64+len(s.Secret.Reveal())+len(s.Refresh.Reveal())+len(s.Scope))
	b = append(b, recordForm)
	text := func(tag byte, v string) {
		if v != "" {
			b = append(b, tag)
			b = binary.AppendUvarint(b, uint64(len(v)))
			b = append(b, v...)
		}
	}
	moment := func(tag byte, t time.Time) {
		if !t.IsZero() {
			b = append(b, tag, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
		}
	}
	text(tagType, s.Type)
	text(tagSecret, s.Secret.Reveal())
	text(tagRefresh, s.Refresh.Reveal())
	moment(tagExpires, s.Expires)
	text(tagScope, s.Scope)
	moment(tagCreated, s.Created)
	moment(tagUpdated, s.Updated)
	text(tagOld, s.Old.Reveal())
	moment(tagIssued, s.Issued)
	text(tagAccount, s.Account)
	text(tagBasis, s.Basis)
	text(tagState, string(s.State))
	text(tagReason, s.Reason)
	moment(tagAttempt, s.Attempt)
	moment(tagRefreshed, s.Refreshed)
	moment(tagFailed, s.Failed)
	text(tagUser, s.User)
	text(tagInstance, s.Instance)
	return b
}

func decodeStored(b []byte) (Stored, error) {
	var s Stored
	if len(b) == 0 {
		return s, errors.New("it is empty")
	}
	if b[0] != recordForm {
		return s, errNewerRecord
	}
	for b = b[1:]; len(b) > 0; {
		tag := b[0]
		n, used := binary.Uvarint(b[1:])
		if used <= 0 || n > uint64(len(b)-1-used) {
			return Stored{}, errors.New("it is cut off")
		}
		field := b[1+used : 1+used+int(n)]
		b = b[1+used+int(n):]
		var err error
		switch tag {
		case tagType:
			s.Type = string(field)
		case tagSecret:
			s.Secret = NewSecret(string(field))
		case tagRefresh:
			s.Refresh = NewSecret(string(field))
		case tagExpires:
			s.Expires, err = moment(field)
		case tagScope:
			s.Scope = string(field)
		case tagCreated:
			s.Created, err = moment(field)
		case tagUpdated:
			s.Updated, err = moment(field)
		case tagOld:
			s.Old = NewSecret(string(field))
		case tagIssued:
			s.Issued, err = moment(field)
		case tagAccount:
			s.Account = string(field)
		case tagBasis:
			s.Basis = string(field)
		case tagState:
			s.State = State(field)
		case tagReason:
			s.Reason = string(field)
		case tagAttempt:
			s.Attempt, err = moment(field)
		case tagRefreshed:
			s.Refreshed, err = moment(field)
		case tagFailed:
			s.Failed, err = moment(field)
		case tagUser:
			s.User = string(field)
		case tagInstance:
			s.Instance = string(field)
		default:
			err = errNewerRecord
		}
		if err != nil {
			return Stored{}, err
		}
	}
	return s, nil
}

func moment(b []byte) (time.Time, error) {
	if len(b) != 8 {
		return time.Time{}, errors.New("a time in it is malformed")
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC(), nil
}

// checkName holds the name of a record against its rule: segments of a-z 0-9 . _
// @ - with slashes between, 200 bytes at most, as in "slack/support-agent-1".
func checkName(name string) error {
	if name == "" || len(name) > 200 {
		return fmt.Errorf("the name of a credential has 1 to 200 characters, as in slack/support-agent-1; this one has %d", len(name))
	}
	for segment := range strings.SplitSeq(name, "/") {
		if strings.Trim(segment, "abcdefghijklmnopqrstuvwxyz0123456789._@-") != "" || strings.Trim(segment, ".") == "" {
			return fmt.Errorf("%q is no name for a credential: use a-z 0-9 . _ @ - in parts divided by slashes, as in slack/support-agent-1", name)
		}
	}
	return nil
}

var errEmptySecret = errors.New("the secret is empty")

// checkLine holds a secret of one line against its rule: no control characters,
// which no header takes.
func checkLine(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return errors.New("the secret has a line break or another control character in it: was more than the secret pasted?")
	}
	return nil
}

func (s Stored) check(now time.Time) error {
	if !s.Refresh.Empty() {
		if s.Type != TypeOAuthToken {
			return fmt.Errorf("only an %s has a refresh token", TypeOAuthToken)
		}
		if err := CheckSecret(s.Type, s.Refresh, now); err != nil {
			return fmt.Errorf("refresh token: %w", err)
		}
		if s.Secret.Empty() {
			return nil
		}
	}
	return CheckSecret(s.Type, s.Secret, now)
}
