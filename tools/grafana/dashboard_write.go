package grafana

import (
	"context"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) dashboardWriteTools() []tools.Tool {
	return []tools.Tool{
		tools.New("grafana_create_dashboard", s.createDashboard),
		tools.New("grafana_update_dashboard", s.updateDashboard),
	}
}

// Saved is the answer of both.
type Saved struct {
	UID       string   `json:"uid"`
	Title     string   `json:"title"`
	Version   string   `json:"version"`
	FolderUID string   `json:"folder_uid,omitempty"`
	Panels    int      `json:"panels"`
	Applied   bool     `json:"applied"`
	Changes   []string `json:"changes,omitempty"`
	Link      string   `json:"link"`
}

// Text says what was done.
func (s Saved) Text() string {
	var b strings.Builder
	if !s.Applied {
		b.WriteString("Nothing was saved (dry_run). ")
	}
	fmt.Fprintf(&b, "dashboard %s  %s  version %s, %d panels  %s\n", s.UID, upstream.Quote(s.Title), s.Version, s.Panels, s.Link)
	if s.FolderUID != "" {
		fmt.Fprintf(&b, "in folder %s\n", s.FolderUID)
	}
	for _, c := range s.Changes {
		b.WriteString(c + "\n")
	}
	return b.String()
}

// CreateArgs are those of grafana_create_dashboard.
type CreateArgs struct {
	Title   string           `json:"title"`
	Folder  string           `json:"folder"`
	Tags    []string         `json:"tags"`
	Panels  []map[string]any `json:"panels"`
	From    string           `json:"from"`
	Message string           `json:"message"`
}

func (s *service) createDashboard(ctx context.Context, c *upstream.Client, in CreateArgs) (Saved, error) {
	spec := model{
		"title": in.Title, "panels": []any{}, "schemaVersion": 41, "timezone": "browser", "editable": true,
		"time": map[string]any{"from": in.From, "to": "now"},
	}
	if len(in.Tags) > 0 {
		spec["tags"] = in.Tags
	}
	for i, p := range in.Panels {
		if _, err := spec.addPanel(p); err != nil {
			return Saved{}, fault.Wrong("Panel %d: %s", i+1, fault.From(err).Message)
		}
	}
	var folder hit
	if in.Folder != "" {
		var err error
		if folder, err = s.folder(ctx, c, in.Folder); err != nil {
			return Saved{}, err
		}
	}
	got, err := s.create(ctx, c, spec, folder.UID, in.Message)
	if err != nil {
		return Saved{}, err
	}
	if !uidForm.MatchString(got.uid) {
		return Saved{}, fault.New(fault.UpstreamError, "Grafana has made the dashboard and did not say its uid. Look for it with grafana_search; do not make it again.")
	}
	return Saved{
		UID: got.uid, Title: in.Title, Version: word(got.version, "unknown"), FolderUID: folder.UID, Panels: len(in.Panels), Applied: true,
		Link: c.BaseURL() + "/d/" + got.uid,
	}, nil
}

// UpdateArgs are those of grafana_update_dashboard.
type UpdateArgs struct {
	Dashboard string `json:"dashboard"`
	Version   string `json:"version"`
	Ops       []Op   `json:"ops"`
	Folder    string `json:"folder"`
	Message   string `json:"message"`
	DryRun    bool   `json:"dry_run"`
}

func (s *service) updateDashboard(ctx context.Context, c *upstream.Client, in UpdateArgs) (Saved, error) {
	if len(in.Ops) == 0 && in.Folder == "" {
		return Saved{}, fault.Wrong("There is nothing to change: give ops, folder or both.")
	}
	found, err := s.dashboard(ctx, c, in.Dashboard)
	if err != nil {
		return Saved{}, err
	}
	d, err := s.load(ctx, c, found.UID)
	if err != nil {
		return Saved{}, err
	}
	if f := d.mayBeSaved(); f != nil {
		return Saved{}, f
	}
	if in.Version != "" && in.Version != d.version {
		f := fault.New(fault.Conflict, "Somebody has changed the dashboard since it was read: it is at version %s now, and nothing was saved. Read it again and repeat the change.", word(d.version, "unknown"))
		f.NotSent = true
		return Saved{}, f
	}
	changes, err := d.spec.apply(in.Ops)
	if err != nil {
		return Saved{}, err
	}
	if in.Folder != "" {
		folder, err := s.folder(ctx, c, in.Folder)
		if err != nil {
			return Saved{}, err
		}
		d.folder = folder.UID
		changes = append(changes, "moved to folder "+upstream.Quote(upstream.Clean(folder.Title, 100)))
	}
	out := Saved{Applied: !in.DryRun, Changes: changes, Panels: len(d.spec.panels())}
	if !in.DryRun {
		got, err := s.save(ctx, c, d, in.Message)
		if err != nil {
			return Saved{}, err
		}
		d.version = got.version
	}
	head := d.head(c)
	out.UID, out.Title, out.Version, out.FolderUID, out.Link = head.UID, head.Title, head.Version, head.FolderUID, head.Link
	return out, nil
}
