package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
	"toolvault/audit/anchor"
)

// The states of a body in a file.
const (
	BodyShown  = "shown"
	BodyAbsent = "absent" // it was erased, or is withheld: the file cannot tell which
	BodyNone   = "none"   // the record never had one
)

// Report is what a file proves.
type Report struct {
	Log      string        `json:"log"`               // its origin, as in its key
	CallID   string        `json:"call_id,omitempty"` // of all the records
	TreeSize int64         `json:"tree_size"`         // records in the signed tree
	Root     string        `json:"root"`              // of that tree, base64
	Cosigned []Cosignature `json:"cosigned,omitempty"`
	Records  []Proved      `json:"records"`
}

// Proved is a record that is in the log.
type Proved struct {
	Index  int64        `json:"index"`
	Body   string       `json:"body"` // one of the states
	Record audit.Record `json:"record"`
}

// Cosignature is by one of the witnesses that were asked for.
type Cosignature struct {
	Witness string    `json:"witness"` // its name, as in its key
	Time    time.Time `json:"time"`
}

// CheckKey reports whether a text is the verifier key of a log.
func CheckKey(key string) error {
	_, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return errors.New("the key is not of the form name+hash+base64: copy it from `toolvault audit key`")
	}
	return nil
}

// Verify checks a file against the log's verifier key, and that each of the
// witnesses whose keys are given has cosigned. It needs no log, no network and no
// secret, and every byte of the file may be hostile. The error says in one
// sentence why the file proves nothing.
func Verify(text []byte, key string, witnessKeys ...string) (*Report, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return nil, err
	}
	f, err := decode(text)
	if err != nil {
		return nil, err
	}
	r := &Report{Log: verifier.Name(), CallID: f.CallID}
	v := verification{keys: []note.Verifier{verifier}, witnesses: witnessKeys, report: r, checked: map[string]anchor.Checkpoint{}}
	for i := range f.Keys {
		if err := v.handover(&f.Keys[i]); err != nil {
			return nil, err
		}
	}
	for i := range f.Records {
		if err := v.record(&f.Records[i]); err != nil {
			return nil, err
		}
	}
	if err := oneCall(r); err != nil {
		return nil, err
	}
	return r, nil
}

type verification struct {
	keys      []note.Verifier // the one that was given, and those that took over from it
	witnesses []string
	report    *Report
	checked   map[string]anchor.Checkpoint // notes whose signatures are good
}

func (v *verification) record(r *record) error {
	if len(r.Leaf) > maxLeaf {
		return fmt.Errorf("a record has more than %d bytes", maxLeaf)
	}
	p, err := parseText(r.Proof)
	if err != nil {
		return err
	}
	c, err := v.checkpoint(p.note)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(p.proof, c.Size, c.Root, p.index, tlog.RecordHash([]byte(r.Leaf))); err != nil {
		return fmt.Errorf("the record is not in the signed tree at index %d: it, or its proof, was changed", p.index)
	}
	body, err := r.body()
	if err != nil {
		return err
	}
	state, err := bodyState(r.Leaf, body, p.index)
	if err != nil {
		return err
	}
	rec, err := audit.Raw{Index: p.index, Leaf: []byte(r.Leaf), Body: body}.Record()
	if err != nil {
		return err
	}
	if rec.Index != p.index {
		return fmt.Errorf("the record says that it is number %d, and is number %d", rec.Index, p.index)
	}
	rec.Erased = false // a body that is not in the file may only be withheld
	v.report.Records = append(v.report.Records, Proved{p.index, state, rec})
	if c.Size >= v.report.TreeSize {
		v.report.TreeSize, v.report.Root = c.Size, c.Root.String()
	}
	return nil
}

// handover takes in a record by which a key gave way to the next. It counts only
// under the signature of a key that is trusted already: those of before the key
// that was given are passed over.
func (v *verification) handover(r *record) error {
	p, err := parseText(r.Proof)
	if err != nil {
		return err
	}
	c, err := anchor.Parse(p.note)
	if err != nil {
		return err
	}
	if err := v.signed(p.note, c); errors.Is(err, ErrOtherKey) {
		return nil
	} else if err != nil {
		return err
	}
	if len(r.Leaf) > maxLeaf || r.Body != "" || r.BodyBase64 != "" ||
		tlog.CheckRecord(p.proof, c.Size, c.Root, p.index, tlog.RecordHash([]byte(r.Leaf))) != nil {
		return errors.New("a record of a key that took over is not in the signed tree: it, or its proof, was changed")
	}
	key, ok := audit.NamedKey([]byte(r.Leaf))
	if !ok {
		return errors.New("what the file has as a change of the key is none")
	}
	next, err := note.NewVerifier(key)
	if err != nil || next.Name() != v.keys[0].Name() {
		return errors.New("the key that took over cannot be read, or is of another log")
	}
	v.keys = append(v.keys, next)
	return nil
}

