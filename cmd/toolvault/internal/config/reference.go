package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"toolvault/vault"
)

// The kinds of references.
const (
	kindEnv   = "env"
	kindFile  = "file"
	kindVault = "vault"
	kindExec  = "exec"
)

const maxSecret = 64 << 10 // bytes that an environment variable or a file may hold

var (
	envName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	vaultName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*(/[A-Za-z0-9][A-Za-z0-9._@+-]*)*$`)
)

// Reference is a place in the file that stands for a secret.
type Reference struct {
	Kind         string // "env", "file", "vault" or "exec"
	Name         string // of the variable, the absolute path of the file, the record, or the program with its arguments
	Where        string // the field: "agents[0].credentials[1].source"
	Line, Column int
}

// String is the reference as Lookup reads it: "env:PINECONE_API_KEY".
func (r Reference) String() string { return r.Kind + ":" + r.Name }

// References lists all references of the file, in its order: the storage URL and
// the master key where they are given by one, the OAuth clients, and the
// credentials.
func (c *Config) References() []Reference { return slices.Clone(c.refs) }

// IsReference reports whether a value stands for a secret, and is not the value
// itself.
func IsReference(s string) bool {
	kind, _, ok := strings.Cut(s, ":")
	return ok && (kind == kindEnv || kind == kindFile || kind == kindVault || kind == kindExec)
}

// reference checks a reference of one of the kinds and notes it. The result is
// "" after an error. A path in it becomes absolute.
func (r *reader) reference(s string, at Position, field string, kinds ...string) string {
	forms := map[string]string{kindEnv: "env:NAME", kindFile: "file:PATH", kindVault: "vault:NAME", kindExec: "exec:PROGRAM"}
	var want []string
	for _, k := range kinds {
		want = append(want, forms[k])
	}
	either := oneOf(want)
	kind, name, ok := strings.Cut(s, ":")
	switch {
	case !ok || forms[kind] == "":
		r.fail(at, field, "a secret never stands in the file: give a reference, %s; if this was a secret, replace it, since it has been in a file", either)
		return ""
	case !slices.Contains(kinds, kind):
		r.fail(at, field, "a %s: reference is not taken here: use %s", kind, either)
		return ""
	case tokenShape.MatchString(name) || kind != kindFile && kind != kindExec && dense(name): // what a program is asked for may have an odd id
		r.fail(at, field, "a secret never stands in the file, and what follows %s: looks like one: give the name of what holds it, %s", kind, either)
		return ""
	}
	switch kind {
	case kindEnv:
		ok = envName.MatchString(name)
	case kindFile:
		ok = name != "" && len(name) <= 4096 && name == strings.TrimSpace(name) && !strings.ContainsAny(name, "\n\x00")
	case kindVault:
		ok = len(name) <= 200 && vaultName.MatchString(name)
	}
	if kind == kindExec {
		if err := vault.CheckCommand(name); err != nil {
			r.fail(at, field, "malformed reference: %v", err)
			return ""
		}
		ok = true
	}
	if !ok {
		r.fail(at, field, "malformed reference: %s", map[string]string{
			kindEnv:   "after env: stands the name of an environment variable, letters, digits and _",
			kindFile:  "after file: stands the path of a file",
			kindVault: "after vault: stands the name of a credential, such as slack/support-agent-1",
		}[kind])
		return ""
	}
	if kind == kindFile {
		name = r.absolute(name)
	}
	ref := Reference{Kind: kind, Name: name, Where: field, Line: at.Line, Column: at.Column}
	r.refs = append(r.refs, ref)
	return ref.String()
}

// clientID takes an OAuth client's id, which is no secret, or a reference to it.
func (r *reader) clientID(s string, at Position, field string) string {
	if IsReference(s) {
		return r.reference(s, at, field, kindEnv, kindFile, kindExec)
	}
	if len(s) > 256 || strings.ContainsAny(s, " \t\n") || tokenShape.MatchString(s) {
		r.fail(at, field, "this must be the id of an OAuth client, or a reference to it, env:NAME, file:PATH or exec:PROGRAM")
		return ""
	}
	return s
}

// absolute is a path of the file, seen from the file's folder.
func (c *Config) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.dir, path)
}

// Lookup gives the secret that an "env:", "file:" or "exec:" reference stands for,
// without line ends at its end. It is an error if there is none, if it is empty,
// or if it is larger than 64 KiB; the error never holds any of it. A program runs
// for ten seconds at most (vault.Exec).
func (c *Config) Lookup(ref string) (vault.Secret, error) {
	kind, name, _ := strings.Cut(ref, ":")
	var value string
	switch kind {
	case kindEnv:
		v, ok := os.LookupEnv(name)
		if !ok {
			return vault.Secret{}, fmt.Errorf("environment variable %s is not set", key(name))
		}
		if len(v) > maxSecret {
			return vault.Secret{}, fmt.Errorf("environment variable %s holds more than 64 KiB", key(name))
		}
		value = v
	case kindFile:
		v, err := readSecret(c.absolute(name))
		if err != nil {
			return vault.Secret{}, err
		}
		value = v
	case kindExec:
		return vault.Exec(context.Background(), name)
	case kindVault:
		return vault.Secret{}, fmt.Errorf("vault:%s is resolved by the vault", key(name))
	default:
		return vault.Secret{}, errors.New("a reference is written env:NAME, file:PATH or exec:PROGRAM")
	}
	value = strings.TrimRight(value, "\r\n")
	if strings.TrimSpace(value) == "" {
		if kind == kindEnv {
			return vault.Secret{}, fmt.Errorf("environment variable %s is empty", key(name))
		}
		return vault.Secret{}, fmt.Errorf("file %s is empty", c.absolute(name))
	}
	return vault.NewSecret(value), nil
}

// LookupOrLiteral is Lookup, but a value that is no reference stands for itself:
// an OAuth client's id.
func (c *Config) LookupOrLiteral(s string) (vault.Secret, error) {
	if !IsReference(s) {
		return vault.NewSecret(s), nil
	}
	return c.Lookup(s)
}

func readSecret(path string) (string, error) {
	b, err := readRegular(path, maxSecret)
	switch {
	case errors.Is(err, errTooLarge):
		return "", fmt.Errorf("file %s holds more than 64 KiB", path)
	case err != nil:
		return "", fmt.Errorf("file %s cannot be read: %w", path, reason(err))
	}
	return string(b), nil
}

// readRegular reads a regular file of at most limit bytes. A pipe or a device
// could hold the program for ever.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, nil
}

var (
	errNotRegular = errors.New("it is not a regular file")
	errTooLarge   = errors.New("it is too large")
)

// reason is the error of the operating system without the path, which the
// sentence around it has already named.
func reason(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
