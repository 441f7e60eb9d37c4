//go:build !unix

package monitor

func processTime() int64 { return 0 }
