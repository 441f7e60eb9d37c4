package double

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Fake is a credential or an id of n letters and digits for a label: the same in
// every run, and never written out in the source, where scanners for leaked
// secrets would find it.
func Fake(label string, n int) string {
	var b strings.Builder
	for b.Len() < n {
		sum := sha256.Sum256([]byte("toolvault sandbox " + label))
		b.WriteString(strings.NewReplacer("-", "", "_", "").Replace(base64.RawURLEncoding.EncodeToString(sum[:])))
		label += "."
	}
	return b.String()[:n]
}
