package salesforce

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// checked reads the fields of a write, as far as they can be checked one by one.
func (o *org) checked(ob *object, body json.RawMessage) (map[string]any, *fault) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var in map[string]any
	if dec.Decode(&in) != nil || in == nil {
		return nil, refuse(400, "JSON_PARSER_ERROR", "The body must be a JSON object")
	}
	out := map[string]any{}
	for name, v := range in {
		if name == "attributes" {
			continue
		}
		f := ob.field(name)
		if f == nil {
			return nil, noColumn(ob, name)
		}
		if f.readOnly {
			wrong := refuse(400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.name)
			wrong.fields = []string{f.name}
			return nil, wrong
		}
		value, wrong := o.value(f, v)
		if wrong != nil {
			if wrong.fields == nil && wrong.code != "JSON_PARSER_ERROR" {
				wrong.fields = []string{f.name}
			}
			return nil, wrong
		}
		out[f.name] = value
	}
	return out, nil
}

var (
	dateForm = pattern.New(`^\d{4}-\d{2}-\d{2}$`)
	instants = []string{time.RFC3339Nano, stampForm, "2006-01-02T15:04:05.000-0700"}
)

// value is a field's value as it is kept.
func (o *org) value(f *field, v any) (any, *fault) {
	mistyped := func(want string) (any, *fault) {
		return nil, refuse(400, "JSON_PARSER_ERROR", "Cannot deserialize instance of %s from value %v or request may be missing a required field", want, v)
	}
	if v == nil {
		return nil, nil
	}
	switch f.kind {
	case "boolean":
		b, ok := v.(bool)
		if !ok {
			return mistyped("boolean")
		}
		return b, nil
	case "int", "double", "currency", "percent":
		n, ok := v.(json.Number)
		if !ok {
			return mistyped("double")
		}
		x, err := n.Float64()
		if err != nil {
			return mistyped("double")
		}
		return x, nil
	}
	s, ok := v.(string)
	if !ok {
		return mistyped("string")
	}
	if len([]rune(s)) > f.length {
		return nil, refuse(400, "STRING_TOO_LONG", "%s: data value too large: %.60s (max length=%d)", f.label, s, f.length)
	}
	switch f.kind {
	case "date":
		if _, err := time.Parse(time.DateOnly, s); err != nil || !dateForm.MatchString(s) {
			return mistyped("date")
		}
	case "datetime":
		for _, form := range instants {
			if t, err := time.Parse(form, s); err == nil {
				return t.UTC().Format(stampForm), nil
			}
		}
		return mistyped("datetime")
	case "email":
		if s != "" && !emailForm.MatchString(s) {
			return nil, refuse(400, "INVALID_EMAIL_ADDRESS", "%s: invalid email address: %s", f.label, s)
		}
	case "picklist":
		if f.restricted && s != "" && !slices.Contains(f.values, s) {
			return nil, refuse(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "%s: bad value for restricted picklist field: %s", f.label, s)
		}
	case "multipicklist":
		for one := range strings.SplitSeq(s, ";") {
			if s != "" && !slices.Contains(f.values, one) {
				return nil, refuse(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "%s: bad value for restricted picklist field: %s", f.label, one)
			}
		}
	case "reference":
		return o.reference(f, s)
	}
	return s, nil
}

func (o *org) reference(f *field, s string) (any, *fault) {
	if s == "" {
		return nil, nil
	}
	if len(s) != 15 && len(s) != 18 {
		return nil, refuse(400, "MALFORMED_ID", "%s: id value of incorrect type: %s", f.label, s)
	}
	ob := o.ofID(s)
	if ob == nil || !slices.Contains(f.to, ob.name) {
		return nil, refuse(400, "FIELD_INTEGRITY_EXCEPTION", "%s: id value of incorrect type: %s", f.label, s)
	}
	r := o.find(ob.name, s)
	if r == nil {
		return nil, refuse(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	}
	return r.id, nil
}

// rules are what the organization asks of a whole record: r is the one that is
// changed, nil for a new one.
func (o *org) rules(ob *object, r *record, fields map[string]any) *fault {
	for _, f := range ob.fields {
		v, _ := fields[f.name].(string)
		if !f.unique || v == "" {
			continue
		}
		for _, other := range o.records[ob.name] {
			if s, _ := other.fields[f.name].(string); other != r && strings.EqualFold(s, v) {
				return refuse(400, "DUPLICATE_VALUE", "duplicate value found: %s duplicates value on record with id: %s", f.name, other.id)
			}
		}
	}
	if ob.name == "Opportunity" && fields["StageName"] == "Closed Lost" && (fields["Loss_Reason__c"] == nil || fields["Loss_Reason__c"] == "") {
		f := refuse(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Say why it was lost (Loss reason).")
		f.fields = []string{"Loss_Reason__c"}
		return f
	}
	return nil
}

// duplicates is the organization's rule that two people do not have one address.
func (o *org) duplicates(ob *object, fields map[string]any) *fault {
	email, _ := fields["Email"].(string)
	if ob.name != "Contact" && ob.name != "Lead" || email == "" {
		return nil
	}
	var same []answer
	for _, r := range o.records[ob.name] {
		if s, _ := r.fields["Email"].(string); strings.EqualFold(s, email) {
			same = append(same, answer{"additionalInformation": []any{}, "fieldDiffs": []any{}, "matchConfidence": 100.0, "record": answer{"attributes": attributes(ob, r), "Id": r.id}})
		}
	}
	if same == nil {
		return nil
	}
	f := refuse(400, "DUPLICATES_DETECTED", "Use one of these records?")
	// The name of the member is misspelt, as it is there.
	f.more = answer{"duplicateResut": answer{
		"allowSave": true, "duplicateRule": "Standard_" + ob.name + "_Duplicate_Rule", "duplicateRuleEntityType": ob.name, "errorMessage": "Use one of these records?",
		"matchResults": []answer{{"entityType": ob.name, "errors": []any{}, "matchEngine": "FuzzyMatchEngine", "matchRecords": same, "rule": "Standard_" + ob.name + "_Match_Rule", "size": len(same), "success": true}},
	}}
	return f
}
