// Package tile keeps the Merkle tree of an audit log in a form in which others'
// tools read it, and in which a proof takes a few small reads however long the
// log is: hash tiles after C2SP (c2sp.org/tlog-tiles), in the log's own folder.
//
//	checkpoint              the newest signed checkpoint that was published
//	tile/0/x001/x234/067    256 leaf hashes, one after the other: 8192 bytes
//	tile/1/000.p/17         17 hashes, each the root of a full tile of level 0
//	tile/entries/000        256 leaves, each behind its length; never kept here, made when asked for
//
// Tiles hold nothing that is not in the log: whoever removes them only makes the
// next proof slow, for they are then made again of the records. Nor are they
// trusted. Every tile that is read is held against the tile above it, and the
// topmost ones against the root that the newest checkpoint signs; one that was
// damaged is made again. What cannot be made to fit is an error, never a proof.
//
// Several processes may write the tiles of one log: a full tile never changes,
// and each is written aside and renamed.
package tile
