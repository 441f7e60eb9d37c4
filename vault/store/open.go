package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fileName is the database in a data folder.
const fileName = "toolvault.db"

// Open opens the store that a URL names, by its scheme:
//
//	file:PATH                              SQLite; PATH is a folder, or a file that ends in .db
//	redis://[USER:PASSWORD@]HOST:PORT/DB   one Redis server; rediss:// with TLS
//	redis-sentinel://…@HOST:PORT,…/MASTER/DB
//	redis-cluster://…@HOST:PORT,…
//
// No error names a password.
func Open(ctx context.Context, url string) (Store, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok {
		return nil, fmt.Errorf("storage url: it has no scheme: write file:PATH, redis://, rediss://, redis-sentinel:// or redis-cluster://")
	}
	switch scheme {
	case "file":
		path := strings.TrimPrefix(rest, "//")
		if path == "" {
			return nil, fmt.Errorf("storage url: file: needs a path, e.g. file:./data")
		}
		if filepath.Ext(path) != ".db" {
			if err := os.MkdirAll(path, 0o700); err != nil {
				return nil, fmt.Errorf("storage folder: %w", err)
			}
			path = filepath.Join(path, fileName)
		}
		return OpenSQLite(ctx, path)
	case "redis", "rediss", "redis-sentinel", "redis-cluster":
		return OpenRedis(ctx, url)
	}
	return nil, fmt.Errorf("storage url: the scheme %q is not known: write file:PATH, redis://, rediss://, redis-sentinel:// or redis-cluster://", scheme)
}
