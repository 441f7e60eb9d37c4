package audit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	segmentSuffix = ".log"
	segmentDigits = 20
	segmentBytes  = 64 << 20 // a segment that has reached this is not appended to

	maxBody = 256 << 10 // bytes
	maxLine = 512 << 10 // bytes of any line; a batch's leaves stay below it

	tagTree   = "tree"
	tagLeaves = "leaves"
)

// errNoLog is for a folder that is not there, or not yet.
var errNoLog = errors.New("there is no audit log")

func segmentName(first int64) string {
	return fmt.Sprintf("%0*d%s", segmentDigits, first, segmentSuffix)
}

func segmentPath(dir string, first int64) string { return filepath.Join(dir, segmentName(first)) }

// segments lists the first indices of the segments in dir, ascending.
func segments(dir string) ([]int64, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: %w", errNoLog, dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	var list []int64
	for _, e := range names {
		digits, ok := strings.CutSuffix(e.Name(), sealedSuffix)
		if !ok {
			digits, ok = strings.CutSuffix(e.Name(), segmentSuffix)
		}
		if !ok || len(digits) != segmentDigits {
			continue
		}
		first, err := strconv.ParseInt(digits, 10, 64)
		if err == nil && first >= 0 {
			list = append(list, first)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil // one that is being sealed has two files
}

// appendTreeLine appends the first line of a segment: ["tree",size,edge…].
func appendTreeLine(b []byte, t *tree) []byte {
	b = append(b, `["`+tagTree+`",`...)
	b = strconv.AppendInt(b, t.size, 10)
	return appendHashes(b, t.edge)
}

// appendLeavesLine appends the record hashes of a batch: ["leaves",hash…]. The
// signed root authenticates them, and by them Verify names the very record of
// the batch that was changed.
func appendLeavesLine(b []byte, leaves []tlog.Hash) []byte {
	b = append(b, `["`+tagLeaves+`"`...)
	return appendHashes(b, leaves)
}

func appendHashes(b []byte, hashes []tlog.Hash) []byte {
	for _, h := range hashes {
		b = append(b, `,"`...)
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '"')
	}
	return append(b, "]\n"...)
}

// parseArrayLine reads a line of either kind; size is 0 for leaves.
func parseArrayLine(line []byte) (tag string, size int64, hashes []tlog.Hash, err error) {
	bad := errors.New("line is neither a record, a checkpoint, a tree nor leaves")
	var items []json.RawMessage
	if json.Unmarshal(line, &items) != nil || len(items) == 0 || json.Unmarshal(items[0], &tag) != nil {
		return "", 0, nil, bad
	}
	items = items[1:]
	switch tag {
	case tagTree:
		if len(items) == 0 || json.Unmarshal(items[0], &size) != nil {
			return "", 0, nil, bad
		}
		items = items[1:]
	case tagLeaves:
	default:
		return "", 0, nil, bad
	}
	for _, item := range items {
		var s string
		if json.Unmarshal(item, &s) != nil {
			return "", 0, nil, bad
		}
		h, err := tlog.ParseHash(s)
		if err != nil {
			return "", 0, nil, bad
		}
		hashes = append(hashes, h)
	}
	return tag, size, hashes, nil
}

func parseTreeLine(line []byte) (tree, error) {
	tag, size, edge, err := parseArrayLine(line)
	t := tree{size, edge}
	if err == nil && (tag != tagTree || !t.sound()) {
		err = errors.New("segment does not begin with a tree")
	}
	return t, err
}
