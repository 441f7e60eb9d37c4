package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The messages of opentelemetry-proto (logs/v1/logs.proto, common/v1/common.proto,
// resource/v1/resource.proto, collector/logs/v1/logs_service.proto) that a request
// with logs is made of, by the names of their fields in the JSON mapping.
var messages = map[string]map[string]string{
	"ExportLogsServiceRequest": {"resourceLogs": "[]ResourceLogs"},
	"ResourceLogs":             {"resource": "Resource", "scopeLogs": "[]ScopeLogs", "schemaUrl": "string"},
	"Resource":                 {"attributes": "[]KeyValue", "droppedAttributesCount": "uint32", "entityRefs": "[]EntityRef"},
	"EntityRef":                {"schemaUrl": "string", "type": "string", "idKeys": "[]string", "descriptionKeys": "[]string"},
	"ScopeLogs":                {"scope": "InstrumentationScope", "logRecords": "[]LogRecord", "schemaUrl": "string"},
	"InstrumentationScope":     {"name": "string", "version": "string", "attributes": "[]KeyValue", "droppedAttributesCount": "uint32"},
	"LogRecord": {
		"timeUnixNano": "fixed64", "observedTimeUnixNano": "fixed64", "severityNumber": "enum", "severityText": "string", "body": "AnyValue",
		"attributes": "[]KeyValue", "droppedAttributesCount": "uint32", "flags": "uint32", "traceId": "id16", "spanId": "id8", "eventName": "string",
	},
	"KeyValue":     {"key": "string", "value": "AnyValue"},
	"AnyValue":     {"stringValue": "string", "boolValue": "bool", "intValue": "int64", "doubleValue": "double", "arrayValue": "ArrayValue", "kvlistValue": "KeyValueList", "bytesValue": "bytes"},
	"ArrayValue":   {"values": "[]AnyValue"},
	"KeyValueList": {"values": "[]KeyValue"},
}

// strictly holds a value against a message or a scalar of the mapping. It is
// stricter than a receiver has to be: an unknown field is a mistake, and a 64-bit
// number must be a string.
func strictly(kind string, v any) error {
	if item, ok := strings.CutPrefix(kind, "[]"); ok {
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%v is no list", v)
		}
		for i, one := range list {
			if err := strictly(item, one); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	}
	if fields, ok := messages[kind]; ok {
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%v is no %s", v, kind)
		}
		if kind == "AnyValue" && len(m) != 1 {
			return fmt.Errorf("an AnyValue is one of its fields, and here are %d", len(m))
		}
		for name, one := range m {
			field, ok := fields[name]
			if !ok {
				return fmt.Errorf("%s has no field %s", kind, name)
			}
			if err := strictly(field, one); err != nil {
				return fmt.Errorf("%s.%s: %w", kind, name, err)
			}
		}
		return nil
	}
	return scalar(kind, v)
}

func scalar(kind string, v any) error {
	text, isText := v.(string)
	n, isNumber := v.(json.Number)
	var err error
	ok := false
	switch kind {
	case "string":
		ok = isText
	case "bool":
		_, ok = v.(bool)
	case "int64":
		_, err = strconv.ParseInt(text, 10, 64)
		ok = isText
	case "fixed64":
		_, err = strconv.ParseUint(text, 10, 64)
		ok = isText
	case "uint32", "enum":
		_, err = strconv.ParseUint(string(n), 10, 32)
		ok = isNumber
	case "double":
		ok = isText && (text == "NaN" || text == "Infinity" || text == "-Infinity")
		if isNumber {
			ok = true
			var f float64
			if f, err = n.Float64(); math.IsInf(f, 0) {
				ok = false
			}
		}
	case "bytes":
		_, err = base64.StdEncoding.DecodeString(text)
		ok = isText
	case "id16", "id8":
		var b []byte
		b, err = hex.DecodeString(text)
		ok = isText && len(b) == map[string]int{"id16": 16, "id8": 8}[kind] && strings.Trim(text, "0") != ""
	default:
		return fmt.Errorf("there is no %s", kind)
	}
	if !ok || err != nil {
		return fmt.Errorf("%v is no %s: %w", v, kind, err)
	}
	return nil
}

func decodeStrictly(b []byte) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, strictly("ExportLogsServiceRequest", v)
}

// The decoder takes the examples that the specification comes with
// (opentelemetry-proto, examples/logs.json and events.json), and sees mistakes.
func TestTheStrictDecoder(t *testing.T) {
	for _, name := range []string{"logs", "events"} {
		b, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeStrictly(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{
		`{"resource_logs":[]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1}]}]}]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"SEVERITY_NUMBER_INFO"}]}]}]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"W47/95gDgQPSabYzgT/GDA=="}]}]}]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"text"}]}]}]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{}}]}]}]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"a","value":{"intValue":1}}]}]}]}]}`,
	} {
		if _, err := decodeStrictly([]byte(bad)); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}
