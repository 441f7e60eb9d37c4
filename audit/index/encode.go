package index

import (
	"encoding/binary"
	"hash/crc32"
	"maps"
	"slices"
)

// A file is a page with the header, the checksums of the pages after it, and
// those pages, which hold the sections one after the other. All numbers are
// little-endian.
const (
	magic    = "tvindex\n"
	pageSize = 4096
)

// The sections. A column has three: the values' hashes in order, where the rows
// of each begin (left out where each value has one row), and the rows.
const (
	inSets   = iota // three row sets: entries, intents, intents without an outcome here
	inTakers        // 64 bits of a call id's hash, 16 of a row
	inLoose
	inPairs     // 16 bits of an intent's row, 16 of its outcome's
	inTimes     // 32 bits a row: units after the earliest time
	inCallKeys  // 64 bits each
	inCallRows  // 16 bits each
	inCommon    // the words of most groups, 32 bits each, in order
	inWords     // the slices of the others
	inColumns   // from here on
	sections    = inColumns + 3*columns
	callRowSize = 10
)

// header is what the first page says.
type header struct {
	number           int64
	per              int64 // records of a block
	first, count     int   // the first row that is there, and how many are
	newest           [16]byte
	minTime, maxTime int64
	minEntry         int64
	unit             uint // times are in 1<<unit ms
	slices           int
	section          [sections]extent
	pages            int // after the checksums
	sums             uint32
}

type extent struct{ off, size int }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// file is the block as it lies on disk.
func (b *builder) file() []byte {
	words := b.words.summary()
	h := header{
		number: b.number, per: b.per, first: max(b.first, 0), count: b.count,
		minTime: b.minTime, maxTime: b.maxTime, minEntry: b.minEntry, slices: words.slices,
	}
	copy(h.newest[:], b.newest[:])
	for b.maxTime > b.minTime && uint64(b.maxTime-b.minTime)>>h.unit > 1<<32-1 {
		h.unit++
	}
	data := make([]byte, 0, 2<<20)
	put := func(section int, fill func([]byte) []byte) {
		start := len(data)
		data = fill(data)
		h.section[section] = extent{start, len(data) - start}
	}
	put(inSets, b.encodeSets)
	takers, loose := b.crossing()
	put(inTakers, func(p []byte) []byte { return encodeCalls(p, takers) })
	put(inLoose, func(p []byte) []byte { return encodeCalls(p, loose) })
	put(inPairs, b.encodePairs)
	put(inTimes, func(p []byte) []byte {
		for row := range blockRows {
			p = binary.LittleEndian.AppendUint32(p, uint32(uint64(max(b.times[row]-b.minTime, 0))>>h.unit))
		}
		return p
	})
	slices.SortFunc(b.calls, compareCalls)
	put(inCallKeys, func(p []byte) []byte {
		for _, c := range b.calls {
			p = binary.LittleEndian.AppendUint64(p, c.id)
		}
		return p
	})
	put(inCallRows, func(p []byte) []byte {
		for _, c := range b.calls {
			p = binary.LittleEndian.AppendUint16(p, uint16(c.row))
		}
		return p
	})
	for c := range columns {
		for i, part := range encodeColumn(b.sortedValues(c)) {
			put(inColumns+3*c+i, func(p []byte) []byte { return append(p, part...) })
		}
	}
	put(inCommon, func(p []byte) []byte {
		for _, word := range slices.Sorted(maps.Keys(words.common)) {
			p = binary.LittleEndian.AppendUint32(p, word)
		}
		return p
	})
	put(inWords, func(p []byte) []byte { return b.words.encode(p, h.number, words) })
	return h.around(data)
}

func (b *builder) encodeSets(p []byte) []byte {
	open := b.intents
	for row, outcome := range b.outcomeOf {
		if outcome != 0 {
			open.remove(row)
		}
	}
	p = b.entries.encode(p)
	p = b.intents.encode(p)
	return open.encode(p)
}

func (b *builder) encodePairs(p []byte) []byte {
	for row, outcome := range b.outcomeOf {
		if outcome != 0 {
			p = binary.LittleEndian.AppendUint16(p, uint16(row))
			p = binary.LittleEndian.AppendUint16(p, outcome)
		}
	}
	return p
}

func encodeCalls(p []byte, list []callRow) []byte {
	for _, c := range list {
		p = binary.LittleEndian.AppendUint64(p, c.id)
		p = binary.LittleEndian.AppendUint16(p, uint16(c.row))
	}
	return p
}

// encodeColumn makes the three sections of a column.
func encodeColumn(values []uint64) (parts [3][]byte) {
	distinct := 0
	for i, v := range values {
		row := uint16(v)
		if key := uint32(v >> 16); i == 0 || key != uint32(values[i-1]>>16) {
			parts[0] = binary.LittleEndian.AppendUint32(parts[0], key)
			parts[1] = binary.LittleEndian.AppendUint32(parts[1], uint32(i))
			distinct++
		}
		parts[2] = binary.LittleEndian.AppendUint16(parts[2], row)
	}
	if distinct == len(values) {
		parts[1] = nil
	}
	return parts
}

// around puts header and checksums before the sections.
func (h *header) around(data []byte) []byte {
	h.pages = (len(data) + pageSize - 1) / pageSize
	var sums []byte
	for page := range h.pages {
		end := min((page+1)*pageSize, len(data))
		sums = binary.LittleEndian.AppendUint32(sums, crc32.Checksum(data[page*pageSize:end], castagnoli))
	}
	h.sums = crc32.Checksum(sums, castagnoli)
	out := make([]byte, 0, pageSize+len(sums)+len(data))
	out = h.encode(out)
	out = append(out, sums...)
	return append(out, data...)
}

func (h *header) encode(p []byte) []byte {
	start := len(p)
	p = append(p, magic...)
	p = binary.LittleEndian.AppendUint32(p, version)
	p = binary.LittleEndian.AppendUint32(p, 0) // the checksum of the page
	for _, n := range h.numbers() {
		p = binary.LittleEndian.AppendUint64(p, n)
	}
	p = append(p, h.newest[:]...)
	p = append(p, make([]byte, start+pageSize-len(p))...)
	binary.LittleEndian.PutUint32(p[start+12:], crc32.Checksum(p[start:], castagnoli))
	return p
}

func (h *header) numbers() []uint64 {
	list := []uint64{
		uint64(h.number), uint64(h.per), uint64(h.first), uint64(h.count), uint64(h.minTime), uint64(h.maxTime), uint64(h.minEntry),
		uint64(h.unit), uint64(h.slices), uint64(h.pages), uint64(h.sums),
	}
	for _, s := range h.section {
		list = append(list, uint64(s.off), uint64(s.size))
	}
	return list
}
