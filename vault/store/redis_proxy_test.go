package store_test

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between a store and a Redis, and can lose answers or lead new
// connections elsewhere.
type proxy struct {
	addr string

	mu     sync.Mutex
	target string
	conns  map[net.Conn]bool // of the client; true: it has subscribed
	lose   atomic.Pointer[string]
	lost   atomic.Int32
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = l.Close(); p.cut(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// loseAnswer has the answer to the next request that holds the text lost: the
// server has done it, and the client's connection breaks.
func (p *proxy) loseAnswer(to string) { p.lose.Store(&to) }

// turn leads new connections to another server, and cuts the old ones but those
// of subscribers.
func (p *proxy) turn(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.cut(false)
}

func (p *proxy) cut(subscribers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, subscribed := range p.conns {
		if subscribers || !subscribed {
			_ = c.Close()
		}
	}
}

func (p *proxy) serve(c net.Conn) {
	p.mu.Lock()
	p.conns[c] = false
	target := p.target
	p.mu.Unlock()
	defer func() {
		_ = c.Close()
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
	}()
	up, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	var losing atomic.Bool
	go func() {
		defer func() { _ = c.Close() }()
		b := make([]byte, 64<<10)
		for {
			n, err := up.Read(b)
			if err != nil {
				return
			}
			if losing.Load() {
				p.lost.Add(1)
				return
			}
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(b[:n], []byte("subscribe")) {
			p.mu.Lock()
			p.conns[c] = true
			p.mu.Unlock()
		}
		if text := p.lose.Load(); text != nil && bytes.Contains(b[:n], []byte(*text)) && p.lose.CompareAndSwap(text, nil) {
			losing.Store(true)
		}
		if _, err := up.Write(b[:n]); err != nil {
			return
		}
	}
}
