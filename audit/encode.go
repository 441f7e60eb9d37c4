package audit

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// A record line is made without its index, which is known only under the lock:
// callers encode side by side, and the index is put in front later.
const indexHead = `{"index":`

const (
	maxLeaf  = 1<<16 - 1 // bytes of what is hashed: an entry of a tlog-tiles bundle (c2sp.org/tlog-tiles)
	saltSize = 16        // bytes
)

// ErrRecordTooLarge is in the error of an Append whose record is larger than the
// log takes: 64 KiB of what stays for ever, 256 KiB of what may be erased.
var ErrRecordTooLarge = errors.New("audit record is too large")

// encoded is a record on its way into the log.
type encoded struct {
	leaf []byte // what the tree hashes, without its index: from the comma on
	body []byte // what may be erased, and what the leaf commits to; nil: nothing
	key  string // that takes over with this record; "": none
}

// encodeRecord does what encoding/json would, at a fifth of the cost, since each
// call pays for it. What a person may demand to have erased goes to the body:
// the leaf has only its hash, and a salt in the body keeps anybody from finding
// by trial what an erased one said.
func encodeRecord(r Record) (encoded, error) {
	switch r.Phase {
	case PhaseCall, PhaseEvent:
	case PhaseIntent, PhaseOutcome:
		if r.CallID == "" {
			return encoded{}, fmt.Errorf("audit record of phase %q has no call id", r.Phase)
		}
	default:
		return encoded{}, fmt.Errorf("audit record has the unknown phase %q", r.Phase)
	}
	body, err := encodeBody(r)
	if err != nil {
		return encoded{}, err
	}
	f := fields{b: make([]byte, 0, 1280)}
	f.time("time", r.Time)
	f.text("phase", string(r.Phase))
	f.text("event", r.Event)
	f.text("call_id", r.CallID)
	f.text("tool_call_id", r.ToolCallID)
	f.text("correlation_id", r.CorrelationID)
	f.text("repeat_of", r.RepeatOf)
	f.text("agent", r.Agent)
	f.texts("chain", r.Chain)
	f.text("admin", r.Admin)
	f.text("task", r.Task)
	f.text("token_id", r.TokenID)
	f.text("client_id", r.ClientID)
	f.text("issuer", r.Issuer)
	f.text("client_name", r.ClientName)
	f.text("client_version", r.ClientVersion)
	f.text("transport", r.Transport)
	f.text("service", r.Service)
	f.text("tool", r.Tool)
	f.text("tool_digest", r.ToolDigest)
	f.yes("write", r.Write)
	f.int("result_bytes", int64(r.ResultBytes))
	f.text("outcome", r.Outcome)
	f.int("upstream_status", int64(r.UpstreamStatus))
	f.text("upstream_id", r.UpstreamID)
	f.int("retries", int64(r.Retries))
	if r.Deadline != nil {
		f.time("deadline", *r.Deadline)
	}
	f.text("credential_id", r.CredentialID)
	f.int("credential_version", r.CredentialVersion)
	f.text("credential_type", r.CredentialType)
	f.text("account", r.Account)
	f.text("scope", r.Scope)
	f.text("rule", r.Rule)
	f.steps("ms", r.Millis)
	f.spans("spans", r.Spans)
	f.text("key", r.Key)
	if body != nil {
		f.b = appendCommitment(f.b, body)
	}
	f.b = append(f.b, '}')
	if f.err != nil {
		return encoded{}, fmt.Errorf("audit record cannot be written as JSON: %w", f.err)
	}
	if n := len(indexHead) + segmentDigits + len(f.b); n > maxLeaf {
		return encoded{}, fmt.Errorf("%w: %d bytes without arguments, result and message", ErrRecordTooLarge, n)
	}
	e := encoded{leaf: f.b, body: body}
	if r.Event == EventKey {
		e.key = r.Key
	}
	return e, nil
}

