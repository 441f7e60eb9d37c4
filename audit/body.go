package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
)

// The leaf of a record that has a body ends in its commitment:
//
//	…,"body":"<SHA-256 of the body's bytes, base64>"}
//
// and the body stands in the line after it, until it is erased:
//
//	["body",{"salt":"…","user":"…","arguments":{…}}]
//
// Erasing writes spaces over the object, so that nothing moves.
const (
	bodyHead = `["body"`
	bodyTail = `]`

	commitmentHead = `,"body":"`
	commitmentTail = `"}`
	commitmentSize = 44 // base64 of 32 bytes
)

func appendCommitment(b, body []byte) []byte {
	sum := sha256.Sum256(body)
	b = append(b, commitmentHead...)
	b = base64.StdEncoding.AppendEncode(b, sum[:])
	return append(b, '"')
}

// commitment returns the hash that a leaf has of its body; nil: it has none.
func commitment(leaf []byte) []byte {
	n := len(leaf) - commitmentSize - len(commitmentTail)
	if n < len(commitmentHead) || !bytes.HasSuffix(leaf, []byte(commitmentTail)) || !bytes.HasSuffix(leaf[:n], []byte(commitmentHead)) {
		return nil
	}
	return leaf[n : n+commitmentSize]
}

// matches reports whether a commitment is to this body.
func matches(commitment, body []byte) bool {
	sum := sha256.Sum256(body)
	var text [commitmentSize]byte
	base64.StdEncoding.Encode(text[:], sum[:])
	return bytes.Equal(commitment, text[:])
}

func appendBodyLine(b, body []byte) []byte {
	b = append(b, bodyHead...)
	b = append(b, ',')
	b = append(b, body...)
	return append(b, bodyTail+"\n"...)
}

func isBodyLine(line []byte) bool { return bytes.HasPrefix(line, []byte(bodyHead)) }

// parseBodyLine returns the body of a line; ok is false where it was erased.
func parseBodyLine(line []byte) (body []byte, ok bool) {
	body, ok = bytes.CutPrefix(line, []byte(bodyHead+","))
	if !ok || len(body) == 0 {
		return nil, false
	}
	return body[:len(body)-len(bodyTail)], true
}
