package audit

import (
	"container/list"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// needle is one form of a secret, without its text: a keyed fingerprint, by
// which a text is recognised but not recovered.
type needle struct {
	length      int
	print       uint64
	before      bool // the character before it holds bits of the secret too
	after       bool // the one after it does
	replacement string
}

// needles finds all forms of some secrets in one pass, after Wu and Manber: the
// hash of three characters tells how far the window of the shortest needle's
// length may move; where it may not, the few needles that have these three
// characters there are compared by fingerprint.
type needles struct {
	seed    maphash.Seed
	window  int // length of the shortest needle; 0: there is none
	shift   [shiftSize]uint8
	buckets map[uint16][]needle
}

const (
	shiftSize = 2048
	block     = 3
)

// blockHash spreads three characters over the tables.
func blockHash(a, b, c byte) uint16 {
	return uint16((uint32(a)<<16|uint32(b)<<8|uint32(c))*2654435761>>16) & (shiftSize - 1)
}

func newNeedles(secrets []string) *needles {
	n := &needles{seed: maphash.MakeSeed(), buckets: map[uint16][]needle{}}
	type form struct {
		text string
		needle
	}
	var forms []form
	seen := map[string]bool{}
	for _, secret := range secrets {
		if len(secret) < shortestSecret || strings.Contains(masked, secret) || strings.Trim(secret, "*") == "" {
			continue // what masks contain cannot be masked
		}
		replacement := mask(secret)
		put := func(text string, before, after bool) {
			if len(text) >= block && !seen[text] {
				seen[text] = true
				forms = append(forms, form{text, needle{length: len(text), before: before, after: after, replacement: replacement}})
			}
		}
		for _, text := range plainForms(secret) {
			put(text, false, false)
		}
		for _, enc := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for shift := range 3 {
				text := enc.EncodeToString([]byte("\x00\x00"[:shift] + secret))
				whole := 8 * (shift + len(secret)) / 6 // characters whose bits are all of the secret or before it
				skip := (8*shift + 5) / 6
				put(text[skip:whole], shift > 0, len(text) > whole)
			}
		}
	}
	if len(forms) == 0 {
		return n
	}
	n.window = len(forms[0].text)
	for _, f := range forms {
		n.window = min(n.window, f.length)
	}
	n.window = min(n.window, 255)
	for i := range n.shift {
		n.shift[i] = uint8(n.window - block + 1)
	}
	for _, f := range forms {
		f.print = maphash.String(n.seed, f.text)
		for i := 0; i+block <= n.window; i++ {
			h := blockHash(f.text[i], f.text[i+1], f.text[i+2])
			n.shift[h] = min(n.shift[h], uint8(n.window-block-i))
		}
		h := blockHash(f.text[n.window-3], f.text[n.window-2], f.text[n.window-1])
		n.buckets[h] = append(n.buckets[h], f.needle)
	}
	return n
}

// plainForms are the secret as it is and the encodings that keep its order.
func plainForms(secret string) []string {
	quoted := string(appendJSONString(nil, secret))
	quoted = quoted[1 : len(quoted)-1]
	marshalled, _ := json.Marshal(secret) // with its escapes of < > & and U+2028; a string cannot fail
	goJSON := string(marshalled[1 : len(marshalled)-1])
	forms := []string{
		secret, quoted, goJSON, strings.ReplaceAll(quoted, "/", `\/`), asciiJSON(quoted),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
	query := url.QueryEscape(secret)
	component := strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(query) // as JavaScript writes it
	for _, s := range []string{query, strings.ReplaceAll(query, "+", "%20"), component, url.PathEscape(secret)} {
		forms = append(forms, s, lowerEscapes(s))
	}
	return forms
}

// asciiJSON writes what is not ASCII as \u escapes, as many encoders do.
func asciiJSON(quoted string) string {
	var b []byte
	for _, r := range quoted {
		if r < utf8.RuneSelf {
			b = append(b, byte(r))
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			b = fmt.Appendf(b, `\u%04x`, u)
		}
	}
	return string(b)
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}

type span struct {
	from, to    int
	replacement string
}

// find returns where needles stand, merged where they overlap.
func (n *needles) find(s string) []span {
	if n == nil || n.window == 0 || len(s) < n.window {
		return nil
	}
	var spans []span
	for end := n.window; end <= len(s); {
		h := blockHash(s[end-3], s[end-2], s[end-1])
		if d := n.shift[h]; d > 0 {
			end += int(d)
			continue
		}
		from := end - n.window
		longest := 0
		var hit span
		for _, c := range n.buckets[h] {
			if from+c.length > len(s) || c.length <= longest || maphash.String(n.seed, s[from:from+c.length]) != c.print {
				continue
			}
			longest = c.length
			hit = span{from, from + c.length, c.replacement}
			if c.before && from > 0 && isBase64(s[from-1]) {
				hit.from--
			}
			if c.after && hit.to < len(s) && isBase64(s[hit.to]) {
				hit.to++
			}
		}
		if longest > 0 {
			if last := len(spans) - 1; last >= 0 && hit.from < spans[last].to {
				spans[last].to = max(spans[last].to, hit.to)
			} else {
				spans = append(spans, hit)
			}
		}
		end++
	}
	return spans
}

func isBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

// mask replaces every needle. A mask may, by a contrived secret, complete
// another needle: then it masks again, at last the whole text.
func (n *needles) mask(s string) string {
	for range 4 {
		spans := n.find(s)
		if len(spans) == 0 {
			return s
		}
		var b strings.Builder
		at := 0
		for _, sp := range spans {
			b.WriteString(s[at:sp.from])
			b.WriteString(sp.replacement)
			at = sp.to
		}
		b.WriteString(s[at:])
		s = b.String()
	}
	return masked
}

// setCache keeps the prepared needles of the sets of secrets that came last.
type setCache struct {
	mu    sync.Mutex
	bySum map[[sha256.Size]byte]*list.Element
	order *list.List // of *cached, newest first
	none  *needles
}

type cached struct {
	sum     [sha256.Size]byte
	needles *needles
}

const maxSets = 512 // about 3 KiB each

func newSetCache() *setCache {
	return &setCache{bySum: map[[sha256.Size]byte]*list.Element{}, order: list.New(), none: newNeedles(nil)}
}

func (c *setCache) get(secrets []string) *needles {
	if !slices.ContainsFunc(secrets, func(s string) bool { return len(s) >= shortestSecret }) {
		return c.none
	}
	buf := make([]byte, 0, 512)
	for _, s := range secrets {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	sum := sha256.Sum256(buf)
	clear(buf)
	c.mu.Lock()
	if e, ok := c.bySum[sum]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cached).needles
	}
	c.mu.Unlock()
	n := newNeedles(secrets)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.bySum[sum]; ok {
		return e.Value.(*cached).needles
	}
	c.bySum[sum] = c.order.PushFront(&cached{sum, n})
	if c.order.Len() > maxSets {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		delete(c.bySum, oldest.sum)
	}
	return n
}
