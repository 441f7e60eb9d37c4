package find_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/schemas"
	"toolvault/tools/find"
)

// tool is a small schema file.
func tool(name, title, words string, readOnly bool) schemas.Tool {
	service, _, _ := strings.Cut(name, "_")
	return schemas.Tool{
		Name: name, Title: title, Service: service, Description: title + ".", Words: words,
		Annotations: schemas.Annotations{ReadOnly: readOnly},
		Input:       json.RawMessage(`{"type":"object","properties":{"limit":{"type":"integer"}}}`),
	}
}

func small() []schemas.Tool {
	return []schemas.Tool{
		tool("slack_post_message", "Post a message", "", false),
		tool("slack_read_channel", "Read a channel", "history", true),
		tool("slack_search_users", "Find people", "", true),
		tool("hubspot_list_owners", "List owners", "account manager, sales rep", true),
		tool("hubspot_archive_object", "Archive a record", "", false),
		tool("metabase_run_sql", "Run SQL", "", true),
	}
}

func names(hits []find.Hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.Name)
	}
	return out
}

func TestSearch(t *testing.T) {
	x := find.New(small())
	for query, want := range map[string]string{
		"slack_post_message":           "slack_post_message", // its name
		"posting messages":             "slack_post_message", // other forms of the words
		"write to somebody":            "slack_post_message", // a synonym
		"mesage":                       "slack_post_message", // one letter is missing
		"messsage":                     "slack_post_message", // one too many
		"massage":                      "slack_post_message", // a wrong one
		"mesasge":                      "slack_post_message", // two swapped
		"mesages":                      "slack_post_message", // and of several
		"POST A MESSAGE!!!":            "slack_post_message",
		"envoyer un message":           "slack_post_message", // words of an unknown language are passed over
		"the history of #support":      "slack_read_channel",
		"who is ana@example.com":       "slack_search_users", // the shape of an e-mail address
		"who owns this deal":           "hubspot_list_owners",
		"https://x.example.com/sql/12": "metabase_run_sql",       // the words of a link
		"get rid of the company":       "hubspot_archive_object", // said in several words
		"SELECT count(*) FROM orders":  "metabase_run_sql",
		"select id, name from messages where x = 1": "metabase_run_sql", // a statement's own words count little
	} {
		if got := names(x.Search(query, 3, nil)); len(got) == 0 || got[0] != want {
			t.Errorf("%q finds %v, want %s first", query, got, want)
		}
	}
}

// Who knows a tool's name, or reads its title, finds it.
func TestOwnName(t *testing.T) {
	all := catalogue(t)
	x := find.New(all)
	for _, tool := range all {
		for _, query := range []string{tool.Name, strings.ReplaceAll(tool.Name, "_", " "), tool.Title} {
			if got := names(x.Search(query, 3, nil)); !slices.Contains(got, tool.Name) {
				t.Errorf("%q finds %v, and not %s", query, got, tool.Name)
			}
		}
		if got := names(x.Search(tool.Name, 1, nil)); len(got) != 1 || got[0] != tool.Name {
			t.Errorf("%q finds %v first", tool.Name, got)
		}
	}
	const query = "list the members of a channel, rather than `slack_post_message`."
	if got := names(x.Search(query, 2, nil)); !slices.Equal(got, []string{"slack_post_message", "slack_list_channel_members"}) {
		t.Errorf("%q finds %v", query, got)
	}
}

func TestNothingFits(t *testing.T) {
	x := find.New(catalogue(t))
	for _, query := range []string{"", "   ", "the of and", "12345", "zzyzx qwrtp", "kessage xeal", "pest", "\x00\x01\x02", "###", "«»", "?!"} {
		if hits := x.Search(query, 3, nil); hits != nil {
			t.Errorf("%q finds %v, want nothing", query, hits)
		}
	}
	if hits := find.New(nil).Search("post a message", 3, nil); hits != nil {
		t.Errorf("no tools, and %v found", hits)
	}
	if hits := x.Search("post a message", 0, nil); hits != nil {
		t.Errorf("none wanted, and %v found", hits)
	}
}

func TestOnlyWhatMayBeShown(t *testing.T) {
	all := catalogue(t)
	x := find.New(all)
	for _, query := range []string{"post a message", "who owns this deal", "slack_post_message", "delete everything"} {
		open := x.Search(query, len(all), nil)
		if len(open) == 0 {
			t.Fatalf("%q finds nothing", query)
		}
		hidden := open[0].Name
		hits := x.Search(query, len(all), func(name string) bool { return name != hidden })
		if slices.Contains(names(hits), hidden) {
			t.Errorf("%q shows %s, which may not be shown", query, hidden)
		}
		if hits := x.Search(query, 3, func(string) bool { return false }); hits != nil {
			t.Errorf("%q shows %v, of which none may be shown", query, hits)
		}
		// What is hidden takes no place from what is not.
		if len(open) > 3 {
			if hits := x.Search(query, 3, func(name string) bool { return name != hidden }); len(hits) != 3 {
				t.Errorf("%q shows %d tools beside a hidden one, want 3", query, len(hits))
			}
		}
	}
}

