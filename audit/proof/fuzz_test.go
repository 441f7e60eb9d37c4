package proof

import (
	"testing"
)

// A file of hostile bytes ends in an error, never in a panic, and what passes is
// only what the log has signed: here, the file itself in another notation.
func FuzzVerify(f *testing.F) {
	l := newLog(f)
	for _, id := range []string{"read", "write", "odd"} {
		f.Add(l.make(f, id, Options{}))
		f.Add(l.make(f, id, Options{WithoutBody: true}))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Verify(text, l.key)
		if err != nil {
			return
		}
		for _, p := range r.Records {
			whole, err := MakeRecord(t.Context(), l.dir, p.Index, Options{})
			if err != nil {
				t.Fatal(err)
			}
			real, err := Verify(whole, l.key)
			if err != nil {
				t.Fatal(err)
			}
			if want, got := real.Records[0].Record, p.Record; want.Agent != got.Agent || want.Phase != got.Phase || want.CallID != got.CallID || !want.Time.Equal(got.Time) ||
				p.Body == BodyShown && (string(want.Arguments) != string(got.Arguments) || want.User != got.User) {
				t.Errorf("record %d is not the log's: %+v", p.Index, got)
			}
		}
	})
}

func FuzzParseText(f *testing.F) {
	f.Add("c2sp.org/tlog-proof@v1\nextra YQ==\nindex 7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nnote\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseText(text)
		if err != nil {
			return
		}
		again, err := parseText(formatText(p.index, p.proof, p.note))
		if err != nil || again.index != p.index || len(again.proof) != len(p.proof) || string(again.note) != string(p.note) {
			t.Errorf("%q is read as %+v and then as %+v, %v", text, p, again, err)
		}
	})
}
