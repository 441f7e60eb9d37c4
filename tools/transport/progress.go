package transport

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	progressEvery = 250 * time.Millisecond // between two notifications of one call
	progressWrite = 2 * time.Second        // for one to be taken by the client
	answerWrite   = 30 * time.Second       // and for the answer behind them
)

// progressNotification is one line of notifications/progress ("Utilities",
// section "Progress").
func progressNotification(m *message, done, total float64, text string) []byte {
	b := []byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`)
	b = append(b, m.progress...)
	b = append(b, `,"progress":`...)
	b = strconv.AppendFloat(b, done, 'g', -1, 64)
	if total > 0 {
		b = append(b, `,"total":`...)
		b = strconv.AppendFloat(b, total, 'g', -1, 64)
	}
	if text != "" {
		b = append(b, `,"message":`...)
		b = appendText(b, text)
	}
	return append(b, "}}"...)
}

// steady lets through what grows and is not too frequent.
func steady(send func(done, total float64, text string)) func(done, total float64, text string) {
	last, at := -1.0, time.Time{}
	return func(done, total float64, text string) {
		now := time.Now()
		if done <= last || now.Sub(at) < progressEvery && (total <= 0 || done < total) {
			return
		}
		last, at = done, now
		send(done, total, text)
	}
}

// progress is how a call on stdio tells of its progress; nil where nobody asked.
func (s *stdio) progress(ctx context.Context, m *message) func(done, total float64, text string) {
	if m.progress == nil {
		return nil
	}
	return steady(func(done, total float64, text string) {
		if ctx.Err() == nil {
			s.send(answer{body: progressNotification(m, done, total, text)})
		}
	})
}

// stream answers a request over HTTP: with one JSON document or, once there is
// progress to tell of, with a stream of events that ends with it.
type stream struct {
	w      http.ResponseWriter
	m      *message
	may    bool // the client has asked, and takes streams
	open   bool
	broken bool // the client does not read
	told   func(change int)
}

func newStream(w http.ResponseWriter, r *http.Request, m *message, told func(change int)) *stream {
	return &stream{w: w, m: m, told: told, may: m.progress != nil && takesStreams(r.Header.Values("Accept"))}
}

func takesStreams(accept []string) bool {
	return strings.Contains(strings.ToLower(strings.Join(accept, ",")), "text/event-stream")
}

// progress is how the call tells of its progress; nil where nobody asked.
func (s *stream) progress() func(done, total float64, text string) {
	if !s.may {
		return nil
	}
	return steady(func(done, total float64, text string) {
		s.event(progressNotification(s.m, done, total, text), progressWrite)
	})
}

// event writes one event. A client that does not take it loses the events that
// follow, and does not hold up the call.
func (s *stream) event(body []byte, within time.Duration) {
	if s.broken {
		return
	}
	if !s.open {
		s.open = true
		if s.told != nil {
			s.told(1)
		}
		h := s.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no")
		s.w.WriteHeader(http.StatusOK)
	}
	control := http.NewResponseController(s.w)
	_ = control.SetWriteDeadline(time.Now().Add(within))
	_, err := s.w.Write(append(append([]byte("event: message\ndata: "), body...), "\n\n"...))
	if err == nil {
		err = control.Flush()
	}
	s.broken = err != nil
	_ = control.SetWriteDeadline(time.Time{})
}

// end writes the answer to the request.
func (s *stream) end(a answer) {
	if !s.open {
		a.write(s.w)
		return
	}
	s.event(a.body, answerWrite)
	if s.told != nil {
		s.told(-1)
	}
}
