package find

import (
	"slices"
	"testing"

	"toolvault/schemas"
)

func TestStem(t *testing.T) {
	for _, forms := range [][]string{
		{"post", "posts", "posted", "posting", "poster"},
		{"message", "messages", "messaged", "messaging"},
		{"company", "companies"},
		{"query", "queries", "querying", "queried"},
		{"reply", "replies", "replied", "replying"},
		{"create", "creates", "created", "creating"},
		{"delete", "deleted", "deletion", "deleting"},
		{"react", "reaction", "reactions"},
		{"associate", "association", "associations", "associated"},
		{"add", "adds", "added", "adding"},
		{"call", "calls", "called", "calling", "caller"},
		{"own", "owner", "owners", "owns", "owned"},
		{"index", "indexes", "indexed", "indexing"},
		{"embed", "embeds", "embedding", "embeddings"},
		{"search", "searches", "searching", "searched"},
		{"box", "boxes"},
		{"filter", "filters", "filtered", "filtering"},
		{"schedule", "scheduled", "scheduling"},
		{"status"}, {"customer", "customers"}, {"run", "runs", "running"},
	} {
		for _, f := range forms {
			if got, want := stem(f), stem(forms[0]); got != want {
				t.Errorf("stem(%s) = %s, and stem(%s) = %s", f, got, forms[0], want)
			}
		}
	}
	for _, apart := range [][2]string{{"customer", "custom"}, {"number", "numb"}, {"user", "us"}, {"post", "past"}, {"need", "ne"}, {"thread", "three"}} {
		if stem(apart[0]) == stem(apart[1]) {
			t.Errorf("%s and %s are one", apart[0], apart[1])
		}
	}
}

func TestEachWord(t *testing.T) {
	for text, want := range map[string][]string{
		"Who's in #support?":     {"who", "in", "support"},
		"don't":                  {"don"},
		"slack_post_message":     {"slack", "post", "message"},
		"a\x00b\u202ec":          {"a", "b", "c"},
		"café naïve 42x":         {"café", "naïve", "42x"},
		"it’s 'quoted' text":     {"it", "quoted", "text"},
		"\xff\xfe":               nil,
		"^(contacts|companies)$": {"contacts", "companies"},
	} {
		var got []string
		eachWord(text, func(w string) { got = append(got, w) })
		if !slices.Equal(got, want) {
			t.Errorf("%q has the words %q, want %q", text, got, want)
		}
	}
}

