// Package importfile reads a file with many secrets, which go into the vault
// together: JSON, a list of credentials as the config has them, each with its
// agentId and its secret; or dotenv, lines of NAME=value.
//
// What is wrong with a file is told with the line, all mistakes at once. No error
// holds a value of the file, since any may be a secret; a key is shown only where
// it cannot be one. Size, number and depth are bounded.
package importfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
	"unicode/utf8"

	"toolvault/vault"
)

// MaxSize is the largest file that is read.
const MaxSize = 64 << 20

// Item is one secret of a file, and for whom it is.
type Item struct {
	vault.ImportItem

	Variable string // of dotenv: the name that it had there

	// Of JSON: what the config says of the credential. Scope and the parameters
	// are as they stand there; the config is what checks them.
	Agent, User, Account, Service, Scope, ID, BaseURL string

	Broker bool
	Params map[string]string
}

// Options say how a file is read.
type Options struct {
	Now   time.Time
	Types map[string][]string // by service: the types of credential that it takes

	Schemes map[string]map[string]vault.Scheme // by service and type: the keys of a credential there

	// Of dotenv:
	Type   string            // of a secret of which TypeOf says nothing
	TypeOf map[string]string // the type of a variable's secret, as the config declares it
	Names  map[string]string // where in the vault a variable goes; not empty: the others are left out
	Leave  map[string]bool   // variables that are left out
}

// Read reads a file: JSON where it begins with a bracket, else dotenv. Mistakes
// are *vault.ItemError, in the order of lines, in one errors.Join.
func Read(r io.Reader, o Options) ([]Item, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it cannot be read: %w", err)
	case len(b) > MaxSize:
		return nil, errors.New("it is larger than 64 MB: divide it")
	case !utf8.Valid(b):
		return nil, errors.New("it is not text in UTF-8")
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	rest := bytes.TrimLeft(b, " \t\r\n")
	switch {
	case len(rest) == 0:
		return nil, errors.New("it is empty")
	case rest[0] == '[':
		return readJSON(b, o)
	case rest[0] == '{':
		return nil, errors.New(`it is one JSON object: give a list of credentials, [ {"agentId": …, "service": …, "type": …, "secret": …}, … ]`)
	}
	return readDotenv(string(b), o)
}

// mistakes collects what is wrong with the items of a file.
type mistakes struct{ all []error }

// enough is how many mistakes of one file are told.
const enough = 50

func (m *mistakes) add(line int, format string, args ...any) {
	switch {
	case len(m.all) < enough:
		m.all = append(m.all, &vault.ItemError{Line: line, Err: fmt.Errorf(format, args...)})
	case len(m.all) == enough:
		m.all = append(m.all, errors.New("and more"))
	}
}

func (m *mistakes) err() error { return errors.Join(m.all...) }

// plain is a word that is a key or the name of something, and no secret.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z_]{0,29}$`)

// show is a word of the file for an error, if it may be shown.
func show(word string) string {
	if plain.MatchString(word) {
		return `"` + word + `"`
	}
	return "(not shown here)"
}
