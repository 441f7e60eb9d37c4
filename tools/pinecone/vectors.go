package pinecone

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxVectorBytes = 64 << 20 // of an answer: 100 vectors of 20,000 dimensions are about 40 MB
	shownValues    = 5        // numbers of a vector in a text
	valueCost      = 12       // bytes of a number in an answer, about
)

// numbers are a vector as a caller gives it.
type numbers []float64

// UnmarshalJSON refuses what is not a list of numbers that fit into 32 bits, which
// is what Pinecone keeps.
func (n *numbers) UnmarshalJSON(b []byte) error {
	var all []float64
	if err := json.Unmarshal(b, &all); err != nil {
		return errors.New("a vector is a list of numbers")
	}
	for _, v := range all {
		if v > 3.4e38 || v < -3.4e38 {
			return errors.New("a number of the vector is too large for 32 bits")
		}
	}
	*n = all
	return nil
}

// sparse is a vector most of whose numbers are zero: its others, by index. It is
// written {"17": 0.5}, and read from Pinecone's own {"indices":[17],"values":[0.5]}
// as well.
type sparse map[uint32]float64

const maxSparse = 2048 // numbers of a sparse vector: the vendor's limit

var errSparse = errors.New(`a sparse vector is written {"17": 0.5, "312": 0.1}: index, a whole number below 2^32, and weight`)

// UnmarshalJSON reads either form.
func (s *sparse) UnmarshalJSON(b []byte) error {
	var own struct {
		Indices []uint32  `json:"indices"`
		Values  []float64 `json:"values"`
	}
	out := sparse{}
	if json.Unmarshal(b, &own) == nil && (own.Indices != nil || own.Values != nil) {
		if len(own.Indices) != len(own.Values) || len(own.Indices) > maxSparse {
			return errSparse
		}
		for i, at := range own.Indices {
			out[at] = own.Values[i]
		}
		*s = out
		return nil
	}
	var by map[string]float64
	if json.Unmarshal(b, &by) != nil || len(by) > maxSparse {
		return errSparse
	}
	for index, weight := range by {
		at, err := strconv.ParseUint(index, 10, 32)
		if err != nil {
			return errSparse
		}
		out[uint32(at)] = weight
	}
	*s = out
	return nil
}

// sparseValues is SparseValues of the data plane.
type sparseValues struct {
	Indices []uint32  `json:"indices"`
	Values  []float64 `json:"values"`
}

func (s sparse) wire() *sparseValues {
	if len(s) == 0 {
		return nil
	}
	w := &sparseValues{}
	for at := range s {
		w.Indices = append(w.Indices, at)
	}
	slices.Sort(w.Indices)
	for _, at := range w.Indices {
		w.Values = append(w.Values, s[at])
	}
	return w
}

func (w *sparseValues) own() sparse {
	if w == nil || len(w.Indices) != len(w.Values) {
		return nil
	}
	s := sparse{}
	for i, at := range w.Indices[:min(len(w.Indices), maxSparse)] {
		s[at] = w.Values[i]
	}
	return s
}

// Vector is what an answer says of a record's vector: its dimension, and its
// numbers only where they were asked for.
type Vector struct {
	Dimension int       `json:"dimension,omitempty"`
	Values    []float64 `json:"values,omitempty"`
	Sparse    sparse    `json:"sparse,omitempty"`
}

// text is the vector for a reader: its first numbers.
func (v Vector) text() string {
	switch {
	case len(v.Values) > 0:
		return fmt.Sprintf("  %d dimensions %s", v.Dimension, first(v.Values))
	case len(v.Sparse) > 0:
		return fmt.Sprintf("  sparse, %d numbers", len(v.Sparse))
	}
	return ""
}

func first(values []float64) string {
	s := "["
	for i, n := range values[:min(len(values), shownValues)] {
		if i > 0 {
			s += ", "
		}
		s += strconv.FormatFloat(n, 'g', 4, 64)
	}
	if len(values) > shownValues {
		s += ", …"
	}
	return s + "]"
}

// thinned is a vector as thin leaves it.
type thinned struct {
	N int       `json:"n"`
	V []float64 `json:"v"`
}

// vectorModel is Vector and ScoredVector of the data plane, read through thin.
type vectorModel struct {
	ID       string                     `json:"id"`
	Score    float64                    `json:"score"`
	Values   *thinned                   `json:"values"`
	Sparse   *sparseValues              `json:"sparseValues"`
	Metadata map[string]json.RawMessage `json:"metadata"`
}

