package proof

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// The text of an inclusion proof (c2sp.org/tlog-proof):
//
//	c2sp.org/tlog-proof@v1
//	index 73894
//	<hash, base64>        from the leaf's sibling up
//	…
//
//	<checkpoint, a signed note>
const textHead = "c2sp.org/tlog-proof@v1\n"

const (
	maxText   = 128 << 10 // bytes; cosignatures take most of them
	maxHashes = 63        // of a tree of int64 records
)

func formatText(index int64, proof tlog.RecordProof, checkpoint []byte) string {
	var b strings.Builder
	b.WriteString(textHead)
	b.WriteString("index " + strconv.FormatInt(index, 10) + "\n")
	for _, h := range proof {
		b.WriteString(h.String() + "\n")
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.String()
}

// inclusion is what such a text says.
type inclusion struct {
	index int64
	proof tlog.RecordProof
	note  []byte
}

func parseText(text string) (inclusion, error) {
	var p inclusion
	bad := errors.New("the proof is not in the form c2sp.org/tlog-proof@v1")
	rest, ok := strings.CutPrefix(text, textHead)
	if !ok || len(text) > maxText {
		return p, bad
	}
	line, rest, ok := strings.Cut(rest, "\n")
	if strings.HasPrefix(line, "extra ") { // of others' making: nothing depends on it
		line, rest, ok = strings.Cut(rest, "\n")
	}
	digits, is := strings.CutPrefix(line, "index ")
	if !ok || !is {
		return p, bad
	}
	var err error
	if p.index, err = strconv.ParseInt(digits, 10, 64); err != nil || p.index < 0 || strconv.FormatInt(p.index, 10) != digits {
		return p, bad
	}
	for {
		if line, rest, ok = strings.Cut(rest, "\n"); !ok {
			return p, bad
		}
		if line == "" {
			p.note = []byte(rest)
			return p, nil
		}
		h, err := tlog.ParseHash(line)
		if err != nil || h.String() != line || len(p.proof) == maxHashes {
			return p, bad
		}
		p.proof = append(p.proof, h)
	}
}
