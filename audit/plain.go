package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// plain is a segment that is not sealed.
type plain struct {
	file  *os.File
	begin int64
	size  int64 // when it was opened
}

func (p *plain) name() string { return segmentName(p.begin) }
func (p *plain) first() int64 { return p.begin }
func (p *plain) close()       { _ = p.file.Close() }
func (p *plain) back() liner  { return readLinesBack(p.file, p.size) }

// from finds the record by halving: nothing but the lines themselves tells where
// it stands.
func (p *plain) from(index int64) (liner, error) {
	info, err := p.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	p.size = info.Size()
	at, err := p.locate(index)
	if err != nil {
		return nil, err
	}
	in := readLines(p.file, at, p.size)
	if index <= p.begin {
		return in, nil
	}
	return skipTo(in, index), nil
}

// locate returns an offset a little before a record.
func (p *plain) locate(index int64) (int64, error) {
	low, high := int64(0), p.size
	for index > p.begin && high-low > 32<<10 {
		middle := low + (high-low)/2
		at, there, err := p.leafAfter(middle, high)
		if err != nil {
			return 0, fmt.Errorf("audit log: read %s: %w", filepath.Base(p.file.Name()), err)
		}
		if at < 0 || there > index {
			high = middle
		} else {
			low = at
		}
	}
	return low, nil
}

// leafAfter finds the first record line that begins behind an offset; at is -1
// where there is none before end.
func (p *plain) leafAfter(offset, end int64) (at, index int64, err error) {
	mark := []byte("\n" + indexHead)
	var chunk [4096]byte
	for offset < end {
		n, err := p.file.ReadAt(chunk[:min(end-offset, int64(len(chunk)))], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
		if i := bytes.Index(chunk[:n], mark); i >= 0 {
			if len(mark)+segmentDigits > n-i && offset+int64(n) < end { // cut: begin the chunk here
				if i > 0 {
					offset += int64(i)
					continue
				}
			}
			if index, ok := leafIndex(chunk[i+1 : n]); ok {
				return offset + int64(i) + 1, index, nil
			}
			offset += int64(i) + 1
			continue
		}
		if n <= len(mark) {
			break
		}
		offset += int64(n - len(mark) + 1)
	}
	return -1, 0, nil
}

// skipTo passes over the lines before the record with an index.
func skipTo(in *lines, index int64) liner { return &skipping{in, index} }

type skipping struct {
	lines *lines
	until int64
}

func (s *skipping) next() ([]byte, error) {
	for {
		line, err := s.lines.next()
		if err != nil || s.until < 0 {
			return line, err
		}
		if there, ok := leafIndex(line); ok && there >= s.until {
			s.until = -1
			return line, nil
		}
	}
}
