package words

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"!? -":                           "",
		"acme.com":                       "acme com",
		"Acme ACME acme":                 "acme",
		"slack_post_message #support-1":  "slack post message support 1",
		"Ana.Ríos@Übermaß.example":       "ana ríos übermaß example",
		"客户 张三":                          "客 户 张 三",
		"v2客x":                           "v2 客 x",
		"e\u0301te\u0301":                "e\u0301te\u0301",
		"3.14 1e9":                       "3 14 1e9",
		"bad\xffbyte":                    "bad byte",
		"quoted \\u0041 is no JSON here": "quoted u0041 is no json here",
	} {
		if got := strings.Join(Of(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestJSONIsReadAsADecoderWould(t *testing.T) {
	for text, want := range map[string]string{
		`"line\nNext\ttab"`:                   "line next tab",
		`"caf\u00e9 \u0041bc"`:                "café abc",
		`"\ud835\udc00x \ud800y"`:             "\U0001d400x y",
		`{"Email":"a\/b","n":[12,true,null]}`: "email a b n 12 true null",
		`"quote\"d \\ back"`:                  "quote d back",
		`"\u00zz"`:                            "00zz",
	} {
		var got []string
		s := Splitter{}
		s.JSON([]byte(text), func(w []byte) { got = append(got, string(w)) })
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestATextHasTheSameWordsInJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		s := Splitter{}
		s.JSON(raw, func(w []byte) {
			if !slices.Contains(got, string(w)) {
				got = append(got, string(w))
			}
		})
		if want := Of(text); !slices.Equal(got, want) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`"\u00`))
	f.Add([]byte(`"\ud800\u`))
	f.Add([]byte(`\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := Splitter{}
		for _, split := range []func([]byte, func([]byte)){s.JSON, s.Text} {
			split(text, func(w []byte) {
				if len(w) == 0 || len(Of(string(w))) != 1 && !strings.ContainsRune(string(w), '\ufffd') {
					t.Fatalf("%q is no word: %q", w, Of(string(w)))
				}
			})
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	text := []byte(strings.Repeat(`{"id":"706070","properties":{"email":"user4620@vandelay.example","company":"tyrell"}},`, 8))
	b.SetBytes(int64(len(text)))
	var s Splitter
	n := 0
	for b.Loop() {
		s.JSON(text, func([]byte) { n++ })
	}
}
