package anchor

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Bounds on what a witness may say and do.
const (
	maxAnswer      = 64 << 10 // bytes
	maxSkew        = 5 * time.Minute
	witnessTimeout = 10 * time.Second
	maxConflicts   = 3 // sizes that it names before it takes one
)

// Tree proves that the log has only grown; *tile.Tree is one.
type Tree interface {
	Size() int64 // records
	// RootAt is the root of the tree of the first size records.
	RootAt(size int64) (tlog.Hash, error)
	// Consistency proves that the tree of the first old records is a prefix of that
	// of the first size ones.
	Consistency(old, size int64) (tlog.TreeProof, error)
}

// WitnessOptions says which witness is asked, and how.
type WitnessOptions struct {
	URL string // its submission prefix
	Key string // its verifier key, "name+hash+base64" of type 0x04
	Dir string // the folder of the log: what is cosigned is kept there (see Kept)

	// Tree opens the log's tree, with all records of any checkpoint that was read
	// before.
	Tree   func(context.Context) (Tree, error)
	Client *http.Client     // nil: one that gives up after ten seconds and follows no redirect
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // hears of a witness that has forgotten; nil: nobody
}

// Witness has checkpoints cosigned by one witness (c2sp.org/tlog-witness).
type Witness struct {
	o      WitnessOptions
	key    *witnessKey
	url    string
	client *http.Client
	mu     sync.Mutex
}

// NewWitness checks the key and the address.
func NewWitness(o WitnessOptions) (*Witness, error) {
	key, err := parseWitnessKey(o.Key)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("the address of a witness must be a URL that begins with https://")
	}
	w := &Witness{o: o, key: key, url: strings.TrimRight(o.URL, "/") + "/add-checkpoint", client: o.Client}
	if w.client == nil {
		w.client = &http.Client{
			Timeout:       witnessTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if w.o.Now == nil {
		w.o.Now = time.Now
	}
	if w.o.Logger == nil {
		w.o.Logger = slog.New(slog.DiscardHandler)
	}
	return w, nil
}

// errConflict is the size of the tree that a witness has cosigned last.
type errConflict struct{ size int64 }

func (e errConflict) Error() string {
	return fmt.Sprintf("the witness has cosigned a tree of %d records last", e.size)
}

// Put has a checkpoint cosigned, checks the cosignature, and keeps the cosigned
// note. A checkpoint that the witness has cosigned before gets a newer time. The
// error is ErrHistory where the witness has seen what is not in this log.
func (w *Witness) Put(ctx context.Context, c Checkpoint, _ int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept, err := readOwn(w.o.Dir, w.key)
	if err != nil {
		return err
	}
	tree, err := w.o.Tree(ctx)
	if err != nil {
		return err
	}
	if err := w.hold(tree, kept, c); err != nil {
		return err
	}
	if kept.Size > c.Size {
		return nil // another process of this machine was faster
	}
	old := kept.Size
	for range maxConflicts {
		var proof tlog.TreeProof
		if old > 0 && old < c.Size {
			if proof, err = tree.Consistency(old, c.Size); err != nil {
				return err
			}
		}
		line, err := w.post(ctx, old, proof, c)
		var conflict errConflict
		if !errors.As(err, &conflict) {
			if err != nil {
				return err
			}
			return keep(w.o.Dir, w.key, c, line)
		}
		if conflict.size > c.Size {
			return w.ahead(conflict.size, c)
		}
		if conflict.size < kept.Size {
			w.o.Logger.Warn("a witness has forgotten what it has cosigned: it no longer protects what lies between", "witness", w.key.name, "cosigned", kept.Size, "remembers", conflict.size)
		}
		old = conflict.size
	}
	return fmt.Errorf("the witness %s contradicts itself: it says that its last tree is of %d records, and does not take a proof from there", w.key.name, old)
}

// hold checks that the log has the records that the checkpoint signs, and those
// that the witness has cosigned before.
func (w *Witness) hold(tree Tree, kept, c Checkpoint) error {
	if kept.Size > 0 && kept.Origin != c.Origin {
		return fmt.Errorf("the witness %s has cosigned the log %q here, not %q: remove the folder %s to begin anew", w.key.name, kept.Origin, c.Origin, witnessDir)
	}
	if kept.Size > tree.Size() {
		return w.ahead(kept.Size, c)
	}
	root, err := tree.RootAt(c.Size)
	if err != nil {
		return err
	}
	if root != c.Root {
		return fmt.Errorf("%w (the records 0 to %d are not those that its checkpoint signs)", ErrHistory, c.Size-1)
	}
	if kept.Size == 0 {
		return nil
	}
	if root, err = tree.RootAt(kept.Size); err != nil {
		return err
	}
	if root != kept.Root {
		return fmt.Errorf("%w (of the first %d records the witness %s has cosigned another history)", ErrHistory, kept.Size, w.key.name)
	}
	return nil
}

// ahead names a witness that has seen more records than the log has.
func (w *Witness) ahead(size int64, c Checkpoint) error {
	return fmt.Errorf("%w (the witness %s has cosigned %d records, and the log has %d: it was rolled back, or another log has its name and key)",
		ErrHistory, w.key.name, size, c.Size)
}

// post asks for a cosignature and returns its line.
func (w *Witness) post(ctx context.Context, old int64, proof tlog.TreeProof, c Checkpoint) ([]byte, error) {
	var body bytes.Buffer
	_, _ = fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		_, _ = fmt.Fprintln(&body, base64.StdEncoding.EncodeToString(h[:]))
	}
	_, _ = fmt.Fprintf(&body, "\n%s", c.Note)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, &body)
	if err != nil {
		return nil, errors.New("the address of the witness is no URL")
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	r.Header.Set("User-Agent", "toolvault")
	resp, err := w.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the witness %s cannot be reached: %w", w.key.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the witness %s: its answer breaks off: %w", w.key.name, err)
	}
	if resp.StatusCode == http.StatusOK {
		return w.cosignature(answer, c)
	}
	return nil, w.refused(resp, answer, c)
}

