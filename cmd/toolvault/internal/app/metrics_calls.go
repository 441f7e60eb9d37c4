package app

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/tools"
)

// counted is the gateway that counts what is under way.
type counted struct {
	*tools.Gateway
	metrics *Metrics
}

// Call makes a call.
func (c counted) Call(ctx context.Context, id auth.Identity, call tools.Call) tools.Result {
	c.metrics.inFlight.Inc()
	defer c.metrics.inFlight.Dec()
	return c.Gateway.Call(ctx, id, call)
}

// timed is the audit log of calls that measures how long its callers wait.
type timed struct {
	log     *audit.Log
	metrics *Metrics
}

// Append writes a record and returns when it is durable.
func (t timed) Append(ctx context.Context, r audit.Record) (audit.Receipt, error) {
	m := t.metrics
	m.appending.Inc()
	defer m.appending.Dec()
	began := time.Now()
	receipt, err := t.log.Append(ctx, r)
	m.appendSeconds.Observe(time.Since(began).Seconds())
	switch {
	case err == nil:
		m.records.Inc()
		if receipt.TreeSize() == receipt.Index()+1 { // the last of its batch
			m.batches.Inc()
		}
	case ctx.Err() == nil:
		m.appendFailures.Inc()
	}
	return receipt, err
}

// streaming is told of streams that begin and end.
func (m *Metrics) streaming(change int) { m.streams.Add(float64(change)) }

// connected follows the connections of a server. It is http.Server.ConnState.
func (m *Metrics) connected() func(net.Conn, http.ConnState) {
	states := map[http.ConnState]string{http.StateActive: "active", http.StateIdle: "idle"}
	var mu sync.Mutex
	before := map[net.Conn]string{}
	return func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if was, ok := before[c]; ok {
			m.connections.WithLabelValues(was).Dec()
			delete(before, c)
		}
		if name, ok := states[state]; ok {
			before[c] = name
			m.connections.WithLabelValues(name).Inc()
		}
	}
}
