package audit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var errLongLine = errors.New("line is longer than any of this log")

// lines reads a segment forwards, one whole line at a time.
type lines struct {
	r   *bufio.Reader
	off int64 // behind the last line
	n   int   // how many lines
}

func readLines(f io.ReaderAt, from, to int64) *lines {
	size := min(max(to-from, 16), maxLine+1)
	return &lines{r: bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), int(size)), off: from}
}

// streamLines reads a stream whose length is not known.
func streamLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxLine+1)} }

// next returns the next line without its newline, valid until the call after.
// At the end, or where the rest is not a whole line, it is io.EOF. A line that
// is too long is passed over and reported as errLongLine.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		if len(line) > maxLine {
			return nil, l.skip(int64(len(line)))
		}
		return nil, io.EOF // the buffer is as large as the range: what is left has no newline
	}
	if err != nil {
		return nil, err
	}
	l.off += int64(len(line))
	l.n++
	return line[:len(line)-1], nil
}

// skip passes over the rest of a line of which n bytes have been read.
func (l *lines) skip(n int64) error {
	for {
		more, err := l.r.ReadSlice('\n')
		n += int64(len(more))
		if err == nil {
			l.off += n
			l.n++
			return errLongLine
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// linesBack reads a file backwards, one whole line at a time, newest first.
type linesBack struct {
	f     io.ReaderAt
	start int64  // of buf in the file
	buf   []byte // unread bytes that end where the last line given began
	long  bool   // a line that is longer than any was skipped in part
}

func readLinesBack(f io.ReaderAt, size int64) *linesBack { return &linesBack{f: f, start: size} }

const backChunk = 256 << 10

// next returns the line before, without its newline, valid until the call
// after; io.EOF at the beginning. A last line without a newline is left out.
func (l *linesBack) next() ([]byte, error) {
	for {
		if n := len(l.buf); n > 0 {
			terminated := l.buf[n-1] == '\n'
			i := bytes.LastIndexByte(l.buf[:n-1], '\n')
			if i >= 0 || l.start == 0 {
				line := l.buf[i+1 : n]
				l.buf = l.buf[:i+1]
				if !terminated || l.long {
					l.long = false
					continue
				}
				return line[:len(line)-1], nil
			}
			if n > maxLine { // hostile: forget its bytes, keep its end
				l.buf = append(l.buf[:0], '\n')
				l.long = true
			}
		} else if l.start == 0 {
			return nil, io.EOF
		}
		size := min(l.start, backChunk)
		chunk := make([]byte, size, size+int64(len(l.buf)))
		if _, err := l.f.ReadAt(chunk, l.start-size); err != nil {
			return nil, err // also io.EOF: the file has become shorter meanwhile
		}
		l.start -= size
		l.buf = append(chunk, l.buf...)
	}
}
