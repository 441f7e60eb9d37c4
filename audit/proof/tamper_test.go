package proof

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"toolvault/audit"
)

// Every way to change a file is found and named.
func TestAChangedFileProvesNothing(t *testing.T) {
	l := newLog(t)
	write, read := l.make(t, "write", Options{}), l.make(t, "read", Options{})
	other := newLog(t)
	foreign := other.make(t, "write", Options{})
	parse := func(text []byte) *file {
		f, err := decode(text)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, c := range map[string]struct {
		change func(f *file)
		want   string
	}{
		"a leaf":                 {func(f *file) { f.Records[0].Leaf = strings.Replace(f.Records[0].Leaf, `"agent":"a"`, `"agent":"b"`, 1) }, "not in the signed tree at index 6"},
		"a byte of a leaf":       {func(f *file) { f.Records[0].Leaf += " " }, "not in the signed tree at index 6"},
		"a body":                 {func(f *file) { f.Records[0].Body = strings.Replace(f.Records[0].Body, "support", "sales", 1) }, "of record 6 are not those that it commits to"},
		"a body's salt":          {func(f *file) { f.Records[0].Body = strings.Replace(f.Records[0].Body, `"salt":"`, `"salt":"A`, 1) }, "of record 6 are not those"},
		"another record's body":  {func(f *file) { f.Records[0].Body = f.Records[1].Body }, "of record 6 are not those"},
		"a body where is none":   {func(f *file) { f.Records[2].Body = f.Records[1].Body }, "record 11 has a body that it does not commit to"},
		"two bodies":             {func(f *file) { f.Records[0].BodyBase64 = "YQ==" }, "two bodies"},
		"a body that is no text": {func(f *file) { f.Records[0].Body, f.Records[0].BodyBase64 = "", "*" }, "not base64"},
		"a large body":           {func(f *file) { f.Records[0].Body = strings.Repeat("x", maxBody+1) }, "more than 262144 bytes"},
		"a large leaf":           {func(f *file) { f.Records[0].Leaf = strings.Repeat("x", maxLeaf+1) }, "more than 65535 bytes"},
		"an index":               {func(f *file) { f.Records[0].Proof = strings.Replace(f.Records[0].Proof, "index 6\n", "index 5\n", 1) }, "not in the signed tree at index 5"},
		"an index beyond the end": {func(f *file) {
			f.Records[0].Proof = strings.Replace(f.Records[0].Proof, "index 6\n", "index 6666\n", 1)
		}, "not in the signed tree"},
		"the records' order": {func(f *file) { f.Records[0], f.Records[1] = f.Records[1], f.Records[0] }, "record 6 does not come after record 10"},
		"a record twice":     {func(f *file) { f.Records[1] = f.Records[0] }, "record 6 does not come after record 6"},
		"a record of another call": {func(f *file) { f.Records = append(parse(read).Records, f.Records...) },
			`record 5 is of the call "read", not of "write"`},
		"the call's id":          {func(f *file) { f.CallID = "read" }, `record 6 is of the call "write", not of "read"`},
		"no call's id":           {func(f *file) { f.CallID = "" }, "is of the call"},
		"a proof of another log": {func(f *file) { f.Records[0].Proof = parse(foreign).Records[0].Proof }, "not signed with the key " + origin + "+"},
		"a file of another log":  {func(f *file) { *f = *parse(foreign) }, "not signed with the key " + origin + "+"},
		"the size of the tree":   {func(f *file) { f.Records[0].Proof = strings.Replace(f.Records[0].Proof, "\n22\n", "\n23\n", 1) }, "forged signature"},
		"the signature":          {func(f *file) { f.Records[0].Proof = swapSignature(f.Records[0].Proof) }, "forged signature"},
		"no signature": {func(f *file) {
			i := strings.Index(f.Records[0].Proof, "— ")
			f.Records[0].Proof = f.Records[0].Proof[:i]
		}, "not a signed note"},
		"no proof":        {func(f *file) { f.Records[0].Proof = "" }, "not in the form c2sp.org/tlog-proof@v1"},
		"a hash left out": {func(f *file) { f.Records[0].Proof = cutLine(f.Records[0].Proof, 2) }, "not in the signed tree at index 6"},
		"a hash too many": {func(f *file) { f.Records[0].Proof = doubleLine(f.Records[0].Proof, 2) }, "not in the signed tree at index 6"},
		"very many hashes": {func(f *file) {
			for range 70 {
				f.Records[0].Proof = doubleLine(f.Records[0].Proof, 2)
			}
		}, "not in the form c2sp.org/tlog-proof@v1"},
		"no records": {func(f *file) { f.Records = nil }, "proves no record"},
		"too many records": {func(f *file) {
			for range 20 {
				f.Records = append(f.Records, f.Records[0])
			}
		}, "more than 16 records"},
		"another format": {func(f *file) { f.Format = Format + "0" }, "its format is"},
	} {
		f := parse(write)
		c.change(f)
		text, err := f.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(text, l.key); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {"", "not of the form"},
		"no JSON":           {"hello", "it is not JSON"},
		"half of it":        {string(write[:len(write)/2]), "not JSON"},
		"something behind":  {string(write) + "{}", "something follows it"},
		"an unknown member": {strings.Replace(string(write), `"call_id"`, `"note": "paid", "call_id"`, 1), `it has "note"`},
		"a member twice":    {strings.Replace(string(write), `"call_id"`, `"call_id": "x", "call_id"`, 1), `"call_id" twice`},
		"another case":      {strings.Replace(string(write), `"leaf"`, `"Leaf"`, 1), `it has "Leaf"`},
		"another shape":     {`{"format":"` + Format + `","records":{"leaf":"x"}}`, "not of the form"},
		"deep":              {strings.Repeat("[", 100_000), "nested too deeply"},
		"not UTF-8":         {"{\"format\":\"\xff\"}", "not UTF-8"},
		"huge":              {strings.Repeat(" ", MaxFile+1), "larger than any proof"},
	} {
		if _, err := Verify([]byte(c.text), l.key); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func lines(text string) []string { return strings.SplitAfter(text, "\n") }

func cutLine(text string, n int) string {
	l := lines(text)
	return strings.Join(append(l[:n:n], l[n+1:]...), "")
}

func doubleLine(text string, n int) string {
	l := lines(text)
	return strings.Join(append(append(l[:n:n], l[n]), l[n:]...), "")
}

// swapSignature changes a bit of the signature, not of the key's hash before it.
func swapSignature(text string) string {
	i := strings.LastIndex(text, "=")
	c := byte('A')
	if text[i-10] == 'A' {
		c = 'B'
	}
	return text[:i-10] + string(c) + text[i-9:]
}

// Whoever has another key, and gives it this log's name, proves nothing to who has
// written down the right one.
func TestAnotherKeyProvesNothing(t *testing.T) {
	l := newLog(t)
	text := l.make(t, "write", Options{})
	forger := newLog(t)
	forged := forger.make(t, "write", Options{})
	if _, err := Verify(forged, l.key); !errors.Is(err, ErrOtherKey) {
		t.Errorf("%v", err)
	}
	// With the right key's name and hash on a signature of his own.
	v, err := note.NewVerifier(l.key)
	if err != nil {
		t.Fatal(err)
	}
	w, err := note.NewVerifier(forger.key)
	if err != nil {
		t.Fatal(err)
	}
	f, err := decode(forged)
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Records {
		p := f.Records[i].Proof
		at := strings.LastIndex(p, " ") + 1
		sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(p[at:]))
		if err != nil || binary.BigEndian.Uint32(sig) != w.KeyHash() {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint32(sig, v.KeyHash())
		f.Records[i].Proof = p[:at] + base64.StdEncoding.EncodeToString(sig) + "\n"
	}
	if forged, err = f.encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(forged, l.key); err == nil || !strings.Contains(err.Error(), "forged signature") {
		t.Errorf("%v", err)
	}
	renamed, err := audit.VerifierKey(l.secret, "other.example/log")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{renamed, forger.key} {
		if _, err := Verify(text, key); err == nil {
			t.Errorf("it is proved with %s", key)
		}
	}
	if _, err := Verify(text, renamed); !strings.Contains(err.Error(), "is of the log") {
		t.Errorf("%v", err)
	}
	for _, key := range []string{"", "x", "a+b+c", strings.Replace(l.key, "+", " ", 1)} {
		if _, err := Verify(text, key); err == nil || !strings.Contains(err.Error(), "name+hash+base64") {
			t.Errorf("%q: %v", key, err)
		}
	}
	verified(t, text, l.key+"\n")
}
