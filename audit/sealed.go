package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A segment that is full is sealed: its lines, without the checkpoints and leaves
// that later ones make needless, compressed in the Zstandard Seekable Format (one
// frame for every 256 records by their index, so that the frame of a record is
// known), in a file of the same name that ends in ".log.zst". Any tool that knows
// Zstandard can unpack it.
const (
	sealedSuffix = ".log.zst"
	frameRecords = 256

	skippableMagic = 0x184D2A5E
	seekableMagic  = 0x8F92EAB1
	seekFooter     = 9 // bytes: number of frames, descriptor, magic
	seekEntry      = 8 // bytes: compressed and decompressed size of a frame
	maxFrames      = 1 << 20
)

func sealedPath(dir string, first int64) string {
	return filepath.Join(dir, fmt.Sprintf("%0*d%s", segmentDigits, first, sealedSuffix))
}

// isSealed reports whether a segment is there in its sealed form only.
func isSealed(dir string, first int64) bool {
	_, err := os.Stat(sealedPath(dir, first))
	if err != nil {
		return false
	}
	_, err = os.Stat(segmentPath(dir, first))
	return errors.Is(err, fs.ErrNotExist)
}

// sealed is a segment in that form.
type sealed struct {
	file   *os.File
	path   string
	begin  int64
	frames []int64 // offsets; the last is the end of the last frame
	stop   func()
}

func openSealed(dir string, first int64) (*sealed, error) {
	path := sealedPath(dir, first)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	s := &sealed{file: f, path: path, begin: first, stop: func() {}}
	if err := s.table(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("audit log: %s: %w", filepath.Base(path), err)
	}
	return s, nil
}

// table reads the seek table at the end.
func (s *sealed) table() error {
	bad := errors.New("it is cut off, or was changed: it has no seek table")
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	var footer [seekFooter]byte
	if _, err := s.file.ReadAt(footer[:], max(info.Size()-seekFooter, 0)); err != nil {
		return bad
	}
	n := int64(binary.LittleEndian.Uint32(footer[:]))
	if binary.LittleEndian.Uint32(footer[5:]) != seekableMagic || footer[4] != 0 || n == 0 || n > maxFrames {
		return bad
	}
	table := make([]byte, n*seekEntry)
	start := info.Size() - seekFooter - int64(len(table))
	if _, err := s.file.ReadAt(table, max(start, 0)); err != nil || start < 8 {
		return bad
	}
	s.frames = make([]int64, 1, n+1)
	for i := range n {
		s.frames = append(s.frames, s.frames[i]+int64(binary.LittleEndian.Uint32(table[i*seekEntry:])))
	}
	if s.frames[n] != start-8 {
		return bad
	}
	return nil
}

func (s *sealed) name() string { return filepath.Base(s.path) }
func (s *sealed) first() int64 { return s.begin }

func (s *sealed) close() {
	s.stop()
	_ = s.file.Close()
}

func (s *sealed) from(index int64) (liner, error) {
	frame := min(max(index/frameRecords-s.begin/frameRecords, 0), int64(len(s.frames)-2))
	s.stop()
	r, stop := unpack(s.section(int(frame), len(s.frames)-1))
	s.stop = stop
	in := streamLines(r)
	if index <= s.begin {
		return in, nil
	}
	return skipTo(in, index), nil
}

func (s *sealed) section(from, to int) *io.SectionReader {
	return io.NewSectionReader(s.file, s.frames[from], s.frames[to]-s.frames[from])
}

func (s *sealed) back() liner { return &sealedBack{s: s, frame: len(s.frames) - 1} }

// sealedBack gives the lines from the end, frame by frame.
type sealedBack struct {
	s     *sealed
	frame int // is read next, plus one
	lines *linesBack
}

func (b *sealedBack) next() ([]byte, error) {
	for {
		if b.lines != nil {
			line, err := b.lines.next()
			if !errors.Is(err, io.EOF) {
				return line, err
			}
		}
		if b.frame == 0 {
			return nil, io.EOF
		}
		b.frame--
		r, stop := unpack(b.s.section(b.frame, b.frame+1))
		text, err := io.ReadAll(r)
		stop()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.s.name(), err)
		}
		b.lines = &linesBack{buf: text}
	}
}

var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		panic(err) // of the options, which do not change
	}
	return d
}}

// unpack reads frames; stop gives back what that has taken, once.
func unpack(r io.Reader) (out io.Reader, stop func()) {
	d := decoders.Get().(*zstd.Decoder)
	if err := d.Reset(r); err != nil {
		return errorReader{err}, func() {}
	}
	return d, sync.OnceFunc(func() {
		_ = d.Reset(nil)
		decoders.Put(d)
	})
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// packer writes a sealed segment.
type packer struct {
	w      io.Writer
	enc    *zstd.Encoder
	text   []byte // of the frame that is not written yet
	packed []byte
	table  []byte
	frame  int64 // of the records in text
}

func newPacker(w io.Writer, first int64) (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(true))
	return &packer{w: w, enc: enc, frame: first / frameRecords}, err
}

// begin goes on to the frame of a record.
func (p *packer) begin(index int64) error {
	if index/frameRecords == p.frame {
		return nil
	}
	p.frame++
	return p.flush()
}

func (p *packer) line(line []byte) { p.text = append(append(p.text, line...), '\n') }

func (p *packer) flush() error {
	if len(p.text) > math.MaxInt32 {
		return errors.New("a frame is too large")
	}
	p.packed = p.enc.EncodeAll(p.text, p.packed[:0])
	p.table = binary.LittleEndian.AppendUint32(p.table, uint32(len(p.packed)))
	p.table = binary.LittleEndian.AppendUint32(p.table, uint32(len(p.text)))
	p.text = p.text[:0]
	_, err := p.w.Write(p.packed)
	return err
}

// end writes the last frame and the seek table.
func (p *packer) end() error {
	if err := p.flush(); err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint32(nil, skippableMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.table)+seekFooter))
	b = append(b, p.table...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.table)/seekEntry))
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, seekableMagic)
	_, err := p.w.Write(b)
	return errors.Join(err, p.enc.Close())
}
