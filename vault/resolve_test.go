package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"toolvault/auth/scope"
	"toolvault/vault/store"
)

func TestFind(t *testing.T) {
	k := newKit(t)
	decl := func(id string, o Owner, words string) Declaration {
		return Declaration{ID: id, Owner: o, Service: "slack", Type: TypeAPIKey, Source: "env:X", Scope: scopes(t, words)}
	}
	agent, ada := Owner{Agent: "a"}, Owner{Agent: "a", User: "ada"}
	k.Configure([]Declaration{
		decl("read", agent, "channels:read"), decl("write", agent, "chat:write"), decl("all", agent, scope.ReadWrite),
		decl("ada", ada, "chat:write"), decl("other", Owner{Agent: "b"}, "channels:read"),
	}, nil)
	read := scope.Need{Service: "slack", Name: "channels:read"}
	write := scope.Need{Service: "slack", Name: "chat:write", Write: true}
	for _, c := range []struct {
		name  string
		owner Owner
		need  scope.Need
		want  string
		err   error
	}{
		{"first that allows", agent, read, "read", nil},
		{"another that allows", agent, write, "write", nil},
		{"the user's own first", ada, write, "ada", nil},
		{"then the agent's", ada, read, "read", nil},
		{"a user without any", Owner{Agent: "a", User: "bob"}, write, "write", nil},
		{"scope too small", Owner{Agent: "b"}, write, "", ErrScope},
		{"nobody's", Owner{Agent: "c"}, read, "", ErrNotDeclared},
		{"another service", agent, scope.Need{Service: "hubspot"}, "", ErrNotDeclared},
	} {
		got, err := k.Find(c.owner, c.need.Service, "", c.need)
		if got.ID != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: got %q, %v", c.name, got.ID, err)
		}
	}
	k.Configure([]Declaration{decl("new", agent, "chat:write")}, servicesFor(k.issuer.URL))
	if _, err := k.Find(agent, "slack", "", read); !errors.Is(err, ErrScope) {
		t.Errorf("after another config: %v", err)
	}
	if d := k.Declarations(); len(d) != 1 || d[0].ID != "new" {
		t.Errorf("declarations: %v", d)
	}
}

func TestFromEnvironment(t *testing.T) {
	k := newKit(t)
	d := declare(TypeAPIKey, "env:TOOLVAULT_TEST_KEY")
	if _, err := k.Resolve(t.Context(), d); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "TOOLVAULT_TEST_KEY is not set") {
		t.Errorf("unset: %v", err)
	}
	t.Setenv("TOOLVAULT_TEST_KEY", "two\nlines")
	if _, err := k.Resolve(t.Context(), d); !errors.Is(err, ErrInvalid) || strings.Contains(err.Error(), "lines") {
		t.Errorf("malformed: %v", err)
	}
	t.Setenv("TOOLVAULT_TEST_KEY", "key-1\n")
	c := k.resolve(t, d)
	if got := sent(t, c, "Api-Key"); got != "key-1" || c.ID != d.ID || c.Type != TypeAPIKey {
		t.Errorf("got %q", got)
	}
	if _, err := k.Renew(t.Context(), c); !errors.Is(err, ErrInvalid) {
		t.Errorf("refused, and nothing newer: %v", err)
	}
	t.Setenv("TOOLVAULT_TEST_KEY", "key-2")
	if c, err := k.Renew(t.Context(), c); err != nil || sent(t, c, "Api-Key") != "key-2" {
		t.Errorf("refused, and a newer one: %v", err)
	}
}

