package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const maxErrors = 20

// Error is one mistake in a file. It never quotes the file beyond a word that
// cannot be a secret.
type Error struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	Field        string // "agents[0].credentials[1].scope"; "" for the file as a whole
	Message      string // what is wrong and what to do

	cause error
}

func newError(file string, at Position, field, format string, args ...any) *Error {
	return &Error{File: file, Line: at.Line, Column: at.Column, Field: field, Message: scrub(fmt.Sprintf(format, args...))}
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
		if e.Line > 0 {
			fmt.Fprintf(&b, "%d:%d:", e.Line, e.Column)
		}
		b.WriteByte(' ')
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Unwrap gives the cause where the operating system had one.
func (e *Error) Unwrap() error { return e.cause }

// Errors are the mistakes of one file, in its order, at most 20.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As look at each.
func (es Errors) Unwrap() []error {
	all := make([]error, len(es))
	for i, e := range es {
		all[i] = e
	}
	return all
}

// collector gathers the mistakes of one file.
type collector struct {
	file string
	all  Errors
}

func (c *collector) add(at Position, field, format string, args ...any) {
	c.all = append(c.all, newError(c.file, at, field, format, args...))
}

// result is nil if there was no mistake.
func (c *collector) result() error {
	if len(c.all) == 0 {
		return nil
	}
	slices.SortStableFunc(c.all, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if n := len(c.all); n > maxErrors {
		c.all = append(c.all[:maxErrors-1], &Error{
			File:    c.file,
			Message: fmt.Sprintf("%d more mistakes; mend these first", n-maxErrors+1),
		})
	}
	return c.all
}

// each calls f for every error at the leaves of a tree of joined errors.
func each(err error, f func(error)) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			each(e, f)
		}
		return
	}
	f(err)
}
