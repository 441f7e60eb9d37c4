package tools

import (
	"encoding/json"

	"toolvault/auth"
	"toolvault/schemas"
)

// Asking is an input schema as it asks for one of these accounts.
func Asking(input json.RawMessage, names []string) (json.RawMessage, error) {
	s, err := findSlots(input, auth.Account)
	if err != nil {
		return nil, err
	}
	b := &bound{schema: schemas.Tool{Input: input}, slots: s}
	return b.asking(names).Input, nil
}

// With puts the argument account into an input schema.
func With(input, property json.RawMessage) (json.RawMessage, error) {
	s, err := findSlots(input, auth.Account)
	if err != nil {
		return nil, err
	}
	return s.with(input, auth.Account, property), nil
}

// TakeAccount takes the account out of arguments.
func TakeAccount(raw json.RawMessage) (rest json.RawMessage, account any, ok bool) {
	return takeAccount(raw)
}
