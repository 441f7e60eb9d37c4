package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// pineMatches evaluates a metadata filter of Pinecone's: $eq $ne $gt $gte $lt $lte
// $in $nin $exists, $match_… of documents, $and and $or; keys side by side all have
// to hold.
func pineMatches(filter, fields map[string]any) (bool, error) {
	all := true
	for key, want := range filter {
		var ok bool
		var err error
		switch key {
		case "$and", "$or":
			ok, err = pineMatchesList(key, want, fields)
		default:
			ok, err = pineMatchesField(key, want, fields)
		}
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	return all, nil
}

func pineMatchesList(op string, want any, fields map[string]any) (bool, error) {
	list, ok := want.([]any)
	if !ok || len(list) == 0 {
		return false, fmt.Errorf("the value of %s must be a list that is not empty", op)
	}
	every, some := true, false
	for _, e := range list {
		sub, ok := e.(map[string]any)
		if !ok {
			return false, fmt.Errorf("the entries of %s must be filters", op)
		}
		m, err := pineMatches(sub, fields)
		if err != nil {
			return false, err
		}
		every, some = every && m, some || m
	}
	return op == "$and" && every || op == "$or" && some, nil
}

func pineMatchesField(name string, want any, fields map[string]any) (bool, error) {
	if len(name) > 0 && name[0] == '$' {
		return false, fmt.Errorf("%s is not a valid operator", name)
	}
	have, there := fields[name]
	ops, ok := want.(map[string]any)
	if !ok {
		return there && pineEqual(have, want), nil
	}
	all := true
	for op, v := range ops {
		ok, err := pineCompare(op, have, there, v)
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	return all, nil
}

func pineCompare(op string, have any, there bool, want any) (bool, error) {
	switch op {
	case "$eq":
		return there && pineEqual(have, want), nil
	case "$ne":
		return !there || !pineEqual(have, want), nil
	case "$exists":
		return there == (want == true), nil
	case "$in", "$nin":
		list, ok := want.([]any)
		if !ok {
			return false, fmt.Errorf("the value of %s must be a list", op)
		}
		in := false
		for _, e := range list {
			in = in || there && pineEqual(have, e)
		}
		return in == (op == "$in"), nil
	case "$match_all", "$match_any", "$match_phrase":
		return pineMatchWords(op, have, want)
	case "$gt", "$gte", "$lt", "$lte":
		b, ok := pineNumber(want)
		if !ok {
			return false, fmt.Errorf("the value of %s must be a number", op)
		}
		a, ok := pineNumber(have)
		return ok && (op == "$gt" && a > b || op == "$gte" && a >= b || op == "$lt" && a < b || op == "$lte" && a <= b), nil
	}
	return false, fmt.Errorf("%s is not a valid operator", op)
}

// pineMatchWords is what only indexes with a schema have.
func pineMatchWords(op string, have, want any) (bool, error) {
	text, ok := want.(string)
	if !ok {
		return false, fmt.Errorf("the value of %s must be a string", op)
	}
	field, _ := have.(string)
	has, found := pineconeWords(field), 0
	words := pineconeWords(text)
	for _, word := range words {
		if slices.Contains(has, word) {
			found++
		}
	}
	switch op {
	case "$match_any":
		return found > 0, nil
	case "$match_all":
		return found == len(words), nil
	}
	return strings.Contains(" "+strings.Join(has, " ")+" ", " "+strings.Join(words, " ")+" "), nil
}

// pineEqual compares a field with a value; a list equals each of its members.
func pineEqual(have, want any) bool {
	if list, ok := have.([]any); ok {
		for _, e := range list {
			if pineEqual(e, want) {
				return true
			}
		}
		return false
	}
	a, aIs := pineNumber(have)
	b, bIs := pineNumber(want)
	if aIs && bIs {
		return a == b
	}
	switch have.(type) {
	case string, bool:
		return have == want
	}
	return false
}

func pineNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
