package mirror

import (
	"context"
	"encoding/hex"
	"strconv"
)

// Webhook posts records as a JSON array, in order, each as NewRecord makes it.
//
// The message's id, which travels as Webhook-Id and is the key of idempotency of
// standard-webhooks.com, is made of what is in it: the same lot has the same one
// after a restart too. A lot that is cut differently then has another; the ids of
// its records stay.
type Webhook struct {
	post func(ctx context.Context, id string, body []byte) error
}

// NewWebhook makes a sink. post sends one message, once, and gives its error a
// class, as ByStatus does.
func NewWebhook(post func(ctx context.Context, id string, body []byte) error) *Webhook {
	return &Webhook{post}
}

// Send posts a lot.
func (w *Webhook) Send(ctx context.Context, lot Lot) error {
	n := len(lot.Records)
	if n == 0 {
		return nil
	}
	first, last := &lot.Records[0], &lot.Records[n-1]
	id := "msg_" + strconv.FormatInt(first.Index, 10) + "-" + strconv.FormatInt(last.Index, 10) + "_" + hex.EncodeToString(last.Digest[:8])
	return w.post(ctx, id, array(lot.Records))
}

// Close does nothing.
func (w *Webhook) Close() error { return nil }

func array(list []Record) []byte {
	size := 2
	for i := range list {
		size += len(list[i].JSON) + 2
	}
	b := append(make([]byte, 0, size), '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, '\n'), list[i].JSON...)
	}
	return append(b, '\n', ']')
}
