package grafana

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// pngMagic begins every PNG (W3C PNG section 5.2).
const pngMagic = "\x89PNG\r\n\x1a\n"

const (
	maxSide   = 6000       // pixels
	maxPixels = 12_000_000 // more is a small file that fills a client's memory
)

// shownChunks are those that make the picture. All others go: they can hold text,
// which nobody sees and a model may read.
var shownChunks = map[string]bool{"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true, "pHYs": true}

var errNoPNG = errors.New("it is no PNG")

// plainPNG returns a picture with nothing but the picture in it, and its size. What
// is no whole PNG by its first bytes, its chunks and their checksums, is an error,
// whatever the answer said of its type.
func plainPNG(raw []byte) (picture []byte, width, height int, err error) {
	rest, ok := bytes.CutPrefix(raw, []byte(pngMagic))
	if !ok {
		return nil, 0, 0, errNoPNG
	}
	picture = append(make([]byte, 0, len(raw)), pngMagic...)
	data := false
	for first := true; ; first = false {
		if len(rest) < 12 {
			return nil, 0, 0, errNoPNG
		}
		n := int(binary.BigEndian.Uint32(rest))
		if n > len(rest)-12 {
			return nil, 0, 0, errNoPNG
		}
		kind, chunk := string(rest[4:8]), rest[:12+n]
		if crc32.ChecksumIEEE(chunk[4:8+n]) != binary.BigEndian.Uint32(chunk[8+n:]) || first != (kind == "IHDR") {
			return nil, 0, 0, errNoPNG
		}
		if kind == "IHDR" {
			if n != 13 {
				return nil, 0, 0, errNoPNG
			}
			w, h := binary.BigEndian.Uint32(chunk[8:]), binary.BigEndian.Uint32(chunk[12:])
			if w == 0 || h == 0 || w > maxSide || h > maxSide || w*h > maxPixels {
				return nil, 0, 0, errors.New("it has too many pixels")
			}
			width, height = int(w), int(h)
		}
		data = data || kind == "IDAT"
		if shownChunks[kind] {
			picture = append(picture, chunk...)
		}
		if rest = rest[12+n:]; kind == "IEND" {
			break
		}
	}
	if !data {
		return nil, 0, 0, errNoPNG
	}
	return picture, width, height, nil
}
