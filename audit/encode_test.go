package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyRecord draws a record in which each field of each type may be set, so that a
// new field cannot be forgotten.
func anyRecord(t *rapid.T) Record {
	var r Record
	fill(t, reflect.ValueOf(&r).Elem())
	r.Index, r.Erased = 0, false // the log's
	r.Phase = rapid.SampledFrom([]Phase{PhaseCall, PhaseEvent, PhaseIntent, PhaseOutcome}).Draw(t, "phase")
	r.CallID += "id"
	return r
}

func fill(t *rapid.T, v reflect.Value) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		if !rapid.Bool().Draw(t, name+"?") {
			continue
		}
		moment := func() time.Time {
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, name), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(time.FixedZone("", 3600))
		}
		switch f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(moment()))
		case *time.Time:
			m := moment()
			f.Set(reflect.ValueOf(&m))
		case json.RawMessage:
			value := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, name)
			raw, _ := json.MarshalIndent(value, "", "  ")
			f.SetBytes(raw)
		case []string:
			f.Set(reflect.ValueOf(rapid.SliceOf(rapid.String()).Draw(t, name)))
		case []Span:
			f.Set(reflect.ValueOf([]Span{{1, rapid.Int64Range(2, 1e9).Draw(t, name)}}))
		case Steps:
			fill(t, f)
		default:
			switch f.Kind() {
			case reflect.String:
				f.SetString(rapid.String().Draw(t, name))
			case reflect.Bool:
				f.SetBool(true)
			case reflect.Int, reflect.Int64:
				f.SetInt(rapid.Int64().Draw(t, name))
			case reflect.Float64:
				f.SetFloat(rapid.Float64().Draw(t, name))
			default:
				t.Fatalf("no value for %s", name)
			}
		}
	}
}

// The line is what encoding/json would read and write.
func TestARecordIsWrittenAsItWouldBeByEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		e, err := encodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		line := append([]byte(`{"index":0`), e.leaf...)
		if (e.body != nil) != (commitment(line) != nil) || e.body != nil && !matches(commitment(line), e.body) {
			t.Fatalf("%s does not commit to %s", line, e.body)
		}
		line = together(t, line, e.body)
		if bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("more than one line: %s", line)
		}
		r.Time = r.Time.UTC()
		if r.Deadline != nil {
			utc := r.Deadline.UTC()
			r.Deadline = &utc
		}
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("got  %s\nwant %s", line, want)
		}
		var back, straight Record
		if json.Unmarshal(line, &back) != nil || json.Unmarshal(want, &straight) != nil || !reflect.DeepEqual(back, straight) {
			t.Fatalf("read back: %+v", back)
		}
	})
}

// together is a record's line as it would be if it had no body.
func together(t *rapid.T, leaf, body []byte) []byte {
	all := map[string]json.RawMessage{}
	for _, part := range [][]byte{leaf, body} {
		if part == nil {
			continue
		}
		if err := json.Unmarshal(part, &all); err != nil {
			t.Fatalf("%v: %s", err, part)
		}
	}
	delete(all, "salt")
	delete(all, "body")
	line, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestARecordThatWouldSpoilTheLogIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"a result that is not JSON":    func(r *Record) { r.Result = json.RawMessage("{\"a\":1}\n{}") },
		"arguments that are not JSON":  func(r *Record) { r.Arguments = json.RawMessage("nonsense") },
		"a duration that is no number": func(r *Record) { r.Millis.Tool = math.NaN() },
		"a time that has no form":      func(r *Record) { r.Time = time.Date(12_000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"an outcome without a call":    func(r *Record) { r.Phase, r.CallID = PhaseOutcome, "" },
		"an unknown phase":             func(r *Record) { r.Phase = "begun" },
	} {
		r := call(1)
		change(&r)
		if line, err := encodeRecord(r); err == nil {
			t.Errorf("%s: %s", name, line.leaf)
		}
	}
	r := call(1)
	r.Message = strings.Repeat("m", maxBody)
	if _, err := encodeRecord(r); !errors.Is(err, ErrRecordTooLarge) {
		t.Error(err)
	}
}
