package audit

import (
	"fmt"
	"os"
	"path/filepath"
)

// turns lets the processes that share a folder write one after the other. A
// file lock alone is not fair: a busy process that lets go takes it again before
// a waiting one has woken up. So whoever wants the lock first takes the turn,
// and lets go of the turn only when it has the lock.
type turns struct{ turn, lock *os.File }

func openTurns(dir string) (*turns, error) {
	open := func(name string) (*os.File, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	}
	turn, err := open("turn")
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	lock, err := open("lock")
	if err != nil {
		turn.Close()
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return &turns{turn, lock}, nil
}

func (t *turns) take() error {
	if err := lockFile(t.turn); err != nil {
		return fmt.Errorf("audit log: lock %s: %w", t.turn.Name(), err)
	}
	err := lockFile(t.lock)
	if e := unlockFile(t.turn); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("audit log: lock %s: %w", t.lock.Name(), err)
	}
	return nil
}

func (t *turns) release() { _ = unlockFile(t.lock) } // closing the file, at the latest, lets go of it

func (t *turns) close() {
	t.turn.Close()
	t.lock.Close()
}
