package main

import (
	"context"
	"time"

	"toolvault/audit"
	"toolvault/audit/index"
	"toolvault/audit/many"
	"toolvault/audit/words"
)

// timeForFlags is how a time can be given back to --since and --until.
const timeForFlags = time.RFC3339Nano

func hasWords(text string) bool { return len(words.Of(text)) > 0 }

// indexed is a source for reading its newest entries; building hears how many of
// the records that the index lacks are in it now.
func (s source) indexed(building func(done, total int)) many.Log {
	log := s.log(nil)
	if s.remote == nil {
		log.Newest = func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
			return index.Each(ctx, s.dir, f, func(done, total int) {
				building(done*index.BlockRecords, total*index.BlockRecords)
			}, fn)
		}
	}
	return log
}
