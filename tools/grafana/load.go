package grafana

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// group is the API of dashboards below /apis, from version 12 on.
const group = "dashboard.grafana.app"

// Annotations of objects below /apis (grafana.com/docs/grafana/latest, "API
// structure").
const (
	inFolder    = "grafana.app/folder"
	withMessage = "grafana.app/message"
	managedBy   = "grafana.app/managedBy" // "repo": Git Sync; "classic-file-provisioning", "terraform", …
	allowsEdits = "grafana.app/managerAllowsEdits"
	updatedAt   = "grafana.app/updatedTimestamp"
)

// dashboard is one as it was read, with what a save has to give back.
type dashboard struct {
	uid     string
	api     string // the version below /apis that it was read at; "": the legacy API
	stored  string // the version that it is stored in, as far as Grafana says
	spec    model
	object  map[string]any // all of it, of /apis
	folder  string         // uid; "": the root
	version string         // what a save is checked against
	managed string         // by what; "": nothing
	updated string
}

var versionForm = pattern.New(`^v\d{1,2}(?:(?:alpha|beta)\d{1,2})?$`)

// served are the versions of the API of dashboards that the instance has; none: only
// the legacy API. What is not clear ends in an error: through the legacy API a v2
// dashboard would be read, and saved, as what it is not.
func (s *service) served(ctx context.Context, c *upstream.Client) ([]string, error) {
	return s.versions.Get(key(c), func() ([]string, error) {
		var g struct {
			Versions []struct {
				Version string `json:"version"`
			} `json:"versions"`
		}
		err := s.get(ctx, c, "/apis/"+group, nil, &g)
		if notFound(err) {
			return nil, nil
		}
		var all []string
		for _, v := range g.Versions {
			if versionForm.MatchString(v.Version) {
				all = append(all, v.Version)
			}
		}
		return all, err
	})
}

// preferred is the version that is tried first: a stable classic one, since most
// dashboards are classic.
func preferred(served []string) string {
	for _, v := range []string{"v1", "v1beta1", "v2", "v2beta1", "v1alpha1", "v2alpha1"} {
		if slices.Contains(served, v) {
			return v
		}
	}
	return ""
}

// path is that of dashboards at a version of the API, or of one.
func (s *service) path(ctx context.Context, c *upstream.Client, version, uid string) (string, error) {
	i, err := s.instance(ctx, c)
	path := "/apis/" + group + "/" + version + "/namespaces/" + i.Namespace + "/dashboards"
	if uid != "" {
		path += "/" + url.PathEscape(uid)
	}
	return path, err
}

// load reads a dashboard at the version that it is stored in.
func (s *service) load(ctx context.Context, c *upstream.Client, uid string) (*dashboard, error) {
	served, err := s.served(ctx, c)
	if err != nil {
		return nil, err
	}
	version := preferred(served)
	if version == "" {
		return s.loadLegacy(ctx, c, uid)
	}
	d, err := s.loadAt(ctx, c, version, uid)
	if err != nil || d.stored == "" || d.stored == version || isV2(d.stored) == isV2(version) {
		return d, err
	}
	if !slices.Contains(served, d.stored) {
		return nil, fault.New(fault.UpstreamError, "The dashboard is stored as %s, which this Grafana does not serve, and another version would show only a part of it. A person has to look at it in Grafana.", upstream.Clean(d.stored, 20))
	}
	return s.loadAt(ctx, c, d.stored, uid)
}

func isV2(version string) bool { return strings.HasPrefix(version, "v2") }

func (s *service) loadAt(ctx context.Context, c *upstream.Client, version, uid string) (*dashboard, error) {
	path, err := s.path(ctx, c, version, uid)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := s.get(ctx, c, path, nil, &raw); err != nil {
		return nil, err
	}
	d := &dashboard{uid: uid, api: version, object: decoded(raw)}
	d.spec = object(d.object, "spec")
	meta := object(d.object, "metadata")
	marks := object(meta, "annotations")
	if d.spec == nil || meta == nil {
		return nil, fault.New(fault.UpstreamError, "Grafana answered with something that is no dashboard. Try again later; if it stays so, tell the operator.")
	}
	d.stored = text(object(object(d.object, "status"), "conversion"), "storedVersion")
	d.version, d.folder = text(meta, "resourceVersion"), text(marks, inFolder)
	d.updated = cmp.Or(text(marks, updatedAt), text(meta, "creationTimestamp"))
	if by := text(marks, managedBy); by != "" && text(marks, allowsEdits) != "true" {
		d.managed = by
	}
	return d, nil
}