func TestFromFile(t *testing.T) {
	k := newKit(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	d := declare(TypeServiceToken, "file:"+path)
	write := func(path, text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		then := k.clock.now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	got := func() string { return sent(t, k.resolve(t, d), "Authorization") }
	if _, err := k.Resolve(t.Context(), d); !errors.Is(err, ErrInvalid) {
		t.Errorf("no file: %v", err)
	}
	write(path, "key-1\n", time.Hour)
	for range 2 { // read, and from memory
		if g := got(); g != "Bearer key-1" {
			t.Fatalf("got %q", g)
		}
	}
	c, ok := k.files.Load(path)
	if !ok || strings.Contains(string(c.(*cachedFile).sealed), "key-1") {
		t.Error("it is not kept sealed")
	}
	write(path, "key-2\r\n", 30*time.Minute) // the time differs
	if got() != "Bearer key-2" {
		t.Error("a change was not seen")
	}
	// Rewritten twice within a tick of the clock: same size, same time.
	write(path, "key-3", 0)
	if got() != "Bearer key-3" {
		t.Error("a change was not seen")
	}
	write(path, "key-4", 0)
	if got() != "Bearer key-4" {
		t.Error("a change within one tick was not seen")
	}
	// Replaced by renaming, as Kubernetes does, with the very time and size.
	write(path, "key-5", time.Hour)
	got()
	info, _ := os.Stat(path)
	write(path+".new", "key-6", 0)
	if err := os.Chtimes(path+".new", info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if got() != "Bearer key-6" {
		t.Error("a replaced file was not seen")
	}
	cred := k.resolve(t, d)
	if _, err := k.Renew(t.Context(), cred); !errors.Is(err, ErrInvalid) {
		t.Errorf("refused and unchanged: %v", err)
	}
	write(path, "key-7", time.Hour)
	if c, err := k.Renew(t.Context(), cred); err != nil || sent(t, c, "Authorization") != "Bearer key-7" {
		t.Errorf("refused and changed: %v", err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(dir, "empty"), "\n", 0)
	write(filepath.Join(dir, "large"), strings.Repeat("k", MaxSecret+1), 0)
	write(filepath.Join(dir, "binary"), "a\x00b", 0)
	for _, bad := range []string{"fifo", "empty", "large", "binary", "."} {
		if _, err := k.Resolve(t.Context(), declare(TypeAPIKey, "file:"+filepath.Join(dir, bad))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	k := newKit(t)
	t.Setenv("TOOLVAULT_TEST_KEY", "k")
	k.put(t, "slack/a", Stored{Type: TypeServiceToken, Secret: NewSecret("k")})
	other := declare(TypeAPIKey, "env:TOOLVAULT_TEST_KEY")
	other.Service = "elsewhere"
	// What is wrong, in plain words and once: whose credential it is stands
	// beside it wherever it is shown.
	unreadable := filepath.Join(t.TempDir(), "unreadable")
	for _, c := range []struct {
		d    Declaration
		kind error
		want string
	}{
		{declare(TypeAPIKey, "env:TOOLVAULT_TEST_NONE"), ErrInvalid, "the environment variable TOOLVAULT_TEST_NONE is not set"},
		{declare(TypeAPIKey, "file:"+unreadable), ErrInvalid, "the file " + unreadable + " does not exist"},
		{declare(TypeAPIKey, "file:"+unreadable), fs.ErrNotExist, "the file " + unreadable + " does not exist"},
		{declare(TypeAPIKey, "file:/dev/null/key"), ErrInvalid, "the file /dev/null/key cannot be read: not a directory"},
		{declare(TypeAPIKey, "vault:none"), ErrInvalid, "there is no vault:none: put it in with toolvault credential put none"},
		{declare(TypeOAuthToken, "vault:none"), ErrNeedsConsent, "there is no vault:none: a person has to consent, with toolvault connect slack --agent support-agent-1"},
		{declare(TypeAPIKey, "vault:slack/a"), ErrInvalid, "the config declares it as api_key and vault:slack/a is stored as service_token: correct one of them"},
		{declare(TypeAPIKey, "xoxb-literal"), ErrInvalid, `the source "xoxb-literal" is none of env:NAME, file:PATH, vault:NAME and exec:PROGRAM`},
		{other, ErrInvalid, "elsewhere takes no credential of type api_key: declare another type"},
		{declare("bsic", "env:TOOLVAULT_TEST_KEY"), ErrInvalid, `the environment variable TOOLVAULT_TEST_KEY: "bsic" is no type of credential: use one of ` + strings.Join(Types(), ", ")},
	} {
		_, err := k.Resolve(t.Context(), c.d)
		if !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	c := k.resolve(t, declare(TypeServiceToken, "vault:slack/a"))
	if _, err := k.Renew(t.Context(), c); !errors.Is(err, ErrInvalid) {
		t.Errorf("refused: %v", err)
	}
	k.put(t, "slack/a", Stored{Type: TypeServiceToken, Secret: NewSecret("k2")})
	if c, err := k.Renew(t.Context(), c); err != nil || c.Version != 3 || sent(t, c, "Authorization") != "Bearer k2" {
		t.Errorf("refused, and a newer one is there: %v", err)
	}
}

// counting is a store that counts reads and can be switched off.
type counting struct {
	store.Store
	gets atomic.Int64
	down atomic.Bool
}

func (c *counting) Get(ctx context.Context, key string) (store.Item, error) {
	if strings.HasPrefix(key, recordPrefix) {
		c.gets.Add(1)
	}
	if c.down.Load() {
		return store.Item{}, store.ErrUnavailable
	}
	return c.Store.Get(ctx, key)
}

// A call is answered from memory while Run follows the store, and only then; and
// not while the store is away, since nobody would tell of a revocation.
func TestCache(t *testing.T) {
	st := &counting{Store: newStore(t)}
	k := newKitOn(t, st, NewMasterKey())
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("key-in-memory")})
	d := declare(TypeAPIKey, "vault:slack/a")
	reads := func(n int) int64 {
		before := st.gets.Load()
		for range n {
			k.resolve(t, d)
		}
		return st.gets.Load() - before
	}
	if n := reads(3); n != 3 {
		t.Errorf("without Run %d reads, want 3: nobody would tell of a change", n)
	}
	stop := k.run(t)
	reads(1)
	if n := reads(50); n != 0 {
		t.Errorf("%d reads of the store for 50 calls, want none", n)
	}
	r, ok := k.cache.get("slack/a")
	if !ok || strings.Contains(string(r.bytes), "key-in-memory") {
		t.Error("it is not kept sealed")
	}
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("key-2")})
	if got := sent(t, k.resolve(t, d), "Api-Key"); got != "key-2" {
		t.Errorf("after a change: %q", got)
	}
	eventually(t, func() bool { reads(1); return reads(1) == 0 })
	st.down.Store(true)
	eventually(t, func() bool { _, err := k.Resolve(t.Context(), d); return errors.Is(err, store.ErrUnavailable) })
	st.down.Store(false)
	eventually(t, func() bool { _, err := k.Resolve(t.Context(), d); return err == nil })
	eventually(t, func() bool { reads(1); return reads(1) == 0 })
	stop()
	if n := reads(2); n != 2 {
		t.Errorf("after Run %d reads, want 2", n)
	}
}

// Run comes back only when a refresh under way has ended: what the service has
// sent must not be lost at shutdown.
func TestRunWaitsForRefreshes(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = k.Run(ctx); close(ended) }()
	k.issuer.delay = make(chan struct{})
	call, hangUp := context.WithCancel(t.Context())
	go func() { _, _ = k.Resolve(call, oauth) }()
	eventually(t, func() bool { k.issuer.mu.Lock(); defer k.issuer.mu.Unlock(); return k.issuer.arrived == 1 })
	hangUp()
	cancel()
	select {
	case <-ended:
		t.Fatal("Run did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	close(k.issuer.delay)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not end")
	}
	s, version, err := k.read(t.Context(), "slack/a")
	if err != nil || version != 3 || s.Refresh.Reveal() != "refresh-1" {
		t.Errorf("version %d, %v", version, err)
	}
}

func BenchmarkResolve(b *testing.B) {
	k := newKit(b)
	k.put(b, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("xoxb-0123456789-0123456789-abcdefghijklmnop")})
	k.put(b, "slack/b", Stored{Type: TypeOAuthToken, Secret: NewSecret("xoxb-0123456789-0123456789-abcdefghijklmnop"), Refresh: NewSecret("xoxe-1-abcdefghijklmnopqrstuvwxyz")})
	path := filepath.Join(b.TempDir(), "key")
	if err := os.WriteFile(path, []byte("file-key"), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
		b.Fatal(err)
	}
	b.Setenv("TOOLVAULT_TEST_KEY", "env-key")
	k.run(b)
	for name, d := range map[string]Declaration{
		"api_key":     declare(TypeAPIKey, "vault:slack/a"),
		"oauth_token": declare(TypeOAuthToken, "vault:slack/b"),
		"file":        declare(TypeAPIKey, "file:"+path),
		"env":         declare(TypeAPIKey, "env:TOOLVAULT_TEST_KEY"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Resolve(context.Background(), d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a person has consented to is that person's, whatever the config says later,
// and stays so when it is refreshed.
func TestAGrantStaysItsPersons(t *testing.T) {
	k := newKit(t)
	grant := withRefresh()
	grant.User = "alice"
	k.put(t, "slack/a", grant)
	of := func(user string) Declaration {
		d := oauth
		d.Owner.User = user
		return d
	}
	for range 2 {
		if _, err := k.Resolve(t.Context(), of("Alice")); err != nil { // names that differ in case are one
			t.Error(err)
		}
		for _, user := range []string{"", "bob"} {
			if c, err := k.Resolve(t.Context(), of(user)); c != nil || !errors.Is(err, ErrNeedsConsent) {
				t.Errorf("for %q: %v", user, err)
			}
		}
		k.clock.add(2 * time.Hour)
	}
	if issued, _, _ := k.issuer.counts(); issued != 1 {
		t.Errorf("it was refreshed %d times", issued)
	}
}
