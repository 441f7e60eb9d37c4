package mirror

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"toolvault/audit"
)

// Redis adds records to a stream. An entry has the fields
//
//	id      the record's id
//	record  the record, as NewRecord makes it
//
// The ids of the entries are the server's own: several logs feed one stream, and a
// stream takes an id only above all it has, so an id made of a record's time would
// bar the records of a log that is behind another.
//
// A lot is one script, so it is added as a whole or not at all. Beside the stream, in
// the hash STREAM:at, the script keeps for each log how far the stream has it and
// the digest of the record there, and it adds nothing unless that is what the
// mirror has seen last. So a lot whose answer was lost is not added twice; and what
// Redis has lost, in a crash between two syncs, a failover or a restore of a
// backup, shows at the next lot and is sent again. The digest is held against the
// log: what another log of the same name has left there decides nothing.
type Redis struct {
	client redis.UniversalClient
	where  string
	stream string
	at     string // the hash
	maxLen int64
	dir    string // of the log
	name   string // of the mirror

	known string // what the hash said last; only if asked
	asked bool
}

// DefaultStream is where records go unless the config says otherwise.
const DefaultStream = "toolvault:audit"

// RedisOptions say where the stream is.
type RedisOptions struct {
	Client redis.UniversalClient // is closed with the sink; its ContextTimeoutEnabled must be set
	Where  string                // the hosts, for errors
	Stream string                // the key; "": DefaultStream. Braces only as one hash tag, "a{b}c"
	MaxLen int64                 // entries that the stream keeps, about; 0: all
	Dir    string                // of the log
	Name   string                // of the mirror: several may feed one stream
}

// NewRedis makes a sink.
func NewRedis(o RedisOptions) *Redis {
	if o.Stream == "" {
		o.Stream = DefaultStream
	}
	return &Redis{client: o.Client, where: o.Where, stream: o.Stream, at: besideStream(o.Stream), maxLen: o.MaxLen, dir: o.Dir, name: o.Name}
}

// besideStream names a key that a Cluster keeps in the slot of the stream: both have
// the same hash tag (redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
func besideStream(stream string) string {
	if strings.Contains(stream, "{") {
		return stream + ":at"
	}
	return "{" + stream + "}:at"
}

// addScript adds records if the hash says what the caller has seen last, and
// returns what it says then.
//
//	KEYS: the stream, the hash
//	ARGV: the field, what the caller has seen, what to say then, entries to keep, and then id and record of each
var addScript = redis.NewScript(`
local seen = redis.call('HGET', KEYS[2], ARGV[1]) or ''
if seen ~= ARGV[2] then
  return seen
end
for i = 5, #ARGV, 2 do
  if ARGV[4] == '0' then
    redis.call('XADD', KEYS[1], '*', 'id', ARGV[i], 'record', ARGV[i + 1])
  else
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'id', ARGV[i], 'record', ARGV[i + 1])
  end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return ARGV[3]
`)

// Send adds a lot.
func (r *Redis) Send(ctx context.Context, lot Lot) error {
	field := lot.Log + " " + r.name // the name of a log has no spaces
	if !r.asked {
		seen, err := r.client.HGet(ctx, r.at, field).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return r.fail(err)
		}
		r.known, r.asked = seen, true
	}
	want := position(lot.End, lot.Mark)
	for range 3 {
		next, sure, err := r.next(lot, r.known)
		switch {
		case err != nil:
			return err
		case sure && next < lot.First:
			return &Behind{next}
		case sure && next >= lot.End:
			return nil // it is all there: the answer was lost
		}
		args := make([]any, 0, 4+2*len(lot.Records))
		args = append(args, field, r.known, want, r.maxLen)
		for i := range lot.Records {
			if rec := &lot.Records[i]; !sure || rec.Index >= next {
				args = append(args, rec.ID, rec.JSON)
			}
		}
		seen, err := addScript.Run(ctx, r.client, []string{r.stream, r.at}, args...).Text()
		if err != nil {
			r.asked = false
			return r.fail(err)
		}
		if r.known = seen; seen == want {
			return nil
		}
		// Somebody else has written, or Redis has lost something.
	}
	return fmt.Errorf("%s: another log of the name %s writes to the same stream: give it a stream of its own", r.where, lot.Log)
}

// next reads what the hash says: the index that the stream has all records before;
// sure is false where what is there is not of this log.
func (r *Redis) next(lot Lot, seen string) (next int64, sure bool, err error) {
	if seen == "" {
		return 0, true, nil
	}
	if seen == position(lot.End, lot.Mark) {
		return lot.End, true, nil
	}
	end, mark, _ := strings.Cut(seen, " ")
	n, err := strconv.ParseInt(end, 10, 64)
	if err != nil || n < 1 {
		return 0, false, nil
	}
	reader := audit.NewReader(r.dir)
	defer func() { _ = reader.Close() }()
	raw, err := reader.At(n - 1)
	if errors.Is(err, audit.ErrNoRecord) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return n, mark == markText(digest(raw.Leaf)), nil
}

func position(end int64, mark Digest) string {
	return strconv.FormatInt(end, 10) + " " + markText(mark)
}

func markText(d Digest) string { return base64.RawStdEncoding.EncodeToString(d[:]) }

// Close lets go of the connections.
func (r *Redis) Close() error { return r.client.Close() }

// fail gives an error of Redis its class.
func (r *Redis) fail(err error) error {
	rights := "its user lacks a right on " + r.stream + " and " + r.at + "; docs/audit-mirrors.md has the ACL rule that is enough"
	for _, h := range []struct {
		word, hint string
	}{
		{"WRONGPASS", "it refused the user and password"},
		{"NOAUTH", "it wants a user and password"},
		{"NOPERM", rights},
		{"executing the script can't", rights}, // what Redis 7.0 says for NOPERM within a script
		{"WRONGTYPE", "the key " + r.stream + " or " + r.at + " holds something else: name another stream"},
		{"READONLY", "it is a replica: name the master, or use redis-sentinel://"},
		{"MOVED", "it is a node of a Cluster: write redis-cluster:// and name several nodes"},
	} {
		if strings.Contains(err.Error(), h.word) {
			return &Closed{fmt.Errorf("%s: %s: %w", r.where, h.hint, err)}
		}
	}
	return fmt.Errorf("%s: %w", r.where, err)
}
