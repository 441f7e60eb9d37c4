package index

import ("testing";"os";"toolvault/audit";"fmt";"time")

func TestZZ(t *testing.T) {
	dir := os.Getenv("TOOLVAULT_BENCH_LOG")
	if dir == "" { t.Skip() }
	for _, text := range []string{"zyzzyva","nevermentioned","user10000@hooli.example","abcdefgh","xylophone77"} {
		w := newWish(audit.Filter{Text: text})
		lib, err := openLibrary(t.Context(), dir, nil)
		if err != nil { t.Fatal(err) }
		start := time.Now()
		n, blocks, open := 0, 0, 0
		per := map[string]int{}
		sl := 0
		for j, err := range lib.newest(t.Context(), &w) {
			if err != nil { t.Fatal(err) }
			c := j.candidates()
			for r := c.last(blockRows); r >= 0; r = c.last(r) { n++; per[fmt.Sprint(j.start/blockRows)]++ }
			blocks++
			open += len(j.loose)
			sl = j.slices
		}
		t.Log(text, "rows", n, "blocks", blocks, "with", len(per), "loose", open, "slices", sl, time.Since(start))
	}
}