// signed checks that a checkpoint is of the log, and signed with a key of it that
// is trusted.
func (v *verification) signed(msg []byte, c anchor.Checkpoint) (err error) {
	if name := v.keys[0].Name(); c.Origin != name {
		return fmt.Errorf("the checkpoint is of the log %.100q, not of %q", c.Origin, name)
	}
	for _, key := range slices.Backward(v.keys) {
		if err = CheckSignature(msg, key); err == nil || !errors.Is(err, ErrOtherKey) {
			return err
		}
	}
	return err
}

// checkpoint checks the signatures of a note, the log's and the witnesses'.
func (v *verification) checkpoint(msg []byte) (anchor.Checkpoint, error) {
	if c, ok := v.checked[string(msg)]; ok {
		return c, nil
	}
	c, err := anchor.Parse(msg)
	if err != nil {
		return c, err
	}
	if err := v.signed(msg, c); err != nil {
		return c, err
	}
	for _, key := range v.witnesses {
		at, err := anchor.Cosigned(msg, key)
		if err != nil {
			return c, err
		}
		v.cosigned(key, at)
	}
	v.checked[string(msg)] = c
	return c, nil
}

// ErrOtherKey is in the error of a checkpoint that no signature of the key is on.
var ErrOtherKey = errors.New("the checkpoint is not signed with the key")

// CheckSignature checks that a note is signed with a key.
func CheckSignature(msg []byte, verifier note.Verifier) error {
	_, err := note.Open(msg, note.VerifierList(verifier))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unverified):
		return fmt.Errorf("%w %s+%08x", ErrOtherKey, verifier.Name(), verifier.KeyHash())
	case errors.As(err, &invalid):
		return errors.New("the checkpoint has a forged signature, or was changed")
	}
	return errors.New("the checkpoint is not a signed note")
}

// cosigned notes when a witness had seen all of it.
func (v *verification) cosigned(key string, at time.Time) {
	name, _, _ := strings.Cut(strings.TrimSpace(key), "+")
	for i := range v.report.Cosigned {
		if c := &v.report.Cosigned[i]; c.Witness == name {
			c.Time = later(c.Time, at.UTC())
			return
		}
	}
	v.report.Cosigned = append(v.report.Cosigned, Cosignature{name, at.UTC()})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// bodyState holds a body against what its leaf commits to: the SHA-256 of the
// body's bytes, base64, in the leaf's member "body".
func bodyState(leaf string, body []byte, index int64) (string, error) {
	var committed struct {
		Body *string `json:"body"`
	}
	if err := json.Unmarshal([]byte(leaf), &committed); err != nil {
		return "", fmt.Errorf("record %d cannot be read", index)
	}
	switch {
	case committed.Body == nil && body == nil:
		return BodyNone, nil
	case committed.Body == nil:
		return "", fmt.Errorf("record %d has a body that it does not commit to", index)
	case body == nil:
		return BodyAbsent, nil
	case len(body) > maxBody:
		return "", fmt.Errorf("the body of record %d has more than %d bytes", index, maxBody)
	}
	sum := sha256.Sum256(body)
	if base64.StdEncoding.EncodeToString(sum[:]) != *committed.Body {
		return "", fmt.Errorf("the arguments, result, user or message of record %d are not those that it commits to: they were changed", index)
	}
	return BodyShown, nil
}

// oneCall checks that the records are one call's: an intent and its outcome, or a
// call, and events that have its id, each once and in order.
func oneCall(r *Report) error {
	phases := map[audit.Phase]int{}
	for i, p := range r.Records {
		if p.Record.CallID != r.CallID {
			return fmt.Errorf("record %d is of the call %.100q, not of %.100q", p.Index, p.Record.CallID, r.CallID)
		}
		if i > 0 && p.Index <= r.Records[i-1].Index {
			return fmt.Errorf("record %d does not come after record %d", p.Index, r.Records[i-1].Index)
		}
		if phases[p.Record.Phase]++; p.Record.Phase != audit.PhaseEvent && phases[p.Record.Phase] > 1 {
			return fmt.Errorf("the records are not those of one call: two are of the phase %q", p.Record.Phase)
		}
	}
	if r.CallID == "" && len(r.Records) > 1 {
		return errors.New("the records are not those of one call: they have no call id")
	}
	if phases[audit.PhaseCall] > 0 && phases[audit.PhaseIntent]+phases[audit.PhaseOutcome] > 0 {
		return errors.New("the records are not those of one call: a call has no intent and no outcome of its own")
	}
	return nil
}
