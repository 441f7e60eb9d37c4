package anchor

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// A witness that lies gets no place in what is kept.
func TestWitnessLies(t *testing.T) {
	say := func(text string) func(http.ResponseWriter, string, []byte) bool {
		return func(w http.ResponseWriter, _ string, _ []byte) bool { _, _ = w.Write([]byte(text)); return true }
	}
	status := func(code int, text string, header ...string) func(http.ResponseWriter, string, []byte) bool {
		return func(w http.ResponseWriter, _ string, _ []byte) bool {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	name, key := "witness.example/w1", keyOf('w')
	now := time.Now().Unix()
	signed := func(name string, key ed25519.PrivateKey, at int64, change func(string) string) func(http.ResponseWriter, string, []byte) bool {
		return func(w http.ResponseWriter, text string, _ []byte) bool {
			_, _ = w.Write(cosign(name, key, at, change(text)))
			return true
		}
	}
	same := func(s string) string { return s }
	cases := []struct {
		name string
		lie  func(http.ResponseWriter, string, []byte) bool
		want string
	}{
		{"nothing", say(""), "something else than signatures"},
		{"a page", say("<html>sign in</html>"), "something else than signatures"},
		{"no end of the line", say("— a b"), "something else than signatures"},
		{"a line that is no signature", say("— a b\n"), "something else than signatures"},
		{"very much", say(strings.Repeat("— a b\n", 20000)), "more than a note can hold"},
		{"very many", say(strings.Repeat(string(cosign("o.example", keyOf(9), 1, "x")), 200)), "something else than signatures"},
		{"another key", signed("other.example", keyOf(9), now, same), "did not sign with the key"},
		{"another key under its name", signed(name, keyOf(9), now, same), "did not sign with the key"},
		{"another name with its key", signed("other.example", key, now, same), "did not sign with the key"},
		{"another log", signed(name, key, now, func(s string) string { return "x" + s }), "is forged"},
		{"another size", signed(name, key, now, func(s string) string { return strings.Replace(s, "\n7\n", "\n8\n", 1) }), "is forged"},
		{"no time", signed(name, key, 0, same), "is forged"},
		{"a time before 1970", signed(name, key, -5, same), "is forged"},
		{"the future", signed(name, key, now+3600, same), "a time in the future"},
		{"a good one behind another text", func(w http.ResponseWriter, _ string, _ []byte) bool {
			text := "toolvault/test\n9\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
			_, _ = fmt.Fprintf(w, "— x y\n\n%s", cosign(name, key, now, text))
			return true
		}, "something else than signatures"},
		{"one byte of it", func(w http.ResponseWriter, _ string, truth []byte) bool {
			truth[len(truth)-30] ^= 2
			_, _ = w.Write(truth)
			return true
		}, "witness.example/w1"},
		{"to go elsewhere", status(307, "", "Location", "http://127.0.0.1:1/"), "HTTP 307"},
		{"to come later", status(503, "", "Retry-After", "90"), "HTTP 503"},
		{"no", status(400, "no"), "HTTP 400"},
		{"a conflict without a size", status(409, "<html>"), "does not say which"},
		{"a conflict with a size that is none", status(409, "007\n"), "does not say which"},
		{"a conflict with a negative size", status(409, "-1\n"), "does not say which"},
		{"a conflict again and again", status(409, "3\n", "Content-Type", "text/x.tlog.size"), "contradicts itself"},
		{"a conflict with a size beyond all", status(409, "9223372036854775807\n"), "has cosigned 9223372036854775807 records"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			log := openLog(t, t.TempDir(), keyOf(1))
			w := newWitness(t, name, keyOf(1))
			w.lie = c.lie
			err := w.client(t, w.serve(t), log.dir).Put(t.Context(), log.add(7), 0)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if _, err := os.Stat(CosignedPath(log.dir)); !errors.Is(err, fs.ErrNotExist) {
				t.Error("something is kept:", err)
			}
		})
	}
}
