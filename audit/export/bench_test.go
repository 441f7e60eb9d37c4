package export

import (
	"io"
	"testing"
)

func BenchmarkWrite(b *testing.B) {
	e := kinds()["read"]
	for _, format := range Formats() {
		b.Run(format, func(b *testing.B) {
			w, err := New(format, io.Discard, Options{Name: "toolvault/host"})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Write(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
