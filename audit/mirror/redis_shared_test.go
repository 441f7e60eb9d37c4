package mirror_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"toolvault/audit/mirror"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// Two logs may have one name: a folder was copied, or the log is one of an older
// version. All records of both arrive, though neither can tell what Redis has of it.
func TestRedisTwoLogsOfAName(t *testing.T) {
	server := storetest.StartRedis(t)
	one, two := t.TempDir(), t.TempDir()
	first, second := open(t, one), open(t, two)
	a, _ := start(t, options(one, "redis", toRedis(t, server.URL, one)))
	b, _ := start(t, options(two, "redis", toRedis(t, server.URL, two)))
	for i := range 40 {
		r := call(i)
		r.Agent = "first-agent"
		add(t, first, r)
		r.Agent = "second-agent"
		add(t, second, r)
		if i%10 == 0 {
			add(t, second, r)
		}
	}
	caughtUp(t, a)
	caughtUp(t, b)
	var got [2]map[string]bool
	got[0], got[1] = map[string]bool{}, map[string]bool{}
	s := inStream(t, server.Client(t))
	for i, text := range s.texts {
		if strings.Contains(text, "first-agent") {
			got[0][s.ids[i]] = true
		} else {
			got[1][s.ids[i]] = true
		}
	}
	if len(got[0]) != 40 || len(got[1]) != 44 {
		t.Errorf("%d of 40 and %d of 44 records arrived", len(got[0]), len(got[1]))
	}
}

// A log that was put back to an older copy goes on with other records under the same
// indices: they are sent, though Redis has had these indices.
func TestRedisAndALogPutBack(t *testing.T) {
	server := storetest.StartRedis(t)
	dir := t.TempDir()
	l := open(t, dir)
	m, stop := start(t, options(dir, "redis", toRedis(t, server.URL, dir)))
	add(t, l, call(0), call(1), call(2))
	caughtUp(t, m)
	stop()
	other := t.TempDir() // the copy
	l = open(t, other)
	add(t, l, call(10), call(11))
	m, _ = start(t, options(other, "redis", toRedis(t, server.URL, other)))
	caughtUp(t, m)
	if n := inStream(t, server.Client(t)).len(); n != 5 {
		t.Errorf("%d entries", n)
	}
}

// Two mirrors of one log may feed one stream, each with what it selects.
func TestRedisTwoMirrorsOfALog(t *testing.T) {
	server := storetest.StartRedis(t)
	dir := t.TempDir()
	l := open(t, dir)
	var list []*mirror.Mirror
	for _, agent := range []string{"one", "two"} {
		o := options(dir, agent, func() (mirror.Sink, error) {
			client, where, err := store.RedisClient(server.URL)
			return mirror.NewRedis(mirror.RedisOptions{Client: client, Where: where, Dir: dir, Name: agent}), err
		})
		o.Filter = mirror.Filter{Agents: []string{agent}}
		m, _ := start(t, o)
		list = append(list, m)
	}
	for i := range 100 {
		r := call(i)
		r.Agent = []string{"one", "two"}[i%2]
		add(t, l, r)
	}
	for _, m := range list {
		caughtUp(t, m)
	}
	s := inStream(t, server.Client(t))
	slices.Sort(s.ids)
	if n := len(slices.Compact(s.ids)); n != 100 || s.len() != 100 {
		t.Errorf("%d entries, %d different", s.len(), n)
	}
}

