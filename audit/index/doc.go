// Package index finds the entries of an audit log by what is in them, without
// reading all of it. The index can be thrown away at any time: it is built again
// from the log.
//
// # On disk
//
// In the folder "index" of a log lies one file for every 16,384 records, "blocks".
// The records behind the last full block are read each time. A block has, for each
// of nine fields, the hashes of the values and in which records they are; which
// outcome belongs to which intent; the times; and a Bloom filter of the words of
// every 32 records, but for the words that nearly all of them have. It holds no
// text, but whoever guesses a value can find out whether it is there: so the files
// go when bodies are erased (Forget).
//
// # What it promises
//
// Each returns what audit.Query would, record by record read from the log and
// checked there: an index that is wrong cannot add or change an entry. It can hide
// one. Damage is found by checksums and mended; but whoever can write the folder
// can make a file that hides an entry from a query. No query proves that something
// is not in the log: audit.Verify and a reading of all of it do.
//
// In two things it finds more than Query: entries within Filter.Since whose clock
// was more than an hour behind that of a record before them, and entries behind
// 100,000 outcomes that wait for their intents.
package index

// BlockRecords is how many records a block has.
const BlockRecords = 1 << 14 // fits 16 bits

const (
	blockRows = BlockRecords
	groupRows = 32 // records that share a Bloom filter
	groups    = blockRows / groupRows

	folder  = "index" // in the folder of the log
	version = 1       // of the files; those of another are built anew
)
