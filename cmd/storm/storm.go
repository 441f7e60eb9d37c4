package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tally is what callers have seen.
type tally struct {
	mu     sync.Mutex
	calls  int
	broken int            // of a process that was killed meanwhile
	failed map[string]int // by the first line of what came back
	times  []time.Duration
	kills  int
	gaps   int // grants that a kill has cost
}

// storm lets callers call and kills servers until the time is up.
func (f *field) storm(ctx context.Context) error {
	f.tally.failed = map[string]int{}
	ctx, cancel := context.WithTimeout(ctx, f.duration)
	defer cancel()
	var callers sync.WaitGroup
	defer callers.Wait()
	for _, s := range f.servers {
		lives := &s.field.lives[s.n]
		for range f.callers {
			callers.Go(func() { f.call(ctx, s, lives) })
		}
	}
	if f.kill <= 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(f.kill)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s := f.servers[rand.IntN(len(f.servers))]
		f.lives[s.n].Add(1) // odd: it is dead
		s.kill()
		f.tally.mu.Lock()
		f.tally.kills++
		f.tally.mu.Unlock()
		if err := s.start(ctx); err != nil {
			return err
		}
		f.lives[s.n].Add(1)
		if err := f.mend(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// mend gives a new grant where the kill has cost the old one.
func (f *field) mend(ctx context.Context) error {
	state, reason, err := f.state(ctx)
	if err != nil || state != "needs_consent" {
		return err
	}
	if !strings.Contains(reason, "never ended") {
		return fmt.Errorf("the grant is lost, and not by the one gap that there is: %s", reason)
	}
	_, _ = fmt.Fprintln(f.log, "the one gap: a process was killed between the provider's answer and our write;", reason)
	f.tally.mu.Lock()
	f.tally.gaps++
	f.tally.mu.Unlock()
	return f.consent(ctx)
}

// state is what the credential's record says of it.
func (f *field) state(ctx context.Context) (state, reason string, err error) {
	out, err := f.toolvault(ctx, "credential", "show", credential, "-o", "json").Output()
	if err != nil {
		return "", "", fmt.Errorf("credential show: %w", err)
	}
	var doc struct {
		State  string `json:"state"`
		Reason string `json:"last_error"`
	}
	err = json.Unmarshal(out, &doc)
	return doc.State, doc.Reason, err
}

// call is one caller: calls one after the other, on a connection of its own.
func (f *field) call(ctx context.Context, s *server, lives *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		life := lives.Load()
		if life%2 == 1 {
			pause(ctx, 10*time.Millisecond)
			continue
		}
		start := time.Now()
		what := f.once(ctx, client, s, n)
		took := time.Since(start)
		if ctx.Err() != nil {
			return
		}
		f.tally.mu.Lock()
		switch {
		case what == "":
			f.tally.calls++
			f.tally.times = append(f.tally.times, took)
		case lives.Load() != life:
			f.tally.broken++
		default:
			f.tally.failed[what]++
		}
		f.tally.mu.Unlock()
		pause(ctx, time.Duration(rand.Int64N(int64(2*f.think)+1)))
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// once makes one call and says what is wrong with its answer, or nothing.
func (f *field) once(ctx context.Context, client *http.Client, s *server, n int) string {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"hubspot_get_object","arguments":{"object_type":"contacts","id":"%d"}}}`, n, n+1)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/mcp", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := client.Do(r)
	if err != nil {
		return "no answer"
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return "half an answer"
	case resp.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"isError":true`)):
		return fmt.Sprintf("HTTP %d %.300s", resp.StatusCode, sentence(answer))
	case !bytes.Contains(answer, []byte("Whitfield")):
		return fmt.Sprintf("wrong answer %.200s", answer)
	}
	return ""
}

// sentence is the text of a failure.
func sentence(answer []byte) string {
	var doc struct {
		Result struct{ Content []struct{ Text string } }
	}
	if json.Unmarshal(answer, &doc) == nil && len(doc.Result.Content) > 0 {
		return doc.Result.Content[0].Text
	}
	return string(answer)
}

// percentile of sorted times.
func percentile(times []time.Duration, p float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(float64(len(times))*p))]
}
