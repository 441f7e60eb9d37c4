package anchor

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Keys that witnesses have published, and others.
func TestKeys(t *testing.T) {
	mldsa := append([]byte{6}, make([]byte, 1312)...)
	cases := []struct{ key, want string }{
		{"witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G", ""},
		{"transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM", ""},
		{" witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv\n", ""},
		{"witness.stagemole.eu+67f7aea1+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv", "does not fit its hash"},
		{"witness.stagemole.ev+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv", "does not fit its hash"},
		{"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "key of a log"},
		{fmt.Sprintf("w+%08x+%s", keyHash("w", mldsa), base64.StdEncoding.EncodeToString(mldsa)), "ML-DSA-44"},
		{fmt.Sprintf("w+%08x+%s", keyHash("w", []byte{9, 9}), "CQk="), "of the type 9"},
		{fmt.Sprintf("w+%08x+%s", keyHash("w", []byte{4, 9}), "BAk="), "name+hash+base64"},
		{"", "name+hash+base64"},
		{"+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv", "name+hash+base64"},
		{"a b+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv", "name+hash+base64"},
		{"w+7+BEqS", "name+hash+base64"},
		{"w+67f7aea0+!", "name+hash+base64"},
	}
	for _, c := range cases {
		err := CheckKey(c.key)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.60s: %v", c.key, err)
		}
	}
}

const exampleText = "toolvault/test\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

func TestCosigned(t *testing.T) {
	const name = "witness.example/w1"
	key := keyOf('w')
	good := string(cosign(name, key, 1679315147, exampleText))
	other := string(cosign("witness.example/w2", keyOf('o'), 1679315148, exampleText))
	extended := exampleText + "an extension\n"
	flipped := good[:len(good)-20] + string(good[len(good)-20]^1) + good[len(good)-19:]
	cases := []struct{ name, note, want string }{
		{"the only one", exampleText + "\n" + good, ""},
		{"among others", exampleText + "\n" + other + good + other, ""},
		{"twice", exampleText + "\n" + good + good, ""},
		{"with an extension", extended + "\n" + string(cosign(name, key, 1679315147, extended)), ""},
		{"not by it", exampleText + "\n" + other, "not cosigned"},
		{"by nobody", exampleText + "\n", "not a signed note"},
		{"forged", exampleText + "\n" + flipped, "forged"},
		{"of another text", strings.Replace(exampleText, "63\n", "64\n", 1) + "\n" + good, "forged"},
		{"of the text without its extension", extended + "\n" + good, "forged"},
		{"without a time", exampleText + "\n" + string(cosign(name, key, 0, exampleText)), "forged"},
		{"a plain signature under its id", exampleText + "\n" + plain(name, exampleText), "forged"},
		{"no checkpoint", "hello\n\n" + string(cosign(name, key, 1679315147, "hello\n")), "origin, size, root"},
		{"a text of several parts", "x\n\n" + exampleText + "\n" + string(cosign(name, key, 1679315147, "x\n\n"+exampleText)), "origin, size, root"},
		{"a size with a zero before it", strings.Replace(exampleText+"\n"+good, "\n2", "\n02", 1), "origin, size, root"},
		{"a root with bits that say nothing", strings.Replace(exampleText+"\n"+good, "q2I=\n", "q2J=\n", 1), "origin, size, root"},
		{"a carriage return", strings.Replace(exampleText+"\n"+good, "63\n", "63\r\n", 1), "origin, size, root"},
		{"no end", strings.TrimSuffix(exampleText+"\n"+good, "\n"), "not a signed note"},
		{"too large", strings.Repeat("x", maxNote) + "\n\n" + good, "more than"},
		{"nothing", "", "not a signed note"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at, err := Cosigned([]byte(c.note), vkey(name, key))
			switch {
			case c.want == "" && (err != nil || !at.Equal(time.Unix(1679315147, 0))):
				t.Error(at, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Error(at, err)
			case errors.Is(err, ErrNotCosigned) != (c.want == "not cosigned"):
				t.Error(err)
			}
		})
	}
}

