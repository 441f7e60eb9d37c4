// Package audit is what happened: a log of records that nobody can quietly edit.
//
// # On disk
//
// A log is a folder of segment files, "00000000000000000000.log" and so on, named
// after the index of their first record. Every line is JSON and tells by its
// first byte what it is:
//
//	{   a record
//	[   "tree": the edge of the Merkle tree where a segment begins, or
//	    "leaves": the record hashes of a batch of several records
//	"   a checkpoint: a C2SP signed note (c2sp.org/tlog-checkpoint), as a JSON string
//
// A batch is some record lines and then the checkpoint that covers them and all
// before them, written by one write and made durable by one sync; only then do
// its callers get their receipts. The tree is that of RFC 6962, section 2.1, over
// the exact bytes of the record lines without their newline.
//
// What stands behind the last whole batch was never acknowledged: readers ignore
// it and the next writer cuts it off. Many processes may share one folder: each
// holds a file lock for one batch, and first reads what others have appended.
//
// # What Verify finds, and what it cannot
//
// Without the key nobody can add, change, move or remove a record that a
// checkpoint covers and not be found. Whoever has the key can write another log
// altogether. Whoever can write the folder, and has no key, can still roll the
// whole log back to one of its own earlier checkpoints, its file "head" with it.
// Verify finds that only by a head that was kept where he cannot write:
// Options.Kept hands heads out, once a second, and Verify takes them. What came
// after the last head that was kept can be cut off unseen.
package audit
