// Package anchor gives the checkpoints of an audit log to somebody outside, so
// that whoever owns the machine, the store and the signing key cannot rewrite
// history unseen.
//
// A checkpoint is a promise about all records so far. Who has two of them can
// tell whether the first tree is a part of the second, so what has once left the
// machine binds whoever runs it:
//
//   - a File keeps checkpoints in a folder, or the newest in a file, on a disk
//     that others own;
//   - a Witness (c2sp.org/tlog-witness) is a server of somebody else that signs
//     each checkpoint with its own key and the time, after it has checked that the
//     log has only grown since the last one;
//   - any other Place can be written by whoever uses this package.
//
// An Anchor feeds one place from the log: the newest checkpoint at each
// interval, from where the place has last acknowledged one.
//
// # What is found, and what is not
//
// A history that does not hold a checkpoint which a place has is ErrHistory: the
// log was rolled back, replaced, or forked. Places that can see it refuse to take
// another checkpoint, and Verify, given what they have kept, names the record.
// What came after the newest checkpoint that was given out can still be cut off
// unseen: that is the interval, and how long a place could not be reached.
package anchor
