package index

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"toolvault/audit"
)

// FuzzBlock changes what a block says, with checksums that fit: somebody who can
// write the folder can do that. It must end, in an answer or in errDamaged.
func FuzzBlock(f *testing.F) {
	b := newBuilder(0, testPer)
	for i := range int64(testPer) {
		b.add(audit.Raw{Index: i, Leaf: []byte(`{"index":0,"time":"2026-03-01T00:00:00Z","phase":"intent","call_id":"c","agent":"a"}`), Body: []byte(`{"user":"u"}`)})
	}
	file := b.file()
	v, err := openView(bytes.NewReader(file), nil)
	if err != nil {
		f.Fatal(err)
	}
	data := file[v.data:]
	f.Add(uint32(0), uint64(0), int8(0), uint16(0))
	f.Add(uint32(v.section[inTakers].off), ^uint64(0), int8(inLoose), uint16(9999))
	f.Add(uint32(v.section[inColumns+1].off), ^uint64(0), int8(inColumns), uint16(1))
	f.Fuzz(func(t *testing.T, at uint32, value uint64, section int8, size uint16) {
		h := v.header
		changed := bytes.Clone(data)
		for i := range 8 {
			changed[(int(at)+i)%len(changed)] ^= byte(value >> (8 * i))
		}
		if section >= 0 && int(section) < sections {
			h.section[section].size += int(int16(size))
		}
		v, err := openView(bytes.NewReader(h.around(changed)), nil)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatal(err)
			}
			return
		}
		now := time.Now()
		w := newWish(audit.Filter{Agent: "a", CallID: "c", User: "u", Text: "u v", Since: now.Add(-time.Hour), Until: now, Before: 7})
		j, err := w.judge(v)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatal(err)
			}
			return
		}
		j.candidates()
		if p, err := j.outcomes(); err == nil {
			p.of(3)
		}
		for _, l := range j.loose {
			j.mask(l.row)
		}
		_ = j.ofCall(hash([]byte("c")), new(rowSet))
	})
}

// FuzzAdd takes in a line that somebody else has written.
func FuzzAdd(f *testing.F) {
	f.Add([]byte(`{"index":0,"time":"2026-03-01T00:00:00Z","phase":"outcome","call_id":"c"}`), []byte(`{"user":"\ud800","arguments":[`))
	f.Add([]byte(`{"time":"9999-12-31T23:59:59Z","phase":"x"`), []byte(`x`))
	f.Fuzz(func(t *testing.T, leaf, body []byte) {
		b := newBuilder(0, testPer)
		for i := range int64(3) {
			b.add(audit.Raw{Index: i * 31, Leaf: leaf, Body: body})
		}
		if _, err := openView(bytes.NewReader(b.file()), nil); err != nil {
			t.Fatal(err)
		}
	})
}
