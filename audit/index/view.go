package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sort"
)

// errDamaged is for a file that is not as this version has written it, or that
// cannot be read.
var errDamaged = errors.New("index file is damaged or of another version")

// view reads a block. It is for one goroutine.
type view struct {
	header
	in    io.ReaderAt
	close func() error
	sums  []uint32
	data  int64 // where the pages with the sections begin
	buf   []byte
}

// openView reads what a block is made of and holds it against its checksums.
func openView(in io.ReaderAt, close func() error) (*view, error) {
	v := &view{in: in, close: close}
	var first [pageSize + 2048]byte // most blocks have less than 512 pages
	n, err := in.ReadAt(first[:], 0)
	if err != nil && !errors.Is(err, io.EOF) || n < pageSize || !v.header.decode(first[:pageSize]) {
		return nil, errDamaged
	}
	size := 4 * v.pages
	sums := first[pageSize:n]
	if len(sums) < size {
		sums = make([]byte, size)
		if _, err := in.ReadAt(sums, pageSize); err != nil {
			return nil, errDamaged
		}
	}
	sums = sums[:size]
	if crc32.Checksum(sums, castagnoli) != v.header.sums {
		return nil, errDamaged
	}
	v.sums = make([]uint32, v.pages)
	for i := range v.sums {
		v.sums[i] = binary.LittleEndian.Uint32(sums[4*i:])
	}
	v.data = pageSize + int64(size)
	return v, nil
}

func (h *header) decode(page []byte) bool {
	if !bytes.HasPrefix(page, []byte(magic)) || binary.LittleEndian.Uint32(page[8:]) != version {
		return false
	}
	sum := binary.LittleEndian.Uint32(page[12:])
	page = bytes.Clone(page)
	clear(page[12:16])
	if crc32.Checksum(page, castagnoli) != sum {
		return false
	}
	at := 16
	next := func() uint64 {
		at += 8
		return binary.LittleEndian.Uint64(page[at-8:])
	}
	h.number, h.per, h.first, h.count = int64(next()), int64(next()), int(next()), int(next())
	h.minTime, h.maxTime, h.minEntry = int64(next()), int64(next()), int64(next())
	h.unit, h.slices, h.pages, h.sums = uint(next()), int(next()), int(next()), uint32(next())
	for i := range h.section {
		h.section[i] = extent{int(next()), int(next())}
	}
	copy(h.newest[:], page[at:])
	return h.sound()
}

// sound reports whether the sections are where they can be.
func (h *header) sound() bool {
	const maxPages = 1 << 14
	if h.pages < 0 || h.pages > maxPages || h.unit > 63 || h.slices < minSlices || h.slices > maxSlices ||
		h.first < 0 || h.count < 0 || h.first+h.count > blockRows {
		return false
	}
	for i, s := range h.section {
		if s.off < 0 || s.size < 0 || s.off > h.pages*pageSize || s.size > h.pages*pageSize-s.off {
			return false
		}
		step := 1
		switch {
		case i == inSets:
			step = 3 * rowSetBytes
		case i == inPairs:
			step = 4
		case i == inTakers || i == inLoose:
			step = callRowSize
		case i == inCommon:
			step = 4
		case i == inCallKeys:
			step = 8
		case i == inCallRows || i >= inColumns && (i-inColumns)%3 == 2:
			step = 2
		case i >= inColumns:
			step = 4
		}
		if s.size%step != 0 {
			return false
		}
	}
	return h.section[inSets].size == 3*rowSetBytes && h.section[inTimes].size == 4*blockRows &&
		h.section[inWords].size == h.slices*sliceBytes && h.section[inCallKeys].size/8 == h.section[inCallRows].size/2
}

// read returns a part of a section, checked, valid until the next read.
func (v *view) read(section, off, size int) ([]byte, error) {
	s := v.section[section]
	if off < 0 || size < 0 || off > s.size || size > s.size-off {
		return nil, errDamaged
	}
	return v.readAt(s.off+off, size)
}

