//go:build unix

package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// BenchmarkDurable measures records a second, durable, beside a bare loop that
// writes the very same groups of bytes and syncs each: x-bare is the log's speed
// as a part of that. Both take turns in short rounds, for a disk has moods.
func BenchmarkDurable(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			const rounds = 8
			each := max(b.N/rounds/writers, 1)
			dir := b.TempDir()
			l := openTest(b, dir, func(o *Options) { o.segmentBytes = 1 << 40 })
			bare, err := os.Create(filepath.Join(b.TempDir(), "bare"))
			if err != nil {
				b.Fatal(err)
			}
			defer bare.Close()
			var logTime, bareTime time.Duration
			var records, groups, at, off int64
			r := call(1)
			r.Result = oneKB()
			r.Time = time.Now()
			b.ResetTimer()
			for range rounds {
				begun := time.Now()
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for range each {
							if _, err := l.Append(b.Context(), r); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				logTime += time.Since(begun)
				records += int64(writers * each)

				var batches [][]byte
				batches, at = batchesFrom(b, segmentPath(dir, 0), at)
				begun = time.Now()
				for _, group := range batches {
					if _, err := bare.WriteAt(group, off); err != nil {
						b.Fatal(err)
					}
					if err := syncData(bare); err != nil {
						b.Fatal(err)
					}
					off += int64(len(group))
				}
				bareTime += time.Since(begun)
				groups += int64(len(batches))
			}
			b.ReportMetric(float64(records)/logTime.Seconds(), "records/s")
			b.ReportMetric(float64(records)/bareTime.Seconds(), "bare-records/s")
			b.ReportMetric(float64(records)/float64(groups), "records/sync")
			b.ReportMetric(bareTime.Seconds()/logTime.Seconds(), "x-bare")
		})
	}
}

// batchesFrom reads what one write each has added behind an offset.
func batchesFrom(b *testing.B, path string, at int64) (list [][]byte, end int64) {
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	text = text[at:]
	end = at + int64(len(text))
	for len(text) > 0 {
		n := 0
		for line := range bytes.Lines(text) {
			if n += len(line); line[0] == '"' {
				break
			}
		}
		list, text = append(list, text[:n]), text[n:]
	}
	return list, end
}
