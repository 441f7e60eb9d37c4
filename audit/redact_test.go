package audit

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestKnownShapes(t *testing.T) {
	r := NewRedactor()
	// Parts are joined here so that no scanner takes this file for a leak.
	long := strings.Repeat("Ab3", 14)
	for _, secret := range []string{
		"xo" + "xb-123456789012-" + long, "xo" + "xp-" + long, "xo" + "xe.xoxp-1-" + long, "xo" + "xe-1-" + long, "xa" + "pp-1-A0-" + long,
		"pat-" + "na1-11111111-2222-3333-4444-555555555555", "pat-" + "eu1-11111111-2222-3333-4444-555555555555",
		"pc" + "sk_" + long, "mb" + "_" + long + "=", "sk" + "_live_" + long, "rk" + "_live_" + long, "sk" + "-proj-" + long,
		"gh" + "p_" + long, "gh" + "o_" + long, "github" + "_pat_" + long, "AK" + "IAABCDEFGHIJKLMNOP", "AI" + "za" + long, "gl" + "pat-" + long,
		"nt" + "n_" + long, "secret" + "_" + long,
		"ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + long,
	} {
		for _, text := range []string{secret, "the token " + secret + " was refused", `{"detail":"` + secret + `"}`, "(" + secret + ")."} {
			if got := r.Text(text); strings.Contains(got, secret[:len(secret)-5]) || !strings.Contains(got, "*"+secret[len(secret)-4:]) {
				t.Errorf("Text(%q) = %q", text, got)
			}
		}
		raw, _ := json.Marshal(map[string]any{"a": []any{"x " + secret}})
		if got := r.JSON(raw, nil); strings.Contains(string(got), secret) || !json.Valid(got) {
			t.Errorf("JSON(%s) = %s", raw, got)
		}
	}
}

