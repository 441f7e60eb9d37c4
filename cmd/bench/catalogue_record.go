package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// record is what is known of the vendors' servers where they cannot be run: names
// and numbers only, none of their text. -update with -vendors writes it.
type record struct {
	Lists map[string]listSize `json:"lists"`
	Tasks map[string]cost     `json:"tasks"`
}

// listSize is how much there is to read before the first call.
type listSize struct {
	Version      string   `json:"version,omitempty"`
	Bytes        int      `json:"bytes"` // of the tools as compact JSON
	Read         int      `json:"read"`  // of name, description and input schema
	Instructions int      `json:"instructions,omitempty"`
	Names        []string `json:"names"`
}

//go:embed catalogue_record.json
var recorded []byte

func readRecord() (record, error) {
	var r record
	if err := json.Unmarshal(recorded, &r); err != nil {
		return r, fmt.Errorf("catalogue_record.json: %w", err)
	}
	return r, nil
}

func sizeOf(tools []listed, version string, instructions int) (listSize, error) {
	size := listSize{Version: version, Instructions: instructions}
	for _, t := range tools {
		read, err := t.read()
		if err != nil {
			return size, err
		}
		size.Bytes, size.Read = size.Bytes+t.whole, size.Read+read
		size.Names = append(size.Names, t.Name)
	}
	slices.Sort(size.Names)
	return size, nil
}

// essential is what the Metabase server lists unless it is told otherwise; with it
// alone two of the everyday tasks cannot be done.
const essential = vendorMetabase + " --essential"

// theirLists are the lists of the vendors' servers: asked for where they are
// installed, read from the shared specs where Slack's is there, and else recorded.
func (c comparison) theirLists(ctx context.Context, r record) (map[string]listSize, error) {
	lists := map[string]listSize{}
	for name, size := range r.Lists {
		lists[name] = size
	}
	if size, err := specList("slack/official-mcp-tools.json", "August 2026"); err != nil {
		return nil, err
	} else if size.Names != nil {
		lists[hosted] = size
	}
	if c.npm == "" {
		return lists, nil
	}
	w, err := newWorld(c.now, true)
	if err != nil {
		return nil, err
	}
	defer w.close()
	for name, v := range vendors() {
		modes := map[string][]string{name: nil}
		if name == vendorMetabase {
			modes[essential] = []string{"--essential"}
		}
		for mode, args := range modes {
			p, err := c.startVendor(ctx, name, w, args...)
			if err != nil {
				return nil, err
			}
			tools, err := p.tools(ctx)
			p.stop()
			if err != nil {
				return nil, err
			}
			if lists[mode], err = sizeOf(tools, v.version, len(p.instructions)); err != nil {
				return nil, err
			}
		}
	}
	return lists, nil
}

// specList is a recorded answer to tools/list in the shared specs; empty where the
// folder is missing.
func specList(rel, version string) (listSize, error) {
	root, err := repository()
	if err != nil {
		return listSize{}, err
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(root), "shared", "specs", filepath.FromSlash(rel)))
	if os.IsNotExist(err) {
		return listSize{}, nil
	}
	if err != nil {
		return listSize{}, err
	}
	var in struct {
		Result struct {
			Tools []json.RawMessage `json:"tools"`
		} `json:"result"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return listSize{}, fmt.Errorf("%s: %w", rel, err)
	}
	tools, err := listedOf(in.Result.Tools)
	if err != nil {
		return listSize{}, fmt.Errorf("%s: %w", rel, err)
	}
	return sizeOf(tools, version, 0)
}

// ourLists are our own: whole, of one service each, and with discovery.
func (c comparison) ourLists(ctx context.Context) (map[string]listSize, error) {
	w, err := newWorld(c.now, false)
	if err != nil {
		return nil, err
	}
	defer w.close()
	modes := map[string][]string{"": nil, "--discovery": {"--discovery"}}
	for _, s := range serviceNames() {
		modes["--toolsets "+s] = []string{"--toolsets", s}
	}
	modes[everything], modes[everything+" --discovery"] = nil, []string{"--discovery"}
	lists := map[string]listSize{}
	for mode, args := range modes {
		start := c.startOurs
		if strings.HasPrefix(mode, everything) {
			start = c.startSandbox
		}
		p, err := start(ctx, w, args...)
		if err != nil {
			return nil, err
		}
		tools, err := p.tools(ctx)
		p.stop()
		if err != nil {
			return nil, err
		}
		if lists[mode], err = sizeOf(tools, "", len(p.instructions)); err != nil {
			return nil, err
		}
	}
	return lists, nil
}
