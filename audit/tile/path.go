package tile

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// Height is the height of a tile, Width how many hashes a full one has.
	Height = 8
	Width  = 1 << Height

	// maxLevel is the highest level at which a log of int64 records has tiles.
	maxLevel = 7
)

// Entries is the level that stands for the bundles of entries in paths.
const Entries = -1

// Path is where a tile lies, after c2sp.org/tlog-tiles; level is 0 to 63 or
// Entries, n the tile's index in its level, width 1 to Width, below which the
// tile is a partial one.
func Path(level int, n int64, width int) string {
	text := "tile/entries/"
	if level != Entries {
		text = "tile/" + strconv.Itoa(level) + "/"
	}
	text += number(n)
	if width < Width {
		text += ".p/" + strconv.Itoa(width)
	}
	return text
}

// number writes an index in elements of three digits: x001/x234/067.
func number(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

// ParsePath reads a path that Path has made; ok is false for any other text.
func ParsePath(path string) (level int, n int64, width int, ok bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > 64 {
		return 0, 0, 0, false
	}
	word, rest, _ := strings.Cut(rest, "/")
	if level = Entries; word != "entries" {
		if level, ok = decimal(word, 63); !ok {
			return 0, 0, 0, false
		}
	}
	width = Width
	if whole, part, partial := strings.Cut(rest, ".p/"); partial {
		if width, ok = decimal(part, Width-1); !ok || width == 0 {
			return 0, 0, 0, false
		}
		rest = whole
	}
	for elements := strings.Split(rest, "/"); len(elements) > 0; elements = elements[1:] {
		digits, more := strings.CutPrefix(elements[0], "x")
		d, err := strconv.ParseUint(digits, 10, 10)
		if err != nil || len(digits) != 3 || more != (len(elements) > 1) || n > 1<<50 {
			return 0, 0, 0, false
		}
		n = n*1000 + int64(d)
	}
	if Path(level, n, width) != path { // there is one way to write a number
		return 0, 0, 0, false
	}
	return level, n, width, true
}

func decimal(text string, most int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n <= most && strconv.Itoa(n) == text
}
