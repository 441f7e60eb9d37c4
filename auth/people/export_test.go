package people

import "sync/atomic"

// Count has p compute a cheap stand-in for argon2id and returns how often it did.
func Count(p *People) *atomic.Int64 {
	var n atomic.Int64
	real := p.argon
	p.argon = func(password, salt []byte, _, _ uint32, _ uint8, keyLen uint32) []byte {
		n.Add(1)
		return real(password, salt, 1, 8, 1, keyLen)
	}
	return &n
}

// Hold makes each computation wait until the channel gives, and tells of it on
// the one returned.
func Hold(p *People, until <-chan struct{}) (began <-chan struct{}) {
	ch := make(chan struct{}, 100)
	real := p.argon
	p.argon = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
		ch <- struct{}{}
		<-until
		return real(password, salt, time, memory, threads, keyLen)
	}
	return ch
}

// The parameters of argon2id, and the hash that they give.
const (
	ArgonTime, ArgonMemory, ArgonThreads = argonTime, argonMemory, argonThreads
)

var PHC = encodeHash
