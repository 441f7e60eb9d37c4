package otlp

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// The types are those of opentelemetry-proto, in its JSON mapping: names in
// camelCase, 64-bit numbers as decimal strings, ids in hex, enums as numbers.

// KeyValue is one attribute. Attr, and its relatives, make one.
type KeyValue struct {
	Key   string `json:"key"`
	Value Value  `json:"value"`
}

// Value is an AnyValue: exactly one field is set.
type Value struct {
	String *string    `json:"stringValue,omitempty"`
	Bool   *bool      `json:"boolValue,omitempty"`
	Int    *Int64     `json:"intValue,omitempty"`
	Double *float64   `json:"doubleValue,omitempty"`
	Array  *ArrayList `json:"arrayValue,omitempty"`
}

// ArrayList is an ArrayValue.
type ArrayList struct {
	Values []Value `json:"values"`
}

// String is an attribute that is a text.
func String(key, value string) KeyValue { return KeyValue{key, Text(value)} }

// Text is a value that is a text.
func Text(s string) Value { return Value{String: &s} }

// Bool is an attribute that is true or false.
func Bool(key string, value bool) KeyValue { return KeyValue{key, Value{Bool: &value}} }

// Int is an attribute that is a whole number.
func Int(key string, value int64) KeyValue {
	n := Int64(value)
	return KeyValue{key, Value{Int: &n}}
}

// Double is an attribute that is a number. What JSON cannot say, an infinity or no
// number, is written as a text, as the mapping has it.
func Double(key string, value float64) KeyValue {
	switch {
	case math.IsNaN(value):
		return String(key, "NaN")
	case math.IsInf(value, 0):
		return String(key, strings.TrimPrefix(strconv.FormatFloat(value, 'f', -1, 64), "+"))
	}
	return KeyValue{key, Value{Double: &value}}
}

// Strings is an attribute that is a list of texts.
func Strings(key string, values []string) KeyValue {
	list := &ArrayList{Values: make([]Value, 0, len(values))}
	for _, s := range values {
		list.Values = append(list.Values, Text(s))
	}
	return KeyValue{key, Value{Array: list}}
}

// Resource is who sends.
type Resource struct {
	Attributes []KeyValue `json:"attributes"`
}

// Scope is the part of the program that has made the telemetry.
type Scope struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Int64 is written as a decimal string, and read from a string or a number.
type Int64 int64

// MarshalText makes the decimal string.
func (n Int64) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(n), 10), nil }

// Nanos is a time in nanoseconds since 1970, UTC, as a decimal string. A time
// before that, or a zero one, is 0: unknown.
type Nanos time.Time

// MarshalText makes the decimal string.
func (t Nanos) MarshalText() ([]byte, error) {
	n := time.Time(t).UnixNano()
	if time.Time(t).IsZero() || n < 0 {
		n = 0
	}
	return strconv.AppendInt(nil, n, 10), nil
}

// ID is the id of a trace (16 bytes) or a span (8), in hex; "" is none.
type ID string

// TraceID takes a W3C trace id, 32 hex digits that are not all zero; ok is false
// for any other text.
func TraceID(s string) (id ID, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 || strings.Trim(s, "0") == "" {
		return "", false
	}
	return ID(strings.ToLower(s)), true
}

// number reads an int64 of the mapping: a string or a number.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	text := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	v, err := strconv.ParseInt(text, 10, 64)
	*n = number(v)
	return err
}
