package upstream

import (
	"math/bits"
	"strings"
)

// step is a part of an order: one word of a set or, where upTo is given, up to so
// many of them.
type step struct {
	of   set
	upTo int
}

// set is words in small letters; one that ends in * stands for all that begin
// with it.
type set struct {
	words    []string
	initials uint32 // bit n: of the n-th letter of the alphabet
}

// words is the set of words that stand in a text.
func words(text string) set {
	x := set{words: strings.Fields(text)}
	for _, w := range x.words {
		x.initials |= 1 << (w[0] - 'a')
	}
	return x
}

// order is one or several sentences with the same beginning.
type order struct {
	begin []step
	ends  [][]step
}

// orders are what is said to a model to turn it round. Sentences that people write
// to people are to be left alone, so each needs more than its first words: "please
// ignore my last e-mail" is none.
var orders = []order{
	{[]step{{of: countermand}}, [][]step{
		{{of: minor, upTo: 2}, {of: whole, upTo: 1}, {of: minor, upTo: 2}, {of: words("above*")}},
		{{of: whole}, {of: minor, upTo: 2}, {of: words("before*")}},
		{{of: minor, upTo: 3}, {of: earlier}, {of: between, upTo: 6}, {of: guidance}},
		{{of: whole}, {of: words("you")}, {of: words("have were been"), upTo: 2}, {of: words("told learned know instructed")}},
	}},
	{[]step{{of: words("you")}, {of: words("are")}}, [][]step{
		{{of: words("now hereby")}, {of: words("a an the my in acting operating called known as free rogue new no"), upTo: 3}, {of: persona}},
		{{of: words("now")}, {of: words("dan acting pretending roleplaying unbound")}},
		{{of: words("now")}, {of: words("in entering")}, {of: words("developer debug god admin jailbreak maintenance dan")}, {of: words("mode")}},
		{{of: words("no")}, {of: words("longer")}, {of: words("bound restricted limited an a")}},
	}},
	{[]step{{of: words("your")}, {of: words("new real actual true")}}, [][]step{{{of: words("instruction* directive* objective* mission*")}}}},
	{[]step{{of: words("from")}, {of: words("now")}, {of: words("on")}, {of: words("you")}}, [][]step{
		{{of: words("will must should shall are only"), upTo: 2}, {of: words("act respond answer obey pretend speak reply ignore to")}},
		{{of: words("are")}, {of: words("a an the my no not dan")}},
	}},
	{[]step{{of: words("pretend")}, {of: words("to that you are be"), upTo: 3}}, [][]step{{{of: words("an a the")}, {of: persona}}}},
	{[]step{{of: words("do")}, {of: words("not")}}, quiet},
	{[]step{{of: words("don't dont never")}}, quiet},
	{[]step{{of: words("without")}, {of: silencing}}, [][]step{{{of: anything, upTo: 2}, {of: whose}, {of: boss}}}},
	{[]step{{of: words("reveal repeat print output show leak expose dump return")}, {of: words(wholly), upTo: 4}}, [][]step{
		{{of: words("your system hidden secret")}, {of: words("system hidden secret " + wholly), upTo: 3}, {of: words("prompt* instruction*")}},
	}},
	{[]step{{of: words("if")}, {of: words("you")}, {of: words("are")}, {of: words("an a")}}, [][]step{{{of: words("ai llm language large")}}}},
	{[]step{{of: words("note instruction instructions")}, {of: words("to for")}}, [][]step{
		{{of: words("the any all every"), upTo: 1}, {of: words("ai llm llms gpt chatgpt claude chatbot language")}},
	}},

	// The order most used, in German, Dutch, French, Spanish, Portuguese and Italian.
	{[]step{{of: words("ignoriere* vergiss vergesse* negeer ignorez ignore ignorer oublie oubliez ignora ignorar ignorad olvida olvide desconsidere dimentica")}, {of: abroad}}, [][]step{
		{{of: abroad, upTo: 5}, {of: words("anweisung* instruktion* vorgaben instructies instructions consignes instruccion* instrucoes istruzioni")}},
	}},
}

var (
	countermand = words("ignore disregard forget override bypass")
	minors      = "the my of a any that which to in and or else other every please completely about"
	minor       = words(minors)
	whole       = words("all everything anything")
	earliers    = "all everything anything previous prior above earlier preceding foregoing former past original initial existing your these those system safety"
	earlier     = words(earliers)
	between     = words(minors + " " + earliers)
	guidance    = words("instruction* prompt* guideline* directive* guardrail* rules programming")
	persona     = words("ai llm gpt bot chatbot assistant model hacker pirate character persona dan interpreter terminal shell translator unrestricted unfiltered uncensored evil jailbroken different")
	silencing   = words("telling informing notifying alerting warning asking mentioning")
	quiet       = [][]step{{{of: words("tell inform notify alert warn mention reveal disclose say")}, {of: anything, upTo: 3}, {of: whose}, {of: boss}}}
	anything    = words("this that it anything any of about to")
	boss        = words("user human operator")
	whose       = words("the your")
	wholly      = "me us the all of full entire exact initial original complete above verbatim contents"
	abroad      = words("bitte alle die deine ihre samtliche vorherige* bisherige* vorige* obige* vorangegangene* fruhere* de het eerdere bovenstaande toutes tous les tes vos precedent* todas todos las los tus sus as os suas tuas anterior* tutte tutti le gli tue")
)

