// Package audit is what happened: a log of records that nobody can quietly edit.
//
// # Records
//
// A record has two parts. Its leaf is what the tree hashes: a line of JSON that
// stays for ever. What a person may demand to have erased (the user, arguments,
// result and message) is its body: the leaf commits to it by a hash, which a salt
// in the body keeps from being guessed. A body can be erased, or dropped when it
// is old, and the tree still verifies; that it was done is itself a record.
//
// # On disk
//
// A log is a folder of segment files, "00000000000000000000.log" and so on, named
// after the index of their first record. Every line is JSON and tells by how it
// begins what it is:
//
//	{         a record's leaf
//	["body"   the body of the record before it; only spaces follow when it was erased
//	["tree"   the edge of the Merkle tree where the segment begins: the first line
//	["key"    the verifier key of the segment: the second line
//	["leaves" the record hashes of a batch of several records
//	"         a checkpoint: a C2SP signed note (c2sp.org/tlog-checkpoint), as a JSON string
//
// A batch is some records and then the checkpoint that covers them and all
// before them, written by one write and made durable by one sync; only then do
// its callers get their receipts. The tree is that of RFC 6962, section 2.1, over
// the exact bytes of the leaves without their newline.
//
// What stands behind the last whole batch was never acknowledged: readers ignore
// it and the next writer cuts it off. Many processes may share one folder: each
// holds a file lock for one batch, and first reads what others have appended.
//
// A segment that is full is sealed: compressed, with only its last checkpoint
// (see sealed.go). Sealed segments can be moved away. A key can be rotated: then
// a new segment begins (see keys.go).
//
// # Reading
//
// Scan, Follow, Reader and Subscription read a log beside its writers and without
// the key. All that is fed by the log goes through a Subscription.
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
