package vault

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"toolvault/vault/store"
)

// child is another toolvault process. It tells on stdout that it is ready, waits
// for a line on stdin, and plays its role.
func child(role string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if role == "lock" {
		return keepLocked(ctx, os.Getenv("TOOLVAULT_TEST_STORE"))
	}
	st, err := store.Open(ctx, os.Getenv("TOOLVAULT_TEST_STORE"))
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	ring, err := OpenKeyring(ctx, st, NewSecret(os.Getenv("TOOLVAULT_TEST_MASTER")))
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	o := Options{Store: st, Keyring: ring}
	if role == "stored" {
		// It is told of the refresh when the new tokens are stored and nobody
		// has used them yet: there it stops for ever.
		o.Observe = func(e Event) {
			fmt.Println("stored", e.Kind)
			select {}
		}
	}
	v := New(o)
	v.Configure(nil, servicesFor(os.Getenv("TOOLVAULT_TEST_ISSUER")))
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return 1
	}
	switch role {
	case "resolve", "stored":
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				c, err := v.Resolve(ctx, declare(TypeOAuthToken, "vault:slack/a"))
				if err != nil {
					fmt.Println("error:", err)
					return
				}
				r, _ := http.NewRequest(http.MethodGet, "http://x", nil)
				_ = c.Authorize(r)
				fmt.Println("got", c.Version, r.Header.Get("Authorization"))
			})
		}
		wg.Wait()
	case "delete":
		if err := v.Delete(ctx, "slack/a"); err != nil {
			fmt.Println("error:", err)
		}
		fmt.Println("done", time.Now().UnixNano())
	case "session":
		childSession(ctx, v)
	default:
		changeChild(ctx, role, v)
	}
	_ = st.Close()
	return 0
}

// keepLocked writes to an SQLite file and takes three seconds for it.
func keepLocked(ctx context.Context, path string) int {
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return 1
	}
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('test', 1)`)
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("locked")
	<-time.After(3 * time.Second) // the length of the write, not a wait for anything
	if err := tx.Commit(); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("unlocked")
	return 0
}

// process is a child that was started.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	stdin interface{ Write([]byte) (int, error) }
}

func start(t *testing.T, role, url string, master Secret, issuer string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TOOLVAULT_TEST_ROLE="+role, "TOOLVAULT_TEST_STORE="+url,
		"TOOLVAULT_TEST_MASTER="+master.Reveal(), "TOOLVAULT_TEST_ISSUER="+issuer)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, lines: bufio.NewScanner(out), stdin: in}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line := p.line(); line != "ready" {
		t.Fatal(line)
	}
	return p
}

func (p *process) begin() { _, _ = p.stdin.Write([]byte("\n")) }

func (p *process) line() string {
	if !p.lines.Scan() {
		return "the process has ended"
	}
	return p.lines.Text()
}

func (p *process) rest() []string {
	var all []string
	for p.lines.Scan() {
		all = append(all, p.lines.Text())
	}
	return all
}

func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// Three processes with four calls each find the same ended access token, whose
// refresh token is good for one use.
func testProcessesRefreshOnce(t *testing.T, url string, st store.Store) {
	master := NewMasterKey()
	k := newKitOn(t, st, master)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	var ps []*process
	for range 3 {
		ps = append(ps, start(t, "resolve", url, master, k.issuer.URL))
	}
	for _, p := range ps {
		p.begin()
	}
	for i, p := range ps {
		lines := p.rest()
		if len(lines) != 4 {
			t.Errorf("process %d says %q", i, lines)
		}
		for _, line := range lines {
			if line != "got 3 Bearer access-1" {
				t.Errorf("process %d says %q", i, line)
			}
		}
	}
	if issued, refused, requests := k.issuer.counts(); issued != 1 || refused != 0 || requests != 1 {
		t.Errorf("%d tokens issued, %d refused, %d requests: want exactly one refresh", issued, refused, requests)
	}
}

// A process that is killed after the new tokens are durable and before it has
// used them loses nothing.
func TestKilledAfterStoring(t *testing.T) {
	url := "file:" + t.TempDir() + "/store.db"
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	master := NewMasterKey()
	k := newKitOn(t, st, master)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	p := start(t, "stored", url, master, k.issuer.URL)
	p.begin()
	if line := p.line(); line != "stored refreshed" {
		t.Fatal(line)
	}
	p.kill()
	c := k.resolve(t, declare(TypeOAuthToken, "vault:slack/a"))
	if got := sent(t, c, "Authorization"); got != "Bearer access-1" || c.Version != 3 {
		t.Fatalf("got %q version %d", got, c.Version)
	}
	// The refresh token came along: when the access token is refused, there is
	// a next one. The dead process still holds the lease until it ends by
	// itself, which is not waited for here.
	s, _, err := k.read(t.Context(), "slack/a")
	if err != nil || s.Refresh.Reveal() != "refresh-1" {
		t.Fatalf("the new refresh token is not there: %v", err)
	}
	if issued, refused, _ := k.issuer.counts(); issued != 1 || refused != 0 {
		t.Errorf("%d issued, %d refused", issued, refused)
	}
}

// What one process revokes is dead in another within a second.
func testRevokedElsewhere(t *testing.T, url string, st store.Store) {
	master := NewMasterKey()
	k := newKitOn(t, st, master)
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("key")})
	k.run(t)
	d := declare(TypeAPIKey, "vault:slack/a")
	k.resolve(t, d)
	if _, hit := k.cache.get("slack/a"); !hit {
		t.Fatal("the record is not in memory, so this would prove nothing")
	}
	p := start(t, "delete", url, master, k.issuer.URL)
	p.begin()
	done := p.line()
	if !strings.HasPrefix(done, "done") {
		t.Fatal(done)
	}
	var at int64
	_, _ = fmt.Sscanf(done, "done %d", &at)
	eventually(t, func() bool { _, err := k.Resolve(t.Context(), d); return err != nil })
	if took := time.Since(time.Unix(0, at)); took > time.Second {
		t.Errorf("it took %v", took)
	}
}