// refused names what a witness says no to.
func (w *Witness) refused(resp *http.Response, answer []byte, c Checkpoint) error {
	switch resp.StatusCode {
	case http.StatusConflict:
		digits := strings.TrimSuffix(string(answer), "\n")
		size, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || size < 0 || strconv.FormatInt(size, 10) != digits {
			return fmt.Errorf("the witness %s says that its last tree is another, and does not say which", w.key.name)
		}
		return errConflict{size}
	case http.StatusNotFound:
		return fmt.Errorf("the witness %s does not know the log %q (HTTP 404): give whoever runs it the key that `toolvault audit key` prints; or is the address right?", w.key.name, c.Origin)
	case http.StatusForbidden:
		return fmt.Errorf("the witness %s does not trust the signature (HTTP 403): it knows the log %q with another key; give whoever runs it the key that `toolvault audit key` prints", w.key.name, c.Origin)
	case http.StatusUnprocessableEntity:
		return fmt.Errorf("%w (the witness %s finds that the first records are others than those that it has cosigned)", ErrHistory, w.key.name)
	}
	return &statusError{w.key.name, resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"))}
}

// statusError is an answer that says nothing about the checkpoint.
type statusError struct {
	witness string
	code    int
	after   time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the witness %s answered HTTP %d", e.witness, e.code)
}

// RetryAfter is how long the witness wants to be left alone; 0: it does not say.
func (e *statusError) RetryAfter() time.Duration { return e.after }

func retryAfter(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// cosignature finds the witness's own among the lines of an answer, and checks it.
func (w *Witness) cosignature(answer []byte, c Checkpoint) ([]byte, error) {
	liar := func(what string) error { return fmt.Errorf("the witness %s %s", w.key.name, what) }
	if len(answer) > maxAnswer {
		return nil, liar("answered with more than a note can hold")
	}
	const odd = "answered with something else than signatures"
	for line := range bytes.Lines(answer) {
		if !bytes.HasPrefix(line, []byte("— ")) || !bytes.HasSuffix(line, []byte("\n")) {
			return nil, liar(odd)
		}
	}
	at, line, err := w.key.open(append(append(bytes.Clone(c.Text()), '\n'), answer...))
	switch {
	case errors.Is(err, errNoNote):
		return nil, liar(odd)
	case errors.Is(err, ErrNotCosigned):
		return nil, liar("did not sign with the key that the config names")
	case err != nil:
		return nil, err
	case at.After(w.o.Now().Add(maxSkew)):
		return nil, liar("has signed with a time in the future, " + at.UTC().Format(time.RFC3339) + ": its clock, or this machine's, is wrong")
	}
	return line, nil
}