func TestOneAway(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"channel", "chanel", true}, {"chanel", "channel", true}, {"message", "massage", true}, {"message", "mesasge", true},
		{"message", "message", false}, {"message", "mssg", false}, {"message", "massaga", false}, {"abcde", "badce", false},
		{"ab", "ba", true}, {"a", "", true}, {"", "", false}, {"channel", "channels", true}, {"xchannel", "channel", true},
	} {
		if got := oneAway(c.a, c.b); got != c.want {
			t.Errorf("oneAway(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

func TestShapes(t *testing.T) {
	for word, want := range map[string]string{
		"#support": shapeChannel, "(#support-updates),": shapeChannel, "#12": "", "#": "",
		"@ana": shapeHandle, "@@": "",
		"ana@example.com": shapeEmail, "<ana@example.com>.": shapeEmail, "ana@example": "", "a@.c": "", "@example.com": shapeHandle,
		"https://acme.slack.com/archives/c024be91l/p1700000000123456": shapePermalink,
		"https://example.com/x": shapeLink,
		"report.pdf":            shapeFile, "e.g.": "", "v1.2": "", "example.com": shapeHost, "e.g": "", "a.b/c.d": "",
		"203.0.113.7": shapeIP, "2001:db8::7,": shapeIP, "203.0.113": "", "fe80::1%eth0": "",
		"usr_2041": shapeUserID, "user-7": shapeUserID, "faq-17": shapeID, "usr": "",
		"1700000000.123456": shapeStamp, "1700000000.12345x": "",
		"": "", "a": "",
	} {
		if got := shapeOf(word); got != want {
			t.Errorf("%q has the shape %q, want %q", word, got, want)
		}
	}
	for words, want := range map[[3]string]string{
		{"", "60", "contacts"}: shapeMany, {"of", "twelve", "companies"}: shapeMany, {"", "1", "contacts"}: "", {"", "the", "contacts"}: "",
		{"than", "500", "employees"}: "", {"last", "20", "messages"}: "",
		{"", "which", "channels"}: shapeAnyOf, {"", "any", "alerts"}: shapeAnyOf, {"", "which", "channel"}: "", {"", "the", "channels"}: "",
		{"", "above", "10k"}: shapeMeasured, {"", "under", "500"}: shapeMeasured, {"", "above", "all"}: "", {"", "above", "3"}: shapeMeasured,
		{"", "ticket", "4711"}: shapeNumbered, {"", "", "4711"}: "", {"", "20", "4711"}: "",
	} {
		if got := shapeOfTwo(words[0], words[1], words[2]); got != want {
			t.Errorf("%q have the shape %q, want %q", words, got, want)
		}
	}
	for request, want := range map[string]bool{
		"SELECT name FROM orders":                    true,
		"run select * from orders":                   true,
		"select a, b from orders":                    true,
		"select id from orders where id = 1":         true,
		"select a channel from the list":             false,
		"delete from the list what I select":         false,
		"please select the best from these":          false,
		"with x as (select max(y) from t) select y ": true,
	} {
		if isSQL(request) != want {
			t.Errorf("%q: isSQL is %v", request, !want)
		}
	}
	for word, want := range map[string]bool{":tada:": true, ":+1:": false, "10:30:": false, ":a b:": true, "::": false, ":http://:": false} {
		if isEmoji(word) != want {
			t.Errorf("%q: isEmoji is %v", word, !want)
		}
	}
}

// A channel in a question is read, and in another request written to.
func TestSpoken(t *testing.T) {
	l := readLexicon()
	for request, want := range map[string]string{
		"what is in #support": shapeAsked, "@ana?": shapeAsked, "tell #support about it": shapeTold, "#support": shapeTold, "support": "",
	} {
		tokens := l.tokenise(request)
		n := len(tokens)
		added := ""

		for _, token := range spoken(tokens, l.intent(tokens, request))[n:] {
			added += token.stem
		}
		if added != want {
			t.Errorf("%q has %q added, want %q", request, added, want)
		}
	}
}

// A term counts for one word of a request, the one that means it most.
func TestOnceEach(t *testing.T) {
	wants := []want{
		{[]variant{{1, anywhere, 0.4}, {2, anywhere, 1}, {4, 7, 0.4}}, 1},
		{[]variant{{1, anywhere, 0.75}, {2, anywhere, 1}, {1, anywhere, 0.4}, {3, anywhere, 0.5}, {3, anywhere, 0.5}, {4, 8, 0.75}}, 0.9},
	}
	onceEach(wants)
	if !slices.Equal(wants[0].variants, []variant{{2, anywhere, 1}, {4, 7, 0.4}}) ||
		!slices.Equal(wants[1].variants, []variant{{1, anywhere, 0.75}, {3, anywhere, 0.5}, {4, 8, 0.75}}) {
		t.Errorf("left %v", wants)
	}
}

// What one service calls something is what one of its tools says.
func TestLexiconOfServices(t *testing.T) {
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	l, x := readLexicon(), New(all)
	service := map[string]int32{}
	for _, tool := range all {
		i := slices.IndexFunc(x.tools, func(e entry) bool { return e.name == tool.Name })
		service[tool.Service] = x.tools[i].service
	}
	for said, to := range l.means {
		for _, m := range to {
			if m.service == "" {
				continue
			}
			has := func(p posting) bool { return x.tools[p.tool].service == service[m.service] }
			if term, ok := x.terms[m.stem]; !ok || l.services[m.service] == "" || !slices.ContainsFunc(x.postings[term], has) {
				t.Errorf("%q means %s:%s, which no tool says", said, m.service, m.stem)
			}
		}
	}
	for _, tool := range all {
		if l.services[tool.Service] == "" {
			t.Errorf("%s: the lexicon does not say what people call it", tool.Service)
		}
	}
}

// Every line of lexicon.txt is read, and says something.
func TestLexicon(t *testing.T) {
	l := readLexicon()
	if len(l.stop) < 50 || len(l.plain) < 50 || len(l.forms) < 10 || len(l.lead) < 10 || len(l.asks) < 10 || len(l.orders) < 10 || len(l.services) < 4 || len(l.means) < 100 {
		t.Fatalf("stop %d, lead %d, ask %d, order %d, services %d, means %d", len(l.stop), len(l.lead), len(l.asks), len(l.orders), len(l.services), len(l.means))
	}
	for said, to := range l.means {
		if said == "" || len(to) == 0 {
			t.Errorf("%q means nothing", said)
		}
	}
	for _, shape := range []string{shapeChannel, shapeHandle, shapeEmail, shapePermalink, shapeLink, shapeFile, shapeEmoji, shapeStamp, shapeSQL, shapeID, shapeTime, shapeNumbered, shapePersonID, shapeChannelID, shapeHost, shapeAsked, shapeTold, shapeMany, shapeAnyOf, shapeIP, shapeUserID, shapeMeasured, shapeSOQL} {
		if len(l.means[shape]) == 0 {
			t.Errorf("the shape %s means nothing", shape)
		}
	}
	for w := range l.asks {
		if l.orders[w] {
			t.Errorf("%q asks and orders", w)
		}
	}
}
