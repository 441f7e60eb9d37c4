package trace

import (
	"encoding/hex"
	"strings"
)

// Context is what crosses the border between two programs: W3C Trace Context,
// level 2. The zero one is none.
type Context struct {
	Trace [16]byte
	Span  [8]byte
	Flags byte   // FlagSampled and FlagRandom; no others are sent
	State string // of other tracing systems; empty: nothing, or nothing that can be read
}

// Flags of a traceparent (section 3.2.2.5).
const (
	FlagSampled = 1 // whoever sent it records the trace
	FlagRandom  = 2 // the trace id is random
)

const (
	parentLength  = 55  // 00-<32>-<16>-<2>
	maxParent     = 110 // of a version that is not known yet
	maxState      = 512 // characters, section 3.3.1.5
	maxStateParts = 32
)

// Parse reads a traceparent and the tracestate beside it. ok is false where the
// traceparent is malformed; a malformed or long tracestate is dropped (section
// 4.3).
func Parse(parent, state string) (c Context, ok bool) {
	if len(parent) < parentLength || len(parent) > maxParent ||
		parent[2] != '-' || parent[35] != '-' || parent[52] != '-' {
		return Context{}, false
	}
	version, flags := parent[0:2], parent[53:55]
	switch {
	case !lowerHex(version), version == "ff",
		version == "00" && len(parent) != parentLength,
		len(parent) > parentLength && parent[parentLength] != '-',
		!lowerHex(parent[3:35]), !lowerHex(parent[36:52]), !lowerHex(flags):
		return Context{}, false
	}
	var bits [1]byte
	for _, part := range []struct {
		to   []byte
		from string
	}{{c.Trace[:], parent[3:35]}, {c.Span[:], parent[36:52]}, {bits[:], flags}} {
		if _, err := hex.Decode(part.to, []byte(part.from)); err != nil {
			return Context{}, false
		}
	}
	if c.Trace == [16]byte{} || c.Span == [8]byte{} {
		return Context{}, false
	}
	c.Flags = bits[0] & (FlagSampled | FlagRandom)
	if goodState(state) {
		c.State = state
	}
	return c, true
}

// Valid reports whether it is one.
func (c Context) Valid() bool { return c.Trace != [16]byte{} && c.Span != [8]byte{} }

// Sampled reports whether its sender records the trace.
func (c Context) Sampled() bool { return c.Flags&FlagSampled != 0 }

// TraceID is the trace id in hex; empty if there is none.
func (c Context) TraceID() string {
	if c.Trace == [16]byte{} {
		return ""
	}
	return hex.EncodeToString(c.Trace[:])
}

// Parent is the context as a traceparent, of version 00.
func (c Context) Parent() string {
	b := make([]byte, 0, parentLength)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, c.Trace[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, c.Span[:])
	b = append(b, '-')
	return string(hex.AppendEncode(b, []byte{c.Flags}))
}

// goodState holds a tracestate to its grammar (section 3.3.1): so no byte that
// is none of a header, and no key twice.
func goodState(s string) bool {
	if s == "" || len(s) > maxState {
		return false
	}
	var seen [maxStateParts]string
	n := 0
	for part := range strings.SplitSeq(s, ",") {
		part = strings.Trim(part, " \t")
		if part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok || n == maxStateParts || !goodStateKey(key) || !goodStateValue(value) {
			return false
		}
		for _, other := range seen[:n] {
			if other == key {
				return false
			}
		}
		seen[n] = key
		n++
	}
	return n > 0
}

// goodStateKey: a-z or a digit, then up to 255 of a-z 0-9 _ - * / @.
func goodStateKey(key string) bool {
	if key == "" || len(key) > 256 {
		return false
	}
	for i := range len(key) {
		c := key[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case i > 0 && strings.IndexByte("_-*/@", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// goodStateValue: up to 256 of %x20-7E but comma and equals, no space at the end.
func goodStateValue(value string) bool {
	if value == "" || len(value) > 256 || value[len(value)-1] == ' ' {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c > 0x7e || c == ',' || c == '=' {
			return false
		}
	}
	return true
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
