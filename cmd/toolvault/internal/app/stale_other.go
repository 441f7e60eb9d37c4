//go:build !unix

package app

// claim and sweep need file locks as Unix has them; elsewhere the system's own
// cleaning of temporary folders has to do.
func claim(string) (release func() error, err error) { return func() error { return nil }, nil }

func sweep(string) {}