// encodeBody returns the part that may be erased, nil where there is nothing of it.
func encodeBody(r Record) ([]byte, error) {
	if r.User == "" && len(r.Arguments) == 0 && len(r.Result) == 0 && r.ResultDigest == "" && r.Message == "" && r.AccountLabel == "" {
		return nil, nil
	}
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // since Go 1.24 it cannot fail
	f := fields{b: make([]byte, 0, 192+len(r.Arguments)+len(r.Result)+len(r.Message))}
	f.b = append(f.b, `{"salt":"`...)
	f.b = base64.RawStdEncoding.AppendEncode(f.b, salt[:])
	f.b = append(f.b, '"')
	f.text("user", r.User)
	f.json("arguments", r.Arguments)
	f.json("result", r.Result)
	f.text("result_digest", r.ResultDigest)
	f.text("message", r.Message)
	f.text("account_label", r.AccountLabel)
	f.b = append(f.b, '}')
	if f.err != nil {
		return nil, fmt.Errorf("audit record cannot be written as JSON: %w", f.err)
	}
	if len(f.b) > maxBody {
		return nil, fmt.Errorf("%w (%d bytes): bound its arguments and result first", ErrRecordTooLarge, len(f.b))
	}
	return f.b, nil
}

// fields appends members to a JSON object; one that is empty is left out.
type fields struct {
	b   []byte
	err error
}

func (f *fields) name(name string) {
	f.b = append(f.b, ',', '"')
	f.b = append(f.b, name...)
	f.b = append(f.b, '"', ':')
}

func (f *fields) text(name, value string) {
	if value != "" {
		f.name(name)
		f.b = appendJSONString(f.b, value)
	}
}

func (f *fields) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	f.name(name)
	f.b = append(f.b, '[')
	for i, value := range values {
		if i > 0 {
			f.b = append(f.b, ',')
		}
		f.b = appendJSONString(f.b, value)
	}
	f.b = append(f.b, ']')
}

func (f *fields) spans(name string, spans []Span) {
	if len(spans) > 0 {
		raw, err := json.Marshal(spans)
		f.err = errors.Join(f.err, err)
		f.json(name, raw)
	}
}

func (f *fields) int(name string, value int64) {
	if value != 0 {
		f.name(name)
		f.b = strconv.AppendInt(f.b, value, 10)
	}
}

func (f *fields) yes(name string, value bool) {
	if value {
		f.name(name)
		f.b = append(f.b, "true"...)
	}
}

func (f *fields) time(name string, t time.Time) {
	f.name(name)
	f.b = append(f.b, '"')
	b, err := t.UTC().AppendText(f.b)
	if err != nil {
		f.err = err
		return
	}
	f.b = append(b, '"')
}

// json appends a value on one line. What is no JSON is an error: it would make
// the line unreadable.
func (f *fields) json(name string, raw json.RawMessage) {
	if len(raw) == 0 {
		return
	}
	f.name(name)
	buf := bytes.NewBuffer(f.b)
	if err := json.Compact(buf, raw); err != nil {
		f.err = fmt.Errorf("%s: %w", name, err)
	}
	f.b = buf.Bytes()
}

func (f *fields) steps(name string, s Steps) {
	if s == (Steps{}) {
		return
	}
	f.name(name)
	f.b = append(f.b, '{')
	first := true
	for _, step := range [...]struct {
		name   string
		millis float64
	}{
		{"audit", s.Audit}, {"once", s.Once}, {"policy", s.Policy}, {"result", s.Result}, {"schema", s.Schema},
		{"tool", s.Tool}, {"total", s.Total}, {"upstream", s.Upstream}, {"vault", s.Vault},
	} {
		if step.millis == 0 {
			continue
		}
		if math.IsNaN(step.millis) || math.IsInf(step.millis, 0) {
			f.err = fmt.Errorf("%s.%s is no number", name, step.name)
			return
		}
		if !first {
			f.b = append(f.b, ',')
		}
		first = false
		f.b = append(f.b, '"')
		f.b = append(f.b, step.name...)
		f.b = append(f.b, '"', ':')
		f.b = strconv.AppendFloat(f.b, step.millis, 'g', -1, 64)
	}
	f.b = append(f.b, '}')
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendJSONString[T ~string | ~[]byte](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			i++
			start = i
			continue
		}
		i += n
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
