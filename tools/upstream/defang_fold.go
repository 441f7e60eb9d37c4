package upstream

import (
	"strings"
	"unicode/utf8"
)

// letter and symbol stand in a folded text for characters that look like no
// ASCII one: those of a word, and those between words.
const (
	letter = 0x80
	symbol = 0x81
)

// fold returns what a text looks like, one byte a character: letters of other
// alphabets that look like Latin ones, letters with accents, full-width and
// mathematical ones are ASCII. Accents that stand alone are left out, and so are
// the marks for what was hidden.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c == '[' && strings.HasPrefix(s[i:], markHidden) {
				i += len(markHidden)
				continue
			}
			b.WriteByte(c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !accent(r) {
			b.WriteByte(look(r))
		}
		i += size
	}
	return b.String()
}

// unfold turns positions in a folded text, which ascend, into those of the text.
func unfold(s string, marks []mark) {
	at, next := 0, 0
	for i := 0; i < len(s) && next < len(marks); {
		if c := s[i]; c == '[' && strings.HasPrefix(s[i:], markHidden) {
			i += len(markHidden)
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !accent(r) {
			for next < len(marks) && marks[next].at == at {
				marks[next].at = i
				next++
			}
			at++
		}
		i += size
	}
	for ; next < len(marks); next++ {
		marks[next].at = len(s)
	}
}

// accent reports whether a character is drawn upon the one before.
func accent(r rune) bool {
	return r >= 0x300 && (r <= 0x36f || r >= 0x1ab0 && r <= 0x1aff || r >= 0x1dc0 && r <= 0x1dff || r >= 0x20d0 && r <= 0x20ff || r >= 0xfe20 && r <= 0xfe2f)
}

// The letters without their accents (The Unicode Standard, decomposition); ? for
// those that are none of ASCII.
const (
	fromC0 = "AAAAAA?CEEEEIIII?NOOOOO?OUUUUY??aaaaaa?ceeeeiiii?nooooo?ouuuuy?y" +
		"AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi??JjKk?LlLlLl?" +
		"?LlNnNnNn???OoOoOo??RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs" +
		"bB?????Cc?D???????fG???IKk???Nn?Oo??Pp?????tTtTUu?VYyZz?????????" +
		"?????????????AaIiOoUuUuUuUuUu?AaAa??GgGgKkOoOo??j???Gg??NnAa????" +
		"AaAaEeEeIiIiOoOoRrRrUuUuSsTt??Hh?d????AaEeOoOoOoOoYylntj??ACcLTs" +
		"z??B??EeJjQqRrYy"
	from1E00 = "AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMm" +
		"MmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVv" +
		"WwWwWwWwWwXxXxYyZzZzZzhtwy?sss??AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEe" +
		"EeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy????Yy"
)

// look is the ASCII character that a character looks like, or letter or symbol.
// The alphabets are those of confusables.txt (UTS #39) in which English can be
// written.
func look(r rune) byte {
	at := func(table string, i rune) byte {
		if c := table[i]; c != '?' {
			return c
		}
		return letter
	}
	switch {
	case r < 0xa0:
		return letter
	case r < 0xc0:
		if r == 0xa0 {
			return ' '
		}
		return symbol
	case r == 'ǀ':
		return '|'
	case r < 0x250:
		return at(fromC0, r-0xc0)
	case r >= 0x1e00 && r <= 0x1eff:
		return at(from1E00, r-0x1e00)
	case r >= 0x370 && r <= 0x3ff:
		return pair(r, "ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXαaβbγyεeηnιiκkνvοoρpτtυuχxωwϲcϳjάaέeήnίiόoύu", letter)
	case r >= 0x400 && r <= 0x52f:
		return pair(r, "АAВBЕEЅSІIЇIЈJКKМMНHОOРPСCТTУYХXаaвbгrеeёeкkмmнhоoпnрpсcтtуyхxѕsіiїiјjһhԁdԛqԝwԌGѵvүyҮY", letter)
	case r >= 0x531 && r <= 0x58f:
		return pair(r, "ցgհhոnսuօoզqՏSՕOՍUրnՈN։:", letter)
	case r >= 0x1d00 && r <= 0x1d22, r >= 0x250 && r <= 0x2af:
		return pair(r, "ᴀaʙbᴄcᴅdᴇeɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpʀrᴛtᴜuᴠvᴡwʏyᴢzɡgɩiɑaɾrʋuɯw", letter)
	case r >= 0x2000 && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x3000:
		return ' '
	case r == '…':
		return letter // so that a text that is cut is no other word
	case r >= 0x24b6 && r <= 0x24e9:
		return circled(r-0x24b6, 26)
	case r >= 0x1d400 && r <= 0x1d6a3: // thirteen alphabets of 52
		return circled((r-0x1d400)%52, 26)
	case r >= 0x1f130 && r <= 0x1f149, r >= 0x1f150 && r <= 0x1f169, r >= 0x1f170 && r <= 0x1f189:
		return byte('A' + (r-0x1f130)%32)
	case r >= 0x1f1e6 && r <= 0x1f1ff:
		return byte('A' + r - 0x1f1e6)
	case r >= 0xff01 && r <= 0xff5e:
		return byte(r - 0xff01 + '!')
	case r >= 0x2010 && r <= 0x2bff, r >= 0x3001 && r <= 0x301f, r >= 0xfe50 && r <= 0xfe6b, r == 0xa789, r >= 0x1400 && r <= 0x1676:
		return pair(r, "‹<›>〈<〉>⟨<⟩>❮<❯>❰<❱>﹤<﹥>ᐸ<ᐳ>∕/⁄/∣|│|┃|❘|⏐|∶:﹕:꞉:【[】]〔[〕]⟦[⟧]﹟#▁_‐-‑-‒-–-—-−-ℎhℬBℰEℱFℋHℐIℒLℳMℛRℯeℊgℴoℭCℌHℑIℜRℨZ", symbol)
	case r >= 0x1f000 && r <= 0x1faff:
		return symbol
	}
	return letter
}

// circled is a letter of an alphabet of capitals and small ones.
func circled(i, half rune) byte {
	if i < half {
		return byte('A' + i)
	}
	return byte('a' + i - half)
}

// pair finds r in a list of characters, each followed by what it looks like.
func pair(r rune, list string, other byte) byte {
	if i := strings.IndexRune(list, r); i >= 0 {
		return list[i+utf8.RuneLen(r)]
	}
	return other
}
