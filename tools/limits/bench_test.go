package limits

import (
	"testing"
	"time"

	"toolvault/vault/store"
)

// What the step costs a call: without limits, and with three that are far away, as
// the gateway asks for it.
func BenchmarkToll(b *testing.B) {
	st, err := store.OpenSQLite(b.Context(), b.TempDir()+"/s.db")
	must(b, err)
	defer func() { _ = st.Close() }()
	budgets := New(Options{Store: st, Now: time.Now})
	budgets.Configure(nil, map[string][]Limit{"limited": {
		{Kind: Calls, Max: MaxCount, Per: Minute}, {Kind: Writes, Max: MaxCount, Per: Day, Service: "slack"}, {Kind: Bytes, Max: MaxBytes, Per: Hour, Tool: "slack_*"},
	}})
	ctx := b.Context()
	one := func(b *testing.B, agent string) {
		toll := budgets.Of(agent, nil, "slack_post_message", "slack")
		err := toll.Call(ctx)
		if err == nil {
			err = toll.Open(ctx)
		}
		if err == nil {
			_, err = toll.Write(ctx)
		}
		if err != nil {
			b.Fatal(err)
		}
		toll.Read(ctx, 900)
	}
	for _, agent := range []string{"free", "limited"} {
		b.Run(agent, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one(b, agent)
			}
		})
		b.Run(agent+"-64", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one(b, agent)
				}
			})
		})
	}
}
