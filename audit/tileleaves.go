package audit

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// tileLeaves returns the hashes of records as the full tiles beside the log have
// them (c2sp.org/tlog-tiles), nil where they are not all there. What they say is
// only as good as the root that they make.
func tileLeaves(dir string, first, end int64) []tlog.Hash {
	const width = 256
	var list []tlog.Hash
	for n := first / width; n*width < end; n++ {
		tile, err := os.ReadFile(filepath.Join(dir, "tile", "0", filepath.FromSlash(tileNumber(n))))
		if err != nil || len(tile) != width*tlog.HashSize {
			return nil
		}
		for i := range int64(width) {
			if index := n*width + i; index >= first && index < end {
				list = append(list, tlog.Hash(tile[i*tlog.HashSize:(i+1)*tlog.HashSize]))
			}
		}
	}
	return list
}

// tileNumber is the path of the n-th tile of a level: 1234067 is x001/x234/067.
func tileNumber(n int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return path
}
