package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"toolvault/audit"
)

func openAt(t *testing.T, dir string) *App {
	t.Helper()
	a, err := Open(t.Context(), Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func event(t *testing.T, a *App) {
	t.Helper()
	if err := a.Event(t.Context(), "test.event", "", ""); err != nil {
		t.Fatal(err)
	}
}

// Killed after any of its steps, a rotation is ended by the next who opens the
// log, or has not happened; the first key verifies it all.
func TestARotationThatWasCutShort(t *testing.T) {
	for name, steps := range map[string]int{
		"the new key lies there": 1, "the log names it": 2, "it has signed": 3, "it is in place": 4,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			a := openAt(t, dir)
			first := a.AuditKey()
			event(t, a)
			s, err := readAuditKey(AuditDir(dir), a.Keyring)
			if err != nil {
				t.Fatal(err)
			}
			next := signer{audit.NewKey(), s.name}
			if err := sealAuditKey(nextSignerPath(AuditDir(dir)), next, a.Keyring); err != nil {
				t.Fatal(err)
			}
			second, _ := next.verifier()
			if steps > 1 {
				if _, err := a.Log.Append(t.Context(), audit.Record{Phase: audit.PhaseEvent, Event: audit.EventKey, Key: second, Outcome: "ok"}); err != nil {
					t.Fatal(err)
				}
			}
			if steps > 2 {
				sealed, _ := os.ReadFile(signerPath(AuditDir(dir)))
				event(t, a) // signs with the new key, and puts it in place
				if steps == 3 {
					after, _ := os.ReadFile(signerPath(AuditDir(dir)))
					os.WriteFile(nextSignerPath(AuditDir(dir)), after, 0o600)
					os.WriteFile(signerPath(AuditDir(dir)), sealed, 0o600)
				}
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}

			b := openAt(t, dir)
			event(t, b)
			if steps == 1 {
				if _, err := b.RotateAuditKey(t.Context(), "root"); err != nil {
					t.Fatal(err)
				}
			}
			event(t, b)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(nextSignerPath(AuditDir(dir))); err == nil {
				t.Fatal("the next key lies there still")
			}
			report, err := audit.Verify(t.Context(), audit.VerifyOptions{Dir: AuditDir(dir), Key: first})
			if err != nil || report.Problem != nil || len(report.Keys) != 2 || report.Keys[1].Verifier != second {
				t.Fatalf("%+v, %v", report, err)
			}
			e, err := OpenEvidence(t.Context(), Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if key, err := e.Key(); err != nil || key != second {
				t.Fatalf("the key is %s, %v", key, err)
			}
			if head, err := e.Head(t.Context(), second); err != nil || head == nil {
				t.Fatalf("the store keeps no head of the log: %v", err)
			}
			if former, err := e.Former(t.Context(), second); err != nil || len(former) != 0 {
				t.Fatalf("the store knows another log: %v, %v", former, err)
			}
		})
	}
}
