package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
)

// standIn is a double as a program that is not ours needs to know it.
type standIn struct {
	URL          string              `json:"url"`
	BaseURL      string              `json:"base_url"`
	Secret       string              `json:"secret,omitempty"`
	Refresh      string              `json:"refresh,omitempty"`
	ClientID     string              `json:"client_id,omitempty"`
	ClientSecret string              `json:"client_secret,omitempty"`
	Credentials  []standInCredential `json:"credentials,omitempty"`
}

type standInCredential struct {
	Type    string            `json:"type"`
	Secret  string            `json:"secret"`
	Refresh string            `json:"refresh,omitempty"`
	Params  map[string]string `json:"params,omitempty"`
}

// doubles serves a double of every service until in ends, and writes one line of
// JSON on where they are and what they let in: for the vendors' own clients, which
// say whether a double behaves as its service (.ci/e2e/doubles).
func doubles(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	all := map[string]standIn{}
	for _, d := range sandbox.All(time.Now) {
		if err := d.Start(); err != nil {
			return err
		}
		defer func() { _ = d.Close() }()
		all[d.Service] = standingIn(d)
	}
	if err := json.NewEncoder(out).Encode(all); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

func standingIn(d *double.Double) standIn {
	s := standIn{URL: d.URL(), BaseURL: d.BaseURL(), Secret: d.Secret, Refresh: d.Refresh, ClientID: d.ClientID, ClientSecret: d.ClientSecret}
	if d.Credentials != nil {
		for _, c := range d.Held(d.URL(), nil) {
			s.Credentials = append(s.Credentials, standInCredential{c.Type, c.Secret, c.Refresh, c.Params})
		}
	}
	return s
}
