package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"toolvault/auth/people"
)

// TestPersonListSaysWhereTheyComeFrom, also of those of the company, whom no command
// can add.
func TestPersonListSaysWhereTheyComeFrom(t *testing.T) {
	all := []people.Person{
		{Name: "ada", Origin: people.FromCompany, Issuer: "https://login.example.com", Created: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)},
		{Name: "bob", Origin: people.FromConfig},
		{Name: "eve", Origin: people.FromAdmin, Created: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), Disabled: true},
	}
	var table, documents bytes.Buffer
	if err := printPeople(&table, "table", all); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"PERSON STATE FROM ADDED", "ada active company", "bob active config -", "eve disabled added"} {
		line := strings.Join(strings.Fields(strings.Split(table.String(), "\n")[i]), " ")
		if !strings.HasPrefix(line, want) {
			t.Errorf("line %d is %q, want %q", i, line, want)
		}
	}
	if err := printPeople(&documents, "json", all); err != nil {
		t.Fatal(err)
	}
	want := `{"created":"2026-11-25T12:00:00Z","from":"company","name":"ada","state":"active"}
{"from":"config","name":"bob","state":"active"}
{"created":"2026-11-25T12:00:00Z","from":"added","name":"eve","state":"disabled"}
`
	if documents.String() != want {
		t.Errorf("%s", documents.String())
	}
}
