package main

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// errStopped is what a command says that was told to stop while it waited for a
// person.
var errStopped = errors.New("it was interrupted: nothing was changed")

// awaited is what read returns, or errStopped when ctx ends first. A read from a
// terminal or a pipe cannot be called off: it is left behind, in a program that
// is about to end.
func awaited[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := read()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, errStopped
	}
}

// hidden reads a line from a terminal without echo, which is on again
// afterwards also where ctx ended.
func hidden(ctx context.Context, terminal *os.File) ([]byte, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	line, err := awaited(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if errors.Is(err, errStopped) {
		_ = term.Restore(fd, before)
	}
	return line, err
}

// untilStopped is a reader that ends with errStopped when ctx does.
type untilStopped struct {
	ctx  context.Context
	from io.Reader
}

func (r untilStopped) Read(p []byte) (int, error) {
	got, err := awaited(r.ctx, func() ([]byte, error) {
		b := make([]byte, len(p)) // of its own: the read may outlive the caller
		n, err := r.from.Read(b)
		return b[:n], err
	})
	return copy(p, got), err
}