// beginnings are the first words of orders, by their first two letters. They spare
// nearly all words a comparison.
var beginnings = firstWords()

type beginning struct {
	lengths uint32 // bit n: of a word of n letters
	orders  uint32 // bit n: of orders[n]
}

func firstWords() (t [26][26]beginning) {
	for n, o := range orders {
		for _, w := range o.begin[0].of.words {
			b := &t[w[0]-'a'][w[1]-'a']
			b.orders |= 1 << n
			if stem, ok := strings.CutSuffix(w, "*"); ok {
				b.lengths |= ^uint32(0) << len(stem)
			} else {
				b.lengths |= 1 << len(w)
			}
		}
	}
	return t
}

// isOrder reports whether one of orders begins with the word s[from:end].
func isOrder(s string, from, end int) bool {
	if end-from < 2 {
		return false
	}
	c, d := (s[from]|0x20)-'a', (s[from+1]|0x20)-'a'
	if c >= 26 || d >= 26 || beginnings[c][d].lengths>>min(end-from, 31)&1 == 0 {
		return false
	}
	for some := beginnings[c][d].orders; some != 0; some &= some - 1 {
		n := bits.TrailingZeros32(some)
		if !orders[n].begin[0].of.has(s[from:end]) {
			continue
		}
		at, ok := along(s, end, orders[n].begin[1:])
		if !ok {
			continue
		}
		for _, steps := range orders[n].ends {
			if _, ok := along(s, at, steps); ok {
				return true
			}
		}
	}
	return false
}

// along takes steps over the words behind s[at], and returns where it ended.
func along(s string, at int, steps []step) (int, bool) {
	for i := range steps {
		st := &steps[i]
		taken := 0
		for taken < max(1, st.upTo) {
			word, end := nextWord(s, at)
			if word == "" || !st.of.has(word) {
				break
			}
			at, taken = end, taken+1
		}
		if taken == 0 && st.upTo == 0 {
			return 0, false
		}
	}
	return at, true
}

// nextWord is the next word behind s[at], and where it ends. Between two words
// there are a few other characters.
func nextWord(s string, at int) (string, int) {
	const most = 4
	for from := at; at < len(s) && class[s[at]] != isLetter; {
		if at++; at-from > most {
			return "", at
		}
	}
	return letters(s, at)
}

func (x *set) has(word string) bool {
	c := word[0] | 0x20
	if n := c - 'a'; n >= 26 || x.initials>>n&1 == 0 {
		return false
	}
	for _, w := range x.words {
		if w[0] != c {
			continue
		}
		if n := len(w) - 1; w[n] == '*' {
			if len(word) >= n && alike(word[:n], w[:n]) {
				return true
			}
		} else if alike(word, w) {
			return true
		}
	}
	return false
}

// unspaced are orders in scripts that put no blanks between words: first one of
// the first, then within a few characters each of the others.
var unspaced = [][][]string{
	{{"忽略", "无视", "無視", "忘记", "忘記"}, {"之前", "以上", "先前", "上面", "前面", "所有", "此前"}, {"指令", "指示", "提示", "说明", "說明", "规则", "規則"}},
	{{"指示", "命令", "プロンプト", "指令", "ルール", "制約"}, {"無視し", "無視せよ", "忘れて", "忘れろ"}},
	{{"지시", "지침", "명령", "프롬프트"}, {"무시하", "무시해", "잊어"}},
}

// findUnspaced adds the marks for unspaced, in positions of the text itself.
func findUnspaced(s string, marks []mark) []mark {
	const within = 8 * 3 // bytes: eight characters
	for _, o := range unspaced {
		for _, first := range o[0] {
			for from := 0; ; {
				i := strings.Index(s[from:], first)
				if i < 0 {
					break
				}
				begin := from + i
				from = begin + len(first)
				if follows(s[from:], o[1:], within) && !strings.HasSuffix(s[:begin], markCaution+" ") {
					marks = append(marks, mark{begin, markCaution + " "})
				}
			}
		}
	}
	return marks
}

// follows reports whether s has one of each of the sets, each within so many
// bytes of the end of the one before.
func follows(s string, sets [][]string, within int) bool {
	for _, x := range sets {
		end := -1
		for _, w := range x {
			room := s[:min(len(s), within+len(w))]
			if i := strings.Index(room, w); i >= 0 && (end < 0 || i+len(w) < end) {
				end = i + len(w)
			}
		}
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return true
}
