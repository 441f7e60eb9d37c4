package monitor

import (
	"bytes"
	"time"

	"toolvault/audit"
)

// seen is what the rules look at of a record. Its bytes are the record's own: they
// are copied where they are kept.
type seen struct {
	index int64
	time  time.Time
	phase []byte
	event []byte

	callID, agent, clientID, issuer, clientName []byte
	service, tool, outcome, credential          []byte

	bytes  int64 // result_bytes
	status int64 // of the service
	body   []byte
}

// read finds in a record what the rules look at, without decoding the rest: every
// call pays for it. ok is false for what is no record of ours.
func (s *seen) read(r audit.Raw) (ok bool) {
	*s = seen{index: r.Index, body: r.Body}
	members(r.Leaf, func(key, value []byte) bool {
		switch string(key) {
		case "time":
			ok = s.time.UnmarshalText(textOf(value)) == nil
			return ok
		case "phase":
			s.phase = textOf(value)
		case "event":
			s.event = textOf(value)
		case "call_id":
			s.callID = textOf(value)
		case "agent":
			s.agent = textOf(value)
		case "client_id":
			s.clientID = textOf(value)
		case "issuer":
			s.issuer = textOf(value)
		case "client_name":
			s.clientName = textOf(value)
		case "service":
			s.service = textOf(value)
		case "tool":
			s.tool = textOf(value)
		case "outcome":
			s.outcome = textOf(value)
		case "credential_id": // the last that is looked at, as Append orders them
			s.credential = textOf(value)
			return false
		case "result_bytes":
			s.bytes = intOf(value)
		case "upstream_status":
			s.status = intOf(value)
		}
		return true
	})
	return ok && len(s.phase) > 0
}

// begins reports whether the record stands for a call that was made: each call has
// one of these, and one of ends.
func (s *seen) begins() bool { return string(s.phase) == "call" || string(s.phase) == "intent" }

func (s *seen) ends() bool { return string(s.phase) == "call" || string(s.phase) == "outcome" }

func (s *seen) worked() bool { return string(s.outcome) == "ok" }

// member is the value of a member of the body; nil where there is none, or the
// body is gone.
func (s *seen) member(name string) (found []byte) {
	members(s.body, func(key, value []byte) bool {
		if string(key) == name {
			found = value
			return false
		}
		return true
	})
	return found
}

// from is the address in a message, as refused tokens and sign-ins have it: "from
// ADDRESS: why", or "by password from ADDRESS: why".
func (s *seen) from() (address, rest []byte) {
	text := textOf(s.member("message"))
	head, rest, _ := bytes.Cut(text, []byte(": "))
	if i := bytes.LastIndex(head, []byte("from ")); i == 0 || i > 0 && head[i-1] == ' ' {
		return head[i+len("from "):], rest
	}
	return nil, text
}

// what names the record for people.
func (s *seen) what() string {
	name := s.tool
	if len(name) == 0 {
		name = s.event
	}
	text := string(name)
	if len(s.outcome) > 0 && !s.worked() {
		text += ": " + string(s.outcome)
	}
	return text
}