// plain is a signature without a time, under a witness's name and key id.
func plain(name, text string) string {
	raw, _ := base64.StdEncoding.DecodeString(strings.Fields(string(cosign(name, keyOf('w'), 1, text)))[2])
	return "— " + name + " " + base64.StdEncoding.EncodeToString(append(raw[:4:4], raw[12:]...)) + "\n"
}

// What somebody else's witness has signed: litewitness v0.9.0 (filippo.io/torchwood).
func TestCosignedByLitewitness(t *testing.T) {
	const key = "witness.example/lite+752cf374+BBVSas3hxXRXNngGcVeNFnJW6ZyGYNAAoWdQsEfXnIp1"
	const note = `toolvault/vm/bc9bf3f4
5
Ccay10hConYZpP1k2aiH/C7L5ubJPx/XDoxpGAVDWis=

— toolvault/vm/bc9bf3f4 3gVG7drEGYy51983MQPciKjDtnzJOsFfvZFhPsFStYc7Mz6iCr4LwxuX30g+m7iSlQd67MA1Tu/az0FyBP+IqAY43Ao=
— witness.example/lite dSzzdAAAAABrBvN+uHSSTt1+zwBB4uS5nxivagf8wae5D+Y8sjJ/ASKgBGs31L9lhaVEixFz7FVRNnZV5t1w5WzrzdVU1Y75ejYMAA==
`
	if at, err := Cosigned([]byte(note), key); err != nil || !at.Equal(time.Date(2026, 11, 25, 14, 41, 2, 0, time.UTC)) {
		t.Error(at, err)
	}
}

// Whatever is not signed over these very bytes is refused.
func FuzzCosigned(f *testing.F) {
	const name = "witness.example/w1"
	key := keyOf('w')
	note := []byte(exampleText + "\n" + string(cosign(name, key, 1679315147, exampleText)))
	f.Add(note)
	f.Add(bytes.ReplaceAll(note, []byte("\n"), []byte("\n\n")))
	f.Add([]byte("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— witness.example/w1 AAAA\n"))
	v := vkey(name, key)
	f.Fuzz(func(t *testing.T, msg []byte) {
		at, err := Cosigned(msg, v)
		c, parsed := Parse(msg)
		if err != nil {
			return
		}
		if parsed != nil || string(c.Text()) != exampleText || at.Unix() != 1679315147 {
			t.Errorf("taken: %q", msg)
		}
	})
}

// What a witness answers is hostile: what is taken of it is one line, signed by the
// key that is known, over the text that was sent.
func FuzzAnswer(f *testing.F) {
	const name = "witness.example/w1"
	key := keyOf('w')
	good := cosign(name, key, 1679315147, exampleText)
	f.Add(good)
	f.Add(append(cosign("o", keyOf('o'), 1, exampleText), good...))
	f.Add([]byte("\n" + exampleText + "\n" + string(good)))
	f.Add([]byte("— \n— \n\n"))
	w, err := NewWitness(WitnessOptions{URL: "https://witness.example", Key: vkey(name, key)})
	if err != nil {
		f.Fatal(err)
	}
	c := Checkpoint{Note: []byte(exampleText + "\n— toolvault/test AAAA\n")}
	f.Fuzz(func(t *testing.T, answer []byte) {
		line, err := w.cosignature(answer, c)
		if err == nil && !bytes.Equal(line, good) {
			t.Errorf("taken: %q", line)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(exampleText + "\n— toolvault/test AAAA\n"))
	f.Add([]byte("a\n0\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nx\n\n\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		c, err := Parse(msg)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(msg, append(c.Text(), '\n')) || !strings.HasPrefix(string(c.Text()), fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))) {
			t.Errorf("%q: %+v", msg, c)
		}
		for _, s := range c.signatures() {
			if again, err := note.Open([]byte(string(c.Text())+"\n"+string(signatureLine(s))), note.VerifierList()); again != nil {
				t.Errorf("%q (%v)", msg, err)
			}
		}
		_ = end(msg)
	})
}