func (s *service) loadLegacy(ctx context.Context, c *upstream.Client, uid string) (*dashboard, error) {
	var r struct {
		Dashboard json.RawMessage `json:"dashboard"`
		Meta      struct {
			Folder      string `json:"folderUid"`
			Provisioned bool   `json:"provisioned"`
			External    string `json:"provisionedExternalId"`
			API         string `json:"apiVersion"`
			Updated     string `json:"updated"`
		} `json:"meta"`
	}
	if err := s.get(ctx, c, "/api/dashboards/uid/"+url.PathEscape(uid), nil, &r); err != nil {
		return nil, err
	}
	d := &dashboard{uid: uid, spec: decoded(r.Dashboard), folder: r.Meta.Folder, stored: r.Meta.API, updated: r.Meta.Updated}
	if d.spec == nil {
		return nil, fault.New(fault.UpstreamError, "Grafana answered with something that is no dashboard. Try again later; if it stays so, tell the operator.")
	}
	if n, ok := d.spec["version"].(json.Number); ok {
		d.version = n.String()
	}
	if r.Meta.Provisioned {
		d.managed = "provisioning"
	}
	return d, nil
}

// mayBeSaved refuses what a save would harm, or what would be undone by what manages
// the dashboard.
func (d *dashboard) mayBeSaved() *fault.Error {
	var f *fault.Error
	switch {
	case d.managed == "repo":
		f = fault.New(fault.Conflict, "The dashboard comes from a Git repository, so nothing was saved: change it there.")
	case d.managed != "":
		f = fault.New(fault.Conflict, "The dashboard is managed by %s, which would undo the change, so nothing was saved: change it there, or make a copy with grafana_create_dashboard.", word(d.managed, "another program"))
	case d.stored != "" && isV2(d.stored) != d.spec.isV2():
		f = fault.New(fault.Conflict, "Grafana showed the dashboard in another form than it is stored in, so nothing was saved: panels could be lost. A person has to change it in Grafana.")
	case d.version == "":
		f = fault.New(fault.UpstreamError, "Grafana did not say which version of the dashboard this is, so nothing was saved.")
	default:
		return nil
	}
	f.NotSent = true
	return f
}

// saved is what came of a save.
type saved struct{ uid, title, version string }

// save writes a dashboard that may be saved, was read and changed, if nobody has changed it
// meanwhile: through the version of the API that it was read at, into the folder it
// is in.
func (s *service) save(ctx context.Context, c *upstream.Client, d *dashboard, message string) (saved, error) {
	if d.api == "" {
		return s.saveLegacy(ctx, c, d.spec, d.folder, message)
	}
	path, err := s.path(ctx, c, d.api, d.uid)
	if err != nil {
		return saved{}, err
	}
	meta := maps.Clone(object(d.object, "metadata"))
	delete(meta, "managedFields")
	meta["annotations"] = annotated(object(meta, "annotations"), d.folder, message)
	body := map[string]any{"apiVersion": group + "/" + d.api, "kind": "Dashboard", "metadata": meta, "spec": d.spec}
	return s.send(ctx, c, upstream.Request{Method: http.MethodPut, Path: path, JSON: body})
}

// annotated adds the folder and the message for the history.
func annotated(marks map[string]any, folder, message string) map[string]any {
	marks = maps.Clone(marks)
	if marks == nil {
		marks = map[string]any{}
	}
	delete(marks, inFolder)
	delete(marks, withMessage)
	if folder != "" {
		marks[inFolder] = folder
	}
	if message != "" {
		marks[withMessage] = message
	}
	return marks
}

// send posts or puts an object of /apis.
func (s *service) send(ctx context.Context, c *upstream.Client, req upstream.Request) (saved, error) {
	var r struct {
		Metadata struct {
			Name    string `json:"name"`
			Version string `json:"resourceVersion"`
		} `json:"metadata"`
		Spec struct {
			Title string `json:"title"`
		} `json:"spec"`
	}
	if err := s.do(ctx, c, req, &r); err != nil {
		return saved{}, err
	}
	return saved{r.Metadata.Name, r.Spec.Title, r.Metadata.Version}, nil
}

// saveLegacy is POST /api/dashboards/db. Without a folder in the request Grafana
// would move the dashboard to the root.
func (s *service) saveLegacy(ctx context.Context, c *upstream.Client, spec model, folder, message string) (saved, error) {
	var r struct {
		UID     string      `json:"uid"`
		Title   string      `json:"title"`
		Version json.Number `json:"version"`
	}
	err := s.do(ctx, c, upstream.Request{Path: "/api/dashboards/db", JSON: map[string]any{
		"dashboard": spec, "folderUid": folder, "message": message, "overwrite": false,
	}}, &r)
	return saved{r.UID, cmp.Or(r.Title, text(spec, "title")), r.Version.String()}, err
}

// create makes a classic dashboard.
func (s *service) create(ctx context.Context, c *upstream.Client, spec model, folder, message string) (saved, error) {
	served, err := s.served(ctx, c)
	if err != nil {
		return saved{}, err
	}
	version := ""
	for _, v := range []string{"v1", "v1beta1"} {
		if version == "" && slices.Contains(served, v) {
			version = v
		}
	}
	if version == "" {
		return s.saveLegacy(ctx, c, spec, folder, message)
	}
	path, err := s.path(ctx, c, version, "")
	if err != nil {
		return saved{}, err
	}
	return s.send(ctx, c, upstream.Request{Path: path, JSON: map[string]any{
		"apiVersion": group + "/" + version, "kind": "Dashboard", "spec": spec,
		"metadata": map[string]any{"generateName": "d", "annotations": annotated(nil, folder, message)},
	}})
}
