// Command known makes litewitness know a log, as its witnessctl does, which has
// dependencies that cannot be had everywhere.
//
//	known DATABASE VERIFIER_KEY
package main

import (
	"database/sql"
	"fmt"
	"log"
	"os"
	"strings"

	_ "modernc.org/sqlite"

	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: known DATABASE VERIFIER_KEY")
	}
	db, err := sql.Open("sqlite", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	origin, _, _ := strings.Cut(os.Args[2], "+")
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", origin, empty.String()); err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO key (origin, key) VALUES (?, ?)", origin, os.Args[2]); err != nil {
		log.Fatal(err)
	}
	fmt.Println("known:", origin)
}
