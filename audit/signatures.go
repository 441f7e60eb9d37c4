package audit

import (
	"runtime"
	"sync"
)

const signatureBatch = 512

// signature is one that has yet to be checked: they are the dearest part of
// Verify, and do not depend on each other.
type signature struct {
	msg    []byte
	before tree // the last good one if this is forged
	file   string
	line   int // of the checkpoint
	first  int // line of the first record it covers
}

// flush checks the signatures on all cores and fails at the first that is not
// good; a problem found meanwhile stands behind them all.
func (v *verification) flush() {
	list := v.signatures
	errs := make([]error, len(list))
	workers := min(runtime.GOMAXPROCS(0), len(list))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(list); i += workers {
				errs[i] = v.auth.check(list[i].msg)
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			s := list[i]
			v.problem = &Problem{Index: s.before.size, File: s.file, Line: s.first, Reason: err.Error()}
			v.good = s.before
			v.checkpoints -= int64(len(list) - i)
			break
		}
	}
	v.signatures = list[:0]
}
