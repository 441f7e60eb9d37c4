package store

import (
	"errors"
	"strings"
)

// redisNames are the keys of one vault in a Redis. They share one hash tag, so
// that on a Cluster they live in one slot and a script may touch several. With a
// namespace the tag is another, and so are all keys and the channel: two vaults
// on one Redis do not see each other.
type redisNames struct {
	tag     string // {toolvault} or {toolvault:NAMESPACE}
	record  string // + key: a hash of v, the version, d, the value (none: deleted), and w, which call wrote it
	keys    string // a sorted set of the keys that are not deleted
	forgot  string // + mark: that this call has forgotten a record, for seconds
	lease   string // + name: who holds it, until it ends
	tokens  string // a hash of the last token by name
	bucket  string // + name: a token bucket, until it is full
	format  string
	ping    string
	changes string // the channel on which a changed key is told
}

func namesOf(namespace string) redisNames {
	tag := "{toolvault}"
	if namespace != "" {
		tag = "{toolvault:" + namespace + "}"
	}
	return redisNames{
		tag:    tag,
		record: tag + ":record:", keys: tag + ":keys", forgot: tag + ":forgot:",
		lease: tag + ":lease:", tokens: tag + ":tokens",
		bucket: tag + ":bucket:",
		format: tag + ":format", ping: tag + ":ping", changes: tag + ":changes",
	}
}

// checkNamespace takes what may stand in a key and in an ACL rule without a
// second meaning there.
func checkNamespace(name string) error {
	if name == "" || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return errors.New("a namespace has 1 to 32 of a-z, 0-9 and -, e.g. ?namespace=staging")
	}
	return nil
}