// What a tool is to be called with counts less than what it is to do.
func TestContentCountsLess(t *testing.T) {
	x := find.New(small())
	for _, c := range []struct{ query, want string }{
		{`message: run sql, list owners`, "metabase_run_sql"},
		{`message: "run sql, list owners"`, "slack_post_message"},
		{`message: “run sql, list owners”`, "slack_post_message"},
		{`post message, the list of owners, archive a record`, "hubspot_archive_object"},
		{`post a message that the list of owners is no archived record`, "slack_post_message"},
		{`post a message: the list of owners is no archived record`, "slack_post_message"},
		{`archive, record, object, owners from the list where a is 1`, "hubspot_archive_object"},
		{`select archive, record, object, owners from the list where a is 1`, "metabase_run_sql"},
	} {
		if got := names(x.Search(c.query, 3, nil)); len(got) == 0 || got[0] != c.want {
			t.Errorf("%q finds %v, want %s first", c.query, got, c.want)
		}
	}
}

// A tool whose whole name is said goes before one of whose name a part is said.
func TestWholeName(t *testing.T) {
	x := find.New([]schemas.Tool{
		tool("a_list_channel_members", "Who is there", "channels", true),
		tool("a_list_channels", "What is there", "", true),
	})
	if got := names(x.Search("list the channels", 2, nil)); !slices.Equal(got, []string{"a_list_channels", "a_list_channel_members"}) {
		t.Errorf("found %v", got)
	}
}

// A request whose words most tools of a service have is one for that service.
func TestServiceOfAWord(t *testing.T) {
	x := find.New([]schemas.Tool{
		tool("a_list_boxes", "Boxes", "", true),
		tool("b_list_owners", "Owners", "product", true),
		tool("b_count", "Total", "product", true),
		tool("b_list_zones", "Zones", "", true),
	})
	got := names(x.Search("list products", 4, nil))
	if all, boxes := slices.Index(got, "b_list_zones"), slices.Index(got, "a_list_boxes"); all < 0 || boxes >= 0 && boxes < all {
		t.Errorf("found %v, want b_list_zones before a_list_boxes", got)
	}
}

// A request that names a service is one for its tools, whatever else is said. What
// is quoted names little, and a word that other services have too names none.
func TestNamedService(t *testing.T) {
	x := find.New([]schemas.Tool{
		tool("alpha_list_owners", "List the owners of all boxes", "owners of boxes, box owners", true),
		tool("beta_crates", "Crates", "", true),
		tool("gamma_list_alphabets", "List alphabets", "beta letters", true),
		tool("delta_owners", "Owners", "", true),
	})
	for query, want := range map[string]string{
		"list the owners of boxes":           "alpha_list_owners",
		"list the owners of boxes in delta":  "delta_owners",
		"delta: list the owners of boxes":    "delta_owners",
		`list the owners of "delta" boxes`:   "alpha_list_owners",
		"the owners of boxes, list the beta": "alpha_list_owners",
	} {
		if got := names(x.Search(query, 1, nil)); len(got) != 1 || got[0] != want {
			t.Errorf("%q finds %v, want %s", query, got, want)
		}
	}
}

// What one service calls something is no word for it in another.
func TestMeaningOfAService(t *testing.T) {
	x := find.New([]schemas.Tool{
		tool("hubspot_list_objects", "List objects", "", true),
		tool("weaviate_list_objects", "List objects", "", true),
		tool("weaviate_boxes", "Boxes", "", true),
	})
	if got := names(x.Search("companies", 3, nil)); !slices.Equal(got, []string{"hubspot_list_objects"}) {
		t.Errorf("companies are %v", got)
	}
	if got := names(x.Search("objects", 3, nil)); len(got) < 2 || !slices.Contains(got[:2], "weaviate_list_objects") {
		t.Errorf("objects are %v", got)
	}
}

// The intent of a request decides between tools that fit equally well.
func TestIntent(t *testing.T) {
	x := find.New([]schemas.Tool{
		tool("a_pipeline", "Pipeline", "", false),
		tool("b_pipeline", "Pipeline", "", true),
	})
	for query, want := range map[string]string{
		"show the pipeline":                 "b_pipeline",
		"what is in the pipeline":           "b_pipeline",
		"the pipeline?":                     "b_pipeline",
		"can you please show the pipeline":  "b_pipeline",
		"create a pipeline":                 "a_pipeline",
		"please set the pipeline":           "a_pipeline",
		"could you set the pipeline":        "a_pipeline",
		"hi, i would like to post pipeline": "a_pipeline",
		"pipeline":                          "a_pipeline", // by name
	} {
		if got := names(x.Search(query, 2, nil)); len(got) != 2 || got[0] != want {
			t.Errorf("%q finds %v, want %s first of two", query, got, want)
		}
	}
}

