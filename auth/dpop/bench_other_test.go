//go:build !unix

package dpop_test

import "testing"

func watchCPU(b *testing.B) (stop func()) {
	b.ResetTimer()
	return func() {}
}
