package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/bucket"
	"toolvault/vault/store/storetest"
)

// documented is the command of the page that makes the user: what an admin
// pastes is what is tested here.
func documented(t *testing.T) (rule []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "run-on-redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	at := strings.Index(text, "ACL SETUSER toolvault on >PASSWORD")
	if at < 0 {
		t.Fatal("the page has no ACL rule")
	}
	block, _, ok := strings.Cut(text[at:], "```")
	if !ok {
		t.Fatal("the ACL rule is in no block")
	}
	return strings.Fields(strings.ReplaceAll(block, "\\\n", " "))
}

// grant makes a user of that rule, without the rights that are named.
func grant(t *testing.T, r *storetest.RedisServer, rule []string, user string, without ...string) {
	t.Helper()
	args := []any{}
	for i, word := range rule {
		switch {
		case i == 2:
			word = user
		case slices.Contains(without, word):
			continue
		}
		args = append(args, word)
	}
	if err := r.Client(t).Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

// everything uses all of a store on a Redis that deserves so many warnings, and
// returns what does not work.
func everything(t *testing.T, url string, warnings int) error {
	st, err := store.Open(t.Context(), url)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	events := st.Watch(ctx)
	lease, err := st.Lease(ctx, "l", time.Minute)
	if err != nil {
		return err
	}
	got, err := st.Get(ctx, "k")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	v := got.Version
	if err := errors.Join(
		st.Put(ctx, store.Item{Key: "k", Version: v + 1, Value: []byte("x")}, lease),
		st.Put(ctx, store.Item{Key: "k", Version: v + 2, Value: []byte("y")}, nil),
		lease.Extend(ctx, time.Minute), lease.Release(ctx), st.Ping(ctx),
		st.Put(ctx, store.Item{Key: "f", Version: 1}, nil), st.Forget(ctx, "f", 1),
	); err != nil {
		return err
	}
	if items, err := st.List(ctx, "", "", 10); err != nil || len(items) != 1 {
		return fmt.Errorf("%d are listed: %w", len(items), err)
	}
	if _, err := st.Now(ctx); err != nil {
		return err
	}
	if got, _, err := st.Spend(ctx, "b", bucket.Rate{Burst: 100, Every: time.Second}, 1, 0); err != nil || got != 1 {
		return fmt.Errorf("a bucket gave %d: %w", got, err)
	}
	if err := st.Pause(ctx, "c", time.Second); err != nil {
		return err
	}
	if err := st.Delete(ctx, "k", v+2); err != nil {
		return err
	}
	if w := store.Warnings(ctx, st); len(w) != warnings || !strings.Contains(w[0], "appendfsync is everysec") {
		return fmt.Errorf("the warnings are %q", w)
	}
	for began := time.Now(); time.Since(began) < 2*time.Second; { // a subscription that holds, and tells
		select {
		case <-events:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("no change is told")
}

// elsewhere are the rights that one server alone does not need.
var elsewhere = []string{"+wait", "+cluster|slots"}

// The rule of the page is enough, with every right in it needed, and reaches no
// further than the vault's own keys.
func TestRedisUserWithTheLeastRights(t *testing.T) {
	t.Parallel()
	serverOrSkip(t)
	rule := documented(t)
	settings := []string{"--appendonly", "yes", "--appendfsync", "everysec"}
	r := storetest.StartRedis(t, append(settings, "--databases", "99", "--repl-diskless-sync-delay", "0")...)
	_, port, _ := net.SplitHostPort(r.Addr())
	storetest.StartRedis(t, "--replicaof", "127.0.0.1 "+port)
	until(t, 20*time.Second, "the replica is connected", func() bool {
		return strings.Contains(r.Client(t).Info(t.Context(), "replication").Val(), "connected_slaves:1")
	})
	grant(t, r, rule, "toolvault")
	url := "redis://toolvault:PASSWORD@" + r.Addr() + "/1"
	if err := everything(t, url, 2); err != nil {
		t.Fatalf("the rule of the page is not enough: %v", err)
	}
	for i, word := range rule {
		if !strings.HasPrefix(word, "+") || slices.Contains(elsewhere, word) {
			continue
		}
		t.Run("without "+word, func(t *testing.T) {
			t.Parallel()
			user, r := fmt.Sprintf("u%d", i), r
			if word == "+eval" { // where each script is known already, it is not needed
				r = storetest.StartRedis(t, append(settings, "--databases", "99")...)
			}
			grant(t, r, rule, user, word)
			if err := everything(t, fmt.Sprintf("redis://%s:PASSWORD@%s/%d", user, r.Addr(), i+1), 2); err == nil {
				t.Errorf("all works without %s: it is more than the least", word)
			} else if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("without %s: it fails for another reason: %v", word, err)
			}
		})
	}
	admin := r.Client(t)
	for _, refused := range []string{"{toolvault:staging}:record:k", "anything"} {
		out := admin.Do(t.Context(), "ACL", "DRYRUN", "toolvault", "SET", refused, "x").Val()
		if text, _ := out.(string); text == "OK" {
			t.Errorf("the user may write %s", refused)
		}
	}
	for _, command := range [][]any{{"FLUSHALL"}, {"KEYS", "*"}, {"CONFIG", "SET", "appendonly", "no"}, {"ACL", "LIST"}, {"DEBUG", "SLEEP", "1"}, {"SHUTDOWN"}} {
		out := admin.Do(t.Context(), append([]any{"ACL", "DRYRUN", "toolvault"}, command...)...).Val()
		if text, _ := out.(string); text == "OK" {
			t.Errorf("the user may %v", command)
		}
	}
	if _, err := store.Open(t.Context(), url+"?namespace=staging"); err == nil || !strings.Contains(err.Error(), "{toolvault:staging}:*") {
		t.Errorf("another namespace: %v", err)
	}
}

// The same rule on each node of a Cluster, and under Sentinel with replicas to
// wait for, and in a namespace.
func TestRedisUserElsewhere(t *testing.T) {
	t.Parallel()
	rule := documented(t)
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := storetest.StartCluster(t, "--appendonly", "yes", "--appendfsync", "everysec")
		for _, r := range c.Nodes {
			grant(t, r, rule, "toolvault")
		}
		if err := everything(t, strings.Replace(c.URL, "://", "://toolvault:PASSWORD@", 1)+"?replicas=0", 1); err != nil {
			t.Error(err)
		}
		for i, word := range elsewhere[1:] {
			user := fmt.Sprintf("u%d", i)
			for _, r := range c.Nodes {
				grant(t, r, rule, user, word)
			}
			if err := everything(t, strings.Replace(c.URL, "://", "://"+user+":PASSWORD@", 1)+"?replicas=0", 1); err == nil {
				t.Errorf("all works without %s: it is more than the least", word)
			}
		}
	})
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := storetest.StartSentinel(t, 1, "--appendonly", "yes", "--appendfsync", "everysec")
		for _, r := range s.Servers {
			grant(t, r, rule, "toolvault")
		}
		if err := everything(t, strings.Replace(s.URL, "://", "://toolvault:PASSWORD@", 1)+"?replicas=1", 1); err != nil {
			t.Error(err)
		}
		grant(t, s.Servers[0], rule, "u", "+wait")
		if err := everything(t, strings.Replace(s.URL, "://", "://u:PASSWORD@", 1)+"?replicas=1", 1); err == nil {
			t.Error("all works without +wait: it is more than the least")
		}
	})
	t.Run("namespace", func(t *testing.T) {
		t.Parallel()
		r := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec")
		in := slices.Clone(rule)
		for i := range in {
			in[i] = strings.ReplaceAll(in[i], "{toolvault}", "{toolvault:staging-2}")
		}
		grant(t, r, in, "toolvault")
		if err := everything(t, "redis://toolvault:PASSWORD@"+r.Addr()+"?namespace=staging-2", 1); err != nil {
			t.Error(err)
		}
	})
}

// A user and password of the URL, with every character that has a meaning there.
func TestRedisPassword(t *testing.T) {
	serverOrSkip(t)
	r := storetest.StartRedis(t, "--requirepass", "hunter2@:/%", "--user", "vault", "on", ">hunter3",
		"~*", "&*", "+@all")
	at := r.Addr()
	for user, want := range map[string]string{
		":hunter2%40%3A%2F%25": "", "default:hunter2%40%3A%2F%25": "", "vault:hunter3": "",
		"": "refused the user and password", ":hunter9": "refused the user and password",
	} {
		st, err := store.Open(t.Context(), "redis://"+user+"@"+at+"/0")
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("%q: %v", user, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", user, err)
			continue
		}
		if err := st.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		l, err := st.Lease(t.Context(), "l", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := st.Get(t.Context(), "k"); err == nil || now.Version == 0 {
			if err := st.Put(t.Context(), store.Item{Key: "k", Version: now.Version + 1}, l); err != nil {
				t.Error(err)
			}
		}
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
		_ = st.Close()
	}
}