func TestSameAnswerAlways(t *testing.T) {
	all := catalogue(t)
	want := map[string][]find.Hit{}
	x := find.New(all)
	for query := range requests(t, "testdata/requests.txt") {
		want[query] = x.Search(query, 10, nil)
	}
	for range 5 {
		shuffled := slices.Clone(all)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		y := find.New(shuffled)
		for query, hits := range want {
			got := y.Search(query, 10, nil)
			if !slices.Equal(got, hits) {
				t.Fatalf("%q finds %v, and before %v", query, got, hits)
			}
		}
	}
}

func TestConcurrentSearches(t *testing.T) {
	x := find.New(catalogue(t))
	want := x.Search("who owns this deal", 5, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := x.Search("who owns this deal", 5, nil); !slices.Equal(got, want) {
					t.Errorf("found %v, and before %v", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Of a very long request the beginning counts, and no more.
func TestLongRequest(t *testing.T) {
	x := find.New(small())
	long := "post a message " + strings.Repeat("zzz ", 200) + strings.Repeat("run sql ", 100_000)
	if got := names(x.Search(long, 3, nil)); len(got) == 0 || got[0] != "slack_post_message" || slices.Contains(got, "metabase_run_sql") {
		t.Errorf("found %v", got)
	}
}

// hostile are requests that are made to take long.
func hostile() map[string]string {
	var words strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&words, "wrd%c%c%c ", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26)
	}
	return map[string]string{
		"one word":  strings.Repeat("a", 1<<20),
		"words":     words.String(),
		"known":     strings.Repeat("post message channel deal sql list find show update delete ", 5000),
		"almost":    strings.Repeat("mesage chanel contcat dashbord colection quastion ", 5000),
		"control":   strings.Repeat("\x00\x1b[31m\u202e", 5000),
		"broken":    strings.Repeat("\xff\xfe\xc0", 5000),
		"quotes":    strings.Repeat(`" “ « `, 5000),
		"shapes":    strings.Repeat("#a @b a@b.c https://x :y: z.pdf ", 5000),
		"sql":       strings.Repeat("select * from ", 5000),
		"signs":     strings.Repeat("'", 100_000),
		"one a run": strings.Repeat("a b c d e f g h ", 5000),
	}
}

// However a request is made, its search is soon over. The quickest of some tries
// counts, since the machine may be busy with something else.
func TestHostileRequestsAreQuick(t *testing.T) {
	x := find.New(catalogue(t))
	for name, query := range hostile() {
		quickest := time.Hour
		for range 20 {
			begin := time.Now()
			x.Search(query, 5, nil)
			quickest = min(quickest, time.Since(begin))
		}
		if quickest > 5*time.Millisecond { // a tenth of it, and less, without the race detector
			t.Errorf("%s takes %s", name, quickest)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	all := catalogue(b)
	b.ReportMetric(float64(len(all)), "tools")
	for b.Loop() {
		find.New(all)
	}
}

func BenchmarkSearch(b *testing.B) {
	all := catalogue(b)
	x := find.New(all)
	queries := map[string]string{"usual": "who owns the deal with Acme and when did we last talk to them?"}
	for name, q := range hostile() {
		queries[name] = q
	}
	for name, q := range queries {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Search(q, 5, nil)
			}
		})
	}
}

func FuzzSearch(f *testing.F) {
	all := catalogue(f)
	x := find.New(all)
	exists := map[string]bool{}
	for _, t := range all {
		exists[t.Name] = true
	}
	for query := range requests(f, "testdata/requests.txt") {
		f.Add(query)
	}
	for _, query := range hostile() {
		f.Add(query[:min(len(query), 2000)])
	}
	f.Fuzz(func(t *testing.T, query string) {
		hits := x.Search(query, 5, func(name string) bool { return name != "slack_post_message" })
		if len(hits) > 5 {
			t.Fatalf("%d hits", len(hits))
		}
		for i, h := range hits {
			if !exists[h.Name] || h.Name == "slack_post_message" || !(h.Score > 0) {
				t.Fatalf("%q finds %v", query, h)
			}
			if i > 0 && (h.Score > hits[i-1].Score || h.Score == hits[i-1].Score && h.Name <= hits[i-1].Name) {
				t.Fatalf("%q: out of order: %v", query, hits)
			}
		}
		if again := x.Search(query, 5, func(name string) bool { return name != "slack_post_message" }); !slices.Equal(hits, again) {
			t.Fatalf("%q finds %v, then %v", query, hits, again)
		}
	})
}
