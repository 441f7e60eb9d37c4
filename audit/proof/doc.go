// Package proof makes one self-contained file that proves what stands in an audit
// log about one call, and checks such a file with nothing but the log's public key.
//
// For each record of the call the file has the exact bytes that the log's tree has
// hashed (the leaf), the exact bytes that may be erased (the body), unless they
// were or are withheld, and a c2sp.org/tlog-proof@v1: the record's index, the
// inclusion proof, and a signed checkpoint. docs/audit-proofs.md says how to check
// one with standard tools.
//
// # What a file proves
//
// Whoever has the log's key has committed to these very bytes at this index, in a
// tree of this size: the record cannot be changed, moved or denied any more
// without a second history, signed with the same key. A body proves itself by the
// salted hash in its leaf. What a file does not prove is that the log is shown the
// same to everybody: that is what the cosignatures of witnesses are for, which it
// carries where there are some. Nor does it prove that it holds all records of the
// call: a write without its outcome may just have been left out.
package proof