// A Cluster keeps the stream and what is beside it in one slot.
func TestRedisCluster(t *testing.T) {
	cluster := storetest.StartCluster(t)
	for _, node := range cluster.Nodes {
		if err := node.Client(t).Do(t.Context(), append(documented(t), "+cluster|slots", "~acme*")...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	url := strings.Replace(cluster.URL, "://", "://mirror:hunter2@", 1)
	for _, stream := range []string{"", "acme{audit}"} {
		t.Run(stream, func(t *testing.T) {
			dir := filled(t, 100)
			m, stop := start(t, options(dir, "redis", func() (mirror.Sink, error) {
				client, where, err := store.RedisClient(url)
				return mirror.NewRedis(mirror.RedisOptions{Client: client, Where: where, Dir: dir, Stream: stream}), err
			}))
			caughtUp(t, m)
			stop()
		})
	}
}

// The stream is kept short, and a filter that lets little through is no reason to
// look at the whole log again.
func TestRedisLength(t *testing.T) {
	server := storetest.StartRedis(t)
	dir := filled(t, 5000)
	o := options(dir, "redis", func() (mirror.Sink, error) {
		client, where, err := store.RedisClient(server.URL)
		return mirror.NewRedis(mirror.RedisOptions{Client: client, Where: where, Dir: dir, Name: "redis", MaxLen: 1000}), err
	})
	m, stop := start(t, o)
	caughtUp(t, m)
	c := server.Client(t)
	if n := c.XLen(t.Context(), redisKey).Val(); n < 1000 || n > 1200 {
		t.Errorf("%d entries", n)
	}
	stop()
	l := open(t, dir)
	for i := range 10 {
		add(t, l, call(i))
	}
	o.Filter = mirror.Filter{Agents: []string{"nobody"}}
	m, _ = start(t, o)
	caughtUp(t, m)
	if at := c.HGet(t.Context(), "{"+redisKey+"}:at", logName+" redis").Val(); !strings.HasPrefix(at, "5010 ") {
		t.Errorf("the place is at %q", at)
	}
}

// A user with the rights that the documentation names is enough; without, or with a
// key that is something else, the place is one to mend.
func TestRedisRights(t *testing.T) {
	server := storetest.StartRedis(t)
	if !server.Real {
		t.Skip("SKIPPED: there is no redis-server on the path, so nothing was shown about its users")
	}
	c := server.Client(t)
	args := documented(t)
	if err := c.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	dir := filled(t, 100)
	url := strings.Replace(server.URL, "redis://", "redis://mirror:hunter2@", 1)
	m, stop := start(t, options(dir, "redis", toRedis(t, url, dir)))
	caughtUp(t, m)
	stop()
	inStream(t, c).check(t, dir, 0)

	lot := mirror.Lot{Log: logName, First: 0, End: 1}
	for name, change := range map[string]func(){
		"a right is missing":     func() { c.Do(t.Context(), "ACL", "SETUSER", "mirror", "-xadd") },
		"the password is wrong":  func() { c.Do(t.Context(), "ACL", "SETUSER", "mirror", "resetpass", ">other") },
		"the key is not of ours": func() { c.Del(t.Context(), redisKey); c.Set(t.Context(), redisKey, "x", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			c.Do(t.Context(), args...)
			change()
			sink, err := toRedis(t, url, dir)()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = sink.Close() }()
			c.Del(t.Context(), "{"+redisKey+"}:at")
			lot.Records = []mirror.Record{{ID: "x:0", JSON: []byte("{}")}}
			err = sink.Send(t.Context(), lot)
			var closed *mirror.Closed
			if !errors.As(err, &closed) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v", err)
			}
		})
	}
}

// documented is the rule of the page: what an admin pastes is what is tested here.
func documented(t *testing.T) (args []any) {
	t.Helper()
	page, err := os.ReadFile("../../docs/audit-mirrors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rule, _ := strings.Cut(string(page), "ACL SETUSER mirror")
	rule, _, ok := strings.Cut("ACL SETUSER mirror"+rule, "\n")
	if !ok || !strings.Contains(rule, ">PASSWORD") {
		t.Fatal("the page has no ACL rule")
	}
	for _, word := range strings.Fields(strings.Replace(rule, "PASSWORD", "hunter2", 1)) {
		args = append(args, word)
	}
	return args
}

// What the hash holds is not to be trusted: no content of it loses a record.
func FuzzRedisPosition(f *testing.F) {
	for _, s := range []string{"", " ", "5", "5 x", "-1 x", "0 ", "99999999999999999999 x", "3 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "\x00"} {
		f.Add(s)
	}
	server := storetest.StartRedis(f)
	c := server.Client(f)
	dir := f.TempDir()
	l := open(f, dir)
	for i := range 5 {
		if _, err := l.Append(context.Background(), call(i)); err != nil {
			f.Fatal(err)
		}
	}
	ids, texts := should(f, dir)
	lot := mirror.Lot{Log: logName, First: 0, End: 5, Mark: mirror.Digest{1}}
	for i, id := range ids {
		lot.Records = append(lot.Records, mirror.Record{ID: id, JSON: []byte(texts[id]), Index: int64(i)})
	}
	f.Fuzz(func(t *testing.T, at string) {
		c.Del(t.Context(), redisKey)
		c.HSet(t.Context(), "{"+redisKey+"}:at", logName+" redis", at)
		sink, err := toRedis(t, server.URL, dir)()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = sink.Close() }()
		if err := sink.Send(t.Context(), lot); err != nil {
			t.Fatal(err)
		}
		if n := c.XLen(t.Context(), redisKey).Val(); n != 5 {
			t.Errorf("%q has lost records: %d are there", at, n)
		}
	})
}