func (v *view) readAt(off, size int) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	first, last := off/pageSize, (off+size-1)/pageSize
	n := (last + 1 - first) * pageSize
	if cap(v.buf) < n {
		v.buf = make([]byte, n)
	}
	buf := v.buf[:n]
	got, err := v.in.ReadAt(buf, v.data+int64(first*pageSize))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errDamaged // the log itself may still be read
	}
	buf = buf[:got]
	for page := first; page <= last; page++ {
		from := min((page-first)*pageSize, got)
		end := min(from+pageSize, got)
		if crc32.Checksum(buf[from:end], castagnoli) != v.sums[page] {
			return nil, errDamaged
		}
	}
	at := off - first*pageSize
	if at+size > got {
		return nil, errDamaged
	}
	return buf[at : at+size], nil
}

func (v *view) all(section int) ([]byte, error) { return v.read(section, 0, v.section[section].size) }

// rows are what a query wants to know of every block.
type rows struct {
	entries, intents, open *rowSet
	takers, loose          []callRow // sorted by the call
}

// rows reads them: they stand together.
func (v *view) rows() (r rows, err error) {
	sets, takers, loose := v.section[inSets], v.section[inTakers], v.section[inLoose]
	if takers.off != sets.off+sets.size || loose.off != takers.off+takers.size {
		return r, errDamaged
	}
	b, err := v.readAt(sets.off, sets.size+takers.size+loose.size)
	if err != nil {
		return r, err
	}
	r.entries, r.intents, r.open = new(rowSet), new(rowSet), new(rowSet)
	for i, s := range []*rowSet{r.entries, r.intents, r.open} {
		s.decode(b[i*rowSetBytes:])
	}
	b = b[sets.size:]
	if r.takers, err = decodeCalls(b[:takers.size]); err == nil {
		r.loose, err = decodeCalls(b[takers.size:])
	}
	return r, err
}

func decodeCalls(b []byte) ([]callRow, error) {
	list := make([]callRow, 0, len(b)/callRowSize)
	for ; len(b) > 0; b = b[callRowSize:] {
		c := callRow{binary.LittleEndian.Uint64(b), int(binary.LittleEndian.Uint16(b[8:]))}
		if c.row >= blockRows {
			return nil, errDamaged
		}
		list = append(list, c)
	}
	return list, nil
}

// outcomes reads which outcome belongs to which intent.
func (v *view) outcomes() (pairs, error) {
	b, err := v.all(inPairs)
	if err != nil {
		return nil, err
	}
	list := make(pairs, 0, len(b)/4)
	for ; len(b) > 0; b = b[4:] {
		list = append(list, uint32(binary.LittleEndian.Uint16(b))<<16|uint32(binary.LittleEndian.Uint16(b[2:])))
	}
	return list, nil
}

// pairs are intents and their outcomes, by the intents' rows.
type pairs []uint32

// of returns the row of an intent's outcome; -1: it has none here.
func (p pairs) of(row int) int {
	i := sort.Search(len(p), func(i int) bool { return int(p[i]>>16) >= row })
	if i == len(p) || int(p[i]>>16) != row {
		return -1
	}
	return int(p[i] & 0xffff)
}

// having adds the rows of a column that have a value.
func (v *view) having(column int, key uint32, to *rowSet) error {
	keys, starts, rows := inColumns+3*column, inColumns+3*column+1, inColumns+3*column+2
	n := v.section[keys].size / 4
	i, err := v.search(keys, 4, n, uint64(key))
	if err != nil || i == n {
		return err
	}
	b, err := v.read(keys, 4*i, 4)
	if err != nil || binary.LittleEndian.Uint32(b) != key {
		return err
	}
	from, end := i, i+1
	if v.section[starts].size > 0 {
		b, err := v.read(starts, 4*i, min(8, v.section[starts].size-4*i))
		if err != nil {
			return err
		}
		from, end = int(binary.LittleEndian.Uint32(b)), v.section[rows].size/2
		if len(b) == 8 {
			end = int(binary.LittleEndian.Uint32(b[4:]))
		}
	}
	b, err = v.read(rows, 2*from, 2*(end-from))
	if err != nil {
		return err
	}
	return addRows(to, b)
}