func TestTexts(t *testing.T) {
	r := NewRedactor()
	for _, c := range []struct{ in, want string }{
		{"Authorization: Bearer abc", "Authorization: [redacted]"},
		{"sent Bearer abcdefgh1 to it", "sent Bearer [redacted] to it"},
		{"sent basic dXNlcjpwYXNz to it", "sent basic [redacted] to it"},
		{"https://user:pa55@example.com/x", "https://user:[redacted]@example.com/x"},
		{"https://tok3n@example.com/x", "https://[redacted]@example.com/x"},
		{"redis://:pa55@host:6379/0", "redis://:[redacted]@host:6379/0"},
		{"GET /x?api_key=abc&limit=3", "GET /x?api_key=[redacted]&limit=3"},
		{"GET /x?page_token=abc&cursor=d", "GET /x?page_token=abc&cursor=d"},
		{`bad body {"password":"p\"w", "user":"u"}`, `bad body {"password":"[redacted]", "user":"u"}`},
		{`bad body {\"token\": \"pw\", \"user\":\"u\"}`, `bad body {\"token\": \"[redacted]\", \"user\":\"u\"}`},
		{"Set-Cookie: a=b; Path=/\nDate: x", "Set-Cookie: [redacted]\nDate: x"},
		{"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----"},
		{"post to https://hooks.slack.com/services/T0/B0/xyz now", "post to https://hooks.slack.com/services/[redacted] now"},
		// prose and ordinary data stay as they are
		{"Basic authentication is a basic information", "Basic authentication is a basic information"},
		{"a bearer token is missing", "a bearer token is missing"},
		{"The token: expired. Tasks-sk-1, mb_id, pat-na", "The token: expired. Tasks-sk-1, mb_id, pat-na"},
		{"https://example.com/a?b=c@d", "https://example.com/a?b=c@d"},
		{"max_tokens=100 total_tokens=5", "max_tokens=100 total_tokens=5"},
		{"-----BEGIN PUBLIC KEY-----\nMIIE", "-----BEGIN PUBLIC KEY-----\nMIIE"},
		{"", ""},
	} {
		got := r.Text(c.in)
		if got != c.want {
			t.Errorf("Text(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
		if again := r.Text(got); again != got && !strings.Contains(c.in, "PRIVATE") {
			t.Errorf("a second pass changes %q to %q", got, again)
		}
	}
}

func TestJSONByKeyAndPlace(t *testing.T) {
	r := NewRedactor()
	for _, c := range []struct {
		in        string
		sensitive []string
		want      string
	}{
		{`{"password":"abc","Client-Secret":"x","apiKey":1,"x-api-key":"y"}`, nil,
			`{"password":"[redacted]","Client-Secret":"[redacted]","apiKey":"[redacted]","x-api-key":"[redacted]"}`},
		{`{"access_token":"abcdefghijklmnopqrstuvwxyz"}`, nil, `{"access_token":"************wxyz"}`},
		{`{"credential":{"a":[1,{"b":2}]},"cookie":["a"]}`, nil, `{"credential":"[redacted]","cookie":"[redacted]"}`},
		{`{"token":null,"secret":true,"password":""}`, nil, `{"token":null,"secret":true,"password":""}`},
		{`{"next_page_token":"a","pageToken":"b","cursor":"c","max_tokens":5,"total_tokens":6,"credential_id":"c-1","tokens":7,"secretary":"Ann"}`, nil,
			`{"next_page_token":"a","pageToken":"b","cursor":"c","max_tokens":5,"total_tokens":6,"credential_id":"c-1","tokens":7,"secretary":"Ann"}`},
		{`{"pass\u0077ord":"abc"}`, nil, `{"pass\u0077ord":"[redacted]"}`},
		{`{"properties":{"ssn":"123-45-6789","name":"A"}}`, []string{"/properties/ssn"}, `{"properties":{"ssn":"[redacted]","name":"A"}}`},
		{`{"rows":[{"ssn":1,"n":2},{"ssn":{"x":3},"n":4}]}`, []string{"/rows/*/ssn"}, `{"rows":[{"ssn":"[redacted]","n":2},{"ssn":"[redacted]","n":4}]}`},
		{`{"a":{"x":1,"y":2},"b/c":3,"d":[1,2]}`, []string{"/a/*", "/b~1c", "/d/1"}, `{"a":{"x":"[redacted]","y":"[redacted]"},"b/c":"[redacted]","d":[1,"[redacted]"]}`},
		{`{ "b" : 1 , "a" : [ ] , "c" : { } }`, nil, `{ "b" : 1 , "a" : [ ] , "c" : { } }`},
		{`not json, password=abc`, nil, `"not json, password=[redacted]"`},
		{`{"a":1} {"b":2}`, nil, `"{\"a\":1} {\"b\":2}"`},
		{strings.Repeat("[", 300) + strings.Repeat("]", 300), nil, `"[redacted]"`},
		{``, nil, ``},
		{`"Bearer abcdefgh1"`, []string{""}, `"[redacted]"`},
	} {
		if got := string(r.JSON(json.RawMessage(c.in), c.sensitive)); got != c.want {
			t.Errorf("JSON(%s)\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

// forms are the ways in which the secret may be written, around it what is
// needed for every alignment.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	list := []string{
		secret, string(quoted[1 : len(quoted)-1]), url.QueryEscape(secret), url.PathEscape(secret),
		strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
	for _, before := range []string{"", "a", "ab", "user:", "abcd"} {
		for _, after := range []string{"", "z", "zy", "zyx"} {
			for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
				list = append(list, e.EncodeToString([]byte(before+secret+after)))
			}
		}
	}
	return list
}

func TestByValue(t *testing.T) {
	r := NewRedactor()
	secrets := []string{"s3cr3t", "p?ss>w/rd&\"x\\y", "käse+brot~ü 12", "hubspot-refresh-0123456789-abcdef", strings.Repeat("long/", 100)}
	for _, secret := range secrets {
		for i, form := range forms(secret) {
			for _, text := range []string{form, "x" + form + "y", "key " + form + " end " + form, strings.Repeat(".", 50) + form} {
				got := r.Values(text, "another-secret-1234", secret)
				if strings.Contains(got, form) {
					t.Fatalf("form %d of %q survives in %q", i, secret, got)
				}
				if strings.HasPrefix(text, "....") && !strings.HasPrefix(got, strings.Repeat(".", 50)) {
					t.Errorf("too much is gone: %q", got)
				}
				raw, _ := json.Marshal(map[string]any{"k " + text: []string{text}})
				out := r.TokensJSON(raw, secret)
				if !json.Valid(out) || strings.Contains(decoded(out), form) {
					t.Fatalf("form %d of %q survives in %s", i, secret, out)
				}
			}
		}
	}
	if got := r.Values("no secret of six: abcde, masks", "abcde"); got != "no secret of six: abcde, masks" {
		t.Errorf("short: %q", got)
	}
	if got := r.Values("tok-0123456789-abcdef!", "tok-0123456789-abcdef"); got != "************cdef!" {
		t.Errorf("mask: %q", got)
	}
	if got := r.Values("secret-one-two", "secret-one", "one-two"); got != "[redacted]" {
		t.Errorf("overlap: %q", got)
	}
	if got := string(r.TokensJSON([]byte(`{"n":123456789,"m":12}`), "345678")); got != `{"n":"[redacted]","m":12}` {
		t.Errorf("number: %s", got)
	}
	if got := string(r.TokensJSON([]byte(`{"password":"x","a":"\u0073\u0033cr3t"}`), "s3cr3t")); got != `{"password":"x","a":"[redacted]"}` {
		t.Errorf("escaped: %s", got)
	}
}

func TestSecretAcrossTokens(t *testing.T) {
	r := NewRedactor()
	if got := string(r.TokensJSON([]byte(`{"a":null,"b":"x"}`), `null,"b`)); got != `"{\"a\":[redacted]\":\"x\"}"` {
		t.Errorf("got %s", got)
	}
}

// decoded joins all strings of a JSON text as their reader sees them, by what is
// in no secret of the tests.
func decoded(raw []byte) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	var b strings.Builder
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			b.WriteString(v + "[]")
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for k, e := range v {
				b.WriteString(k + "[]")
				walk(e)
			}
		}
	}
	walk(v)
	return b.String()
}

func TestCacheForgetsTheOldest(t *testing.T) {
	r := NewRedactor()
	for i := range 3 * maxSets {
		secret := "secret-" + itoa(i) + "-value"
		if got := r.Values("a "+secret, secret); got != "a [redacted]" {
			t.Fatal(got)
		}
	}
	if n := len(r.sets.bySum); n != maxSets || r.sets.order.Len() != n {
		t.Errorf("%d sets are kept", n)
	}
}

func TestBound(t *testing.T) {
	small := json.RawMessage(`{"a":1}`)
	if b, digest, size := Bound(small, 100); string(b) != string(small) || size != 7 || len(digest) != 64 {
		t.Errorf("small: %s %s %d", b, digest, size)
	}
	for _, raw := range []string{`{"text":"` + strings.Repeat("ä\\n", 5000) + `"}`, strings.Repeat("\x00", 5000), "broken"} {
		b, digest, size := Bound(json.RawMessage(raw), 1000)
		var v struct {
			Truncated bool
			Head      string
		}
		if err := json.Unmarshal(b, &v); err != nil || !v.Truncated || len(b) > 1000 || size != len(raw) || digest == "" {
			t.Errorf("%d bytes %s: %v", len(b), b, err)
		}
		if len(v.Head) == 0 || !strings.HasPrefix(raw, v.Head) {
			t.Errorf("head %q", v.Head)
		}
	}
	if b, digest, size := Bound(nil, 10); b != nil || digest != "" || size != 0 {
		t.Error("nothing")
	}
}

func FuzzRedact(f *testing.F) {
	f.Add(`{"a":"x","b":[1,true,null]}`, "s3cr3t-value", 0, 3)
	f.Add(`{"token":{"a":"\ud800"}}`, "p?ss>w/rd", 9, 1)
	f.Add(`nothing`, "0123456789abcdefghijklmnop", 20, 5)
	f.Add("\"\xff\xfe\"", "\xff\xfe\xff\xfe12345", 1, 2)
	r := NewRedactor()
	f.Fuzz(func(t *testing.T, text, secret string, form, at int) {
		if len(secret) < shortestSecret || strings.ContainsAny(secret, "[]*") || !utf8.ValidString(secret) {
			return // parts of the masks themselves; and JSON cannot carry what is not UTF-8
		}
		all := forms(secret)
		planted := all[abs(form)%len(all)]
		i := abs(at) % (len(text) + 1)
		whole := text[:i] + planted + text[i:]
		if got := r.Text(whole, secret); strings.Contains(got, planted) {
			t.Fatalf("%q survives in %q", planted, got)
		}
		for _, raw := range [][]byte{[]byte(whole), []byte(text)} {
			for _, got := range [][]byte{r.JSON(raw, []string{"/a/*"}, secret), r.TokensJSON(raw, secret)} {
				if len(raw) > 0 && !json.Valid(got) {
					t.Fatalf("not JSON: %q from %q", got, raw)
				}
				if strings.Contains(decoded(got), secret) {
					t.Fatalf("%q survives in %q", secret, got)
				}
			}
		}
		raw, _ := json.Marshal(map[string]any{text: []any{whole, map[string]any{whole: 1}}})
		got := r.JSON(raw, nil, secret)
		if !json.Valid(got) || strings.Contains(decoded(got), strings.ToValidUTF8(planted, "\ufffd")) {
			t.Fatalf("%q survives in %s", planted, got)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

// The walker takes exactly what encoding/json takes, up to its depth.
func FuzzSyntax(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,"\u00e4\n",true,false,null,{}]}`, `[01]`, `"\x"`, `1.`, `{"a" 1}`, ` [] `, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := walker{in: string(raw), set: newNeedles(nil)}
		err := w.document(nil)
		if err != errTooDeep && (err == nil) != json.Valid(raw) {
			t.Fatalf("%q: %v, valid %v", raw, err, json.Valid(raw))
		}
	})
}

func TestWhatAModelAskedToSeeIsNotMaskedByName(t *testing.T) {
	r := NewRedactor()
	in := `{"token":"page-2","password":"see the wiki","note":"token=abc, key xoxb-1234567890-abcdefghij"}`
	if got, want := string(r.TokensJSON([]byte(in))), `{"token":"page-2","password":"see the wiki","note":"token=abc, key ************ghij"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := r.Tokens("password: x, https://u:p4ss@host/, xoxb-1234567890-abcdefghij"); got != "password: x, https://u:[redacted]@host/, ************ghij" {
		t.Error(got)
	}
}

// What is shown and what is recorded are as if each had been searched by itself.
func TestShownAndRecordedAreTheTwoSearchesInOne(t *testing.T) {
	const secret = "plain-secret-0123456789"
	words := []string{
		secret, "password", "token", "next_token", "api_key", "hello", "[redacted]", "Authorization: Bearer abcdef0123456789", "password=hunter22",
		"xo" + "xb-0123456789-abcdef", `{"token":"abc"}`, "https://u:p@host/", "a:b=c", "", `"`, "\\", "\n", "pat-" + "na1-0123456789abcdef",
	}
	text := rapid.Map(rapid.SliceOfN(rapid.SampledFrom(words), 0, 3), func(w []string) string { return strings.Join(w, " ") })
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOfN(text, rapid.OneOf(rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.SliceOfN(text, 0, 3), func(s []string) any { return s })), 0, 5).Draw(t, "value")
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		k := NewRedactor().For(secret)
		shown, recorded := k.ShownAndRecorded(raw)
		if want := k.TokensJSON(raw); string(shown) != string(want) {
			t.Fatalf("shown %s\nwant  %s", shown, want)
		}
		if want := k.JSON(k.TokensJSON(raw), nil); string(recorded) != string(want) {
			t.Fatalf("recorded %s\nwant     %s", recorded, want)
		}
	})
}