func (m vectorModel) vector(withValues bool) Vector {
	var v Vector
	if m.Values != nil {
		v.Dimension, v.Values = m.Values.N, m.Values.V
	}
	if withValues {
		v.Sparse = m.Sparse.own()
	}
	if len(v.Values) == 0 {
		v.Values = nil
	}
	return v
}

// reading is how an answer with many vectors is read: one record at a time, each
// of which is given to take and then forgotten.
type reading struct {
	list   string // "vectors", "documents" (objects by id) or "matches" (a list)
	values func() bool
	take   func(vectorModel)
	next   string // pagination.next

	keys     []string // of documents: the fields that are vectors
	document func(id string, fields map[string]json.RawMessage)
}

// from reads the answer, for Request.Stream.
func (r *reading) from(body io.Reader) error {
	keys := r.keys
	if r.document == nil {
		keys = []string{"values"}
	}
	dec := json.NewDecoder(newThin(body, keys, func() bool { return r.values != nil && r.values() }))
	err := r.answer(dec)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errVector) || errors.Is(err, errShape) {
		return fault.New(fault.UpstreamError, "Pinecone answered with something that is not the JSON it should be. Try again later; if it stays so, tell the operator.")
	}
	return err
}

var errShape = errors.New("an answer of another shape")

func (r *reading) answer(dec *json.Decoder) error {
	if err := open(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		switch key {
		case r.list:
			err = r.records(dec)
		case "pagination":
			var p struct {
				Next string `json:"next"`
			}
			err = dec.Decode(&p)
			r.next = p.Next
		default:
			err = dec.Decode(new(skipped))
		}
		if err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// records reads the list, whichever form it has; null is none.
func (r *reading) records(dec *json.Decoder) error {
	t, err := dec.Token()
	switch {
	case err != nil:
		return err
	case t == nil:
		return nil
	case t != json.Delim('{') && t != json.Delim('['):
		return errShape
	}
	for dec.More() {
		id := ""
		if t == json.Delim('{') {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			id, _ = key.(string)
		}
		if err := r.record(dec, id); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// record reads one record, whose id is known where the list is an object.
func (r *reading) record(dec *json.Decoder, id string) error {
	if r.document != nil {
		var fields map[string]json.RawMessage
		err := dec.Decode(&fields)
		if err == nil {
			r.document(id, fields)
		}
		return err
	}
	var m vectorModel
	err := dec.Decode(&m)
	if err == nil {
		m.ID = cmp.Or(id, m.ID)
		r.take(m)
	}
	return err
}

func open(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err == nil && t != want {
		err = errShape
	}
	return err
}

// skipped takes a value and keeps none of it.
type skipped struct{}

func (*skipped) UnmarshalJSON([]byte) error { return nil }

// fits says what is wrong with a vector for the index; nil: nothing. what names it
// ("vectors[3].values").
func (t *target) fits(what string, values numbers, s sparse) *fault.Error {
	wrong := func(format string, args ...any) *fault.Error {
		f := fault.New(fault.InvalidArguments, "%s", what+" "+fmt.Sprintf(format, args...))
		f.NotSent = true
		return f
	}
	switch {
	case t.vector == "sparse" && len(values) > 0:
		return wrong("is a dense vector, and the index %s takes sparse ones. Give sparse alone.", t.name)
	case t.vector == "sparse" && len(s) == 0:
		return wrong("is missing: the index %s takes sparse vectors. Give sparse.", t.name)
	case t.vector == "sparse":
		return nil
	case len(values) == 0:
		return wrong("is missing: the index %s takes dense vectors of %d numbers.", t.name, t.dimension)
	case t.dimension > 0 && len(values) != t.dimension:
		return wrong("has %d numbers, and the index %s has %d dimensions. The vector has to come from the model that the index was filled with.%s", len(values), t.name, t.dimension, t.ownModel())
	case len(s) > 0 && t.metric != "" && t.metric != "dotproduct":
		return wrong("comes with a sparse part, which only indexes with the metric dotproduct take; %s has %s.", t.name, t.metric)
	case allZero(values) && t.metric == "cosine":
		return wrong("is all zeros, which points nowhere: the metric cosine cannot compare it.")
	}
	return nil
}

func (t *target) ownModel() string {
	if t.model == "" {
		return ""
	}
	return " Here that is " + upstream.Clean(t.model, 100) + "."
}

func allZero(values numbers) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v != 0 })
}

// compact writes JSON without escaping for HTML.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