func addRows(to *rowSet, b []byte) error {
	for ; len(b) > 1; b = b[2:] {
		row := int(binary.LittleEndian.Uint16(b))
		if row >= blockRows {
			return errDamaged
		}
		to.add(row)
	}
	return nil
}

// ofCall adds the rows of a call, intents and outcomes.
func (v *view) ofCall(id uint64, to *rowSet) error {
	n := v.section[inCallKeys].size / 8
	first, err := v.search(inCallKeys, 8, n, id)
	if err != nil {
		return err
	}
	for i := first; i < n; i++ {
		b, err := v.read(inCallKeys, 8*i, 8)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint64(b) != id {
			return nil
		}
		if b, err = v.read(inCallRows, 2*i, 2); err != nil {
			return err
		}
		if err := addRows(to, b); err != nil {
			return err
		}
	}
	return nil
}

// search finds the first of n sorted keys of a width that is not below one. The
// keys are hashes, spread evenly: so it looks first where the key should be.
func (v *view) search(section, width, n int, key uint64) (int, error) {
	low, high := 0, n // what is below low is smaller, what is from high on is not
	perPage := pageSize / width
	var guess int
	if width == 8 {
		guess = int(float64(key) / (1 << 64) * float64(n))
	} else {
		guess = int(key * uint64(n) >> 32)
	}
	for low < high {
		from := min(max(guess-perPage/2, low), max(high-perPage, low))
		end := min(from+perPage, high)
		b, err := v.read(section, from*width, (end-from)*width)
		if err != nil {
			return 0, err
		}
		at := func(i int) uint64 {
			if width == 8 {
				return binary.LittleEndian.Uint64(b[8*i:])
			}
			return uint64(binary.LittleEndian.Uint32(b[4*i:]))
		}
		i := sort.Search(end-from, func(i int) bool { return at(i) >= key })
		switch {
		case i == 0 && from > low:
			high = from
		case i == end-from && end < high:
			low = end
		default:
			return from + i, nil
		}
		if guess = low + perPage/2; i == 0 {
			guess = high - perPage/2
		}
	}
	return low, nil
}

// saying adds the rows of the groups that may have a word.
func (v *view) saying(word uint32, to *rowSet) error {
	common, err := v.all(inCommon)
	if err != nil {
		return err
	}
	for ; len(common) > 0; common = common[4:] {
		if binary.LittleEndian.Uint32(common) == word {
			to.fill(0, blockRows)
			return nil
		}
	}
	var found [sliceBytes]byte
	for i := range found {
		found[i] = 0xff
	}
	for _, slice := range slicesOf(word, v.number, v.slices) {
		b, err := v.read(inWords, slice*sliceBytes, sliceBytes)
		if err != nil {
			return err
		}
		any := byte(0)
		for i := range found {
			found[i] &= b[i]
			any |= found[i]
		}
		if any == 0 {
			return nil
		}
	}
	for g := range groups {
		if found[g/8]>>(g%8)&1 != 0 {
			to.fill(g*groupRows, (g+1)*groupRows)
		}
	}
	return nil
}

// during returns the rows that may be of a time, by the last ms before it and the
// first after it.
func (v *view) during(since, until int64) (*rowSet, error) {
	set := new(rowSet)
	if since <= v.minTime && until > v.maxTime {
		set.fill(0, blockRows)
		return set, nil
	}
	if since > v.maxTime || until < v.minTime {
		return set, nil
	}
	b, err := v.all(inTimes)
	if err != nil {
		return nil, err
	}
	for row := range blockRows {
		from := v.minTime + int64(uint64(binary.LittleEndian.Uint32(b[4*row:]))<<v.unit)
		end := from + int64(uint64(1)<<v.unit-1)
		if end >= since && from <= until {
			set.add(row)
		}
	}
	return set, nil
}
