package vault

import (
	"context"
	"time"
)

// noise is how far clocks may seem apart because it takes time to ask.
const noise = time.Second

// clock is the time by which tokens end: this machine's, set right by the store's,
// so that machines whose clocks disagree agree about a token that they share.
func (v *Vault) clock() time.Time { return v.now().Add(time.Duration(v.offset.Load())) }

// setClock asks the store what time it is.
func (v *Vault) setClock(ctx context.Context) {
	before := v.now()
	theirs, err := v.store.Now(ctx)
	if err != nil {
		return // the offset of before still holds
	}
	mine := before.Add(v.now().Sub(before) / 2)
	offset := theirs.Sub(mine)
	if offset.Abs() < noise {
		offset = 0
	}
	if was := time.Duration(v.offset.Swap(int64(offset))); (was - offset).Abs() > time.Minute {
		v.log.Warn("this machine's clock and the store's disagree; the store's counts for when tokens end", "by", offset.Round(time.Second))
	}
}
