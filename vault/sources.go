package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

// outside gets the secret of a credential from where the config says that it is,
// other than the vault, and holds it against the form of the credential's type.
// Version is the time of the last change in seconds since 1970 for file:, and 0
// for the others, which have none.
func (v *Vault) outside(ctx context.Context, d Declaration) (Secret, int64, error) {
	kind, where, _ := strings.Cut(d.Source, ":")
	var secret Secret
	var version int64
	var err error
	var place string
	switch kind {
	case "env":
		place = "the environment variable " + where
		secret, err = fromEnv(where)
	case "file":
		place = "the file " + where
		secret, version, err = v.fromFile(where)
	case "exec":
		place = "the program of " + d.ID
		secret, err = v.fromProgram(ctx, where)
	default:
		err = fmt.Errorf("the source %q is none of env:NAME, file:PATH, vault:NAME and exec:PROGRAM", d.Source)
	}
	if err == nil {
		if err = CheckSecret(d.Type, secret, v.clock()); err != nil {
			err = fmt.Errorf("%s: %w", place, err)
		}
	}
	switch {
	case errors.Is(err, ErrUnavailable):
		return Secret{}, 0, err
	case err != nil:
		return Secret{}, 0, invalid("%w", err)
	}
	return secret, version, nil
}

// Check says whether a declared credential can be used, as far as that can be told
// without asking the service for anything: the secret is there, has the form of its
// type, and fits what the config says besides. The error is one that Resolve would
// return. An oauth_token in the vault is not looked into.
func (v *Vault) Check(ctx context.Context, d Declaration) error {
	var s Stored
	var err error
	if name, ok := strings.CutPrefix(d.Source, "vault:"); ok {
		if d.Type == TypeOAuthToken {
			return nil
		}
		if s, _, err = v.read(ctx, name); err != nil {
			return missing(d, name, err)
		}
		switch {
		case s.State == StateRevoked:
			return revoked(d, name, s)
		case s.Type != d.Type:
			return invalid("the config declares it as %s and vault:%s is stored as %s: correct one of them", d.Type, name, s.Type)
		}
		if err := CheckSecret(d.Type, s.Secret, v.clock()); err != nil {
			return invalid("vault:%s: %w", name, err)
		}
	} else {
		s.Type = d.Type
		if s.Secret, _, err = v.outside(ctx, d); err != nil {
			return err
		}
	}
	k := kinds[d.Type]
	if k.obtain == nil {
		_, err := v.credential(ctx, d, s, 0)
		return err
	}
	m, err := v.material(d, s.Secret)
	if err == nil && k.fits != nil {
		err = k.fits(m)
	}
	return err
}

// fromEnv reads a secret from the environment.
func fromEnv(name string) (Secret, error) {
	text := trimNewline(os.Getenv(name))
	if text == "" {
		return Secret{}, fmt.Errorf("the environment variable %s is not set", name)
	}
	return NewSecret(text), nil
}

// trimNewline drops the line break that editors and echo put at the end.
func trimNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// cachedFile is a file's content, sealed, and how the file looked then.
type cachedFile struct {
	info   fs.FileInfo
	sealed []byte
}

// settled is how long a file must have been left alone before its looks are
// trusted: two writes within one tick of the file system's clock look the same.
const settled = 2 * time.Second

// fromFile reads a secret of at most MaxSecret bytes from a file, again whenever
// the file's identity, size or time of change differ. The version is the time
// of the last change in seconds since 1970.
func (v *Vault) fromFile(path string) (Secret, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Secret{}, 0, unreadable(path, err)
	}
	version := info.ModTime().Unix()
	if c, ok := v.files.Load(path); ok {
		c := c.(*cachedFile)
		if os.SameFile(c.info, info) && c.info.Size() == info.Size() && c.info.ModTime().Equal(info.ModTime()) {
			plain, err := v.keyring.Open(c.sealed, "file:"+path, version)
			if err == nil {
				s := NewSecret(string(plain))
				clear(plain)
				return s, version, nil
			}
		}
	}
	text, info, err := readSecretFile(path)
	if err != nil {
		return Secret{}, 0, err
	}
	version = info.ModTime().Unix()
	if v.now().Sub(info.ModTime()) > settled {
		sealed, err := v.keyring.Seal([]byte(text), "file:"+path, version)
		if err != nil {
			return Secret{}, 0, err
		}
		v.files.Store(path, &cachedFile{info, sealed})
	}
	return NewSecret(text), version, nil
}

func readSecretFile(path string) (string, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe would keep the call waiting
	if err != nil {
		return "", nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", nil, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return "", nil, fmt.Errorf("%s is not a file: name one with the secret in it", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxSecret+3))
	if err != nil {
		return "", nil, unreadable(path, err)
	}
	text := trimNewline(string(b))
	clear(b)
	if len(text) > MaxSecret {
		return "", nil, fmt.Errorf("the file %s is larger than %d bytes: name a file with the secret and nothing else", path, MaxSecret)
	}
	if text == "" {
		return "", nil, fmt.Errorf("the file %s is empty", path)
	}
	return text, info, nil
}

// unreadable says in plain words why a file cannot be read.
func unreadable(path string, err error) error {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return because(err, "the file %s does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		return because(err, "the file %s may not be read by this user: see its owner and mode", path)
	case errors.As(err, &p):
		err = p.Err
	}
	return fmt.Errorf("the file %s cannot be read: %w", path, err)
}
