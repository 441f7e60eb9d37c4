package pinecone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) adminTools() []tools.Tool {
	return []tools.Tool{
		tools.New("pinecone_create_index", s.createIndex),
		tools.New("pinecone_configure_index", s.configureIndex),
		tools.New("pinecone_delete_index", s.deleteIndex),
	}
}

type createIndexIn struct {
	Name       string            `json:"name"`
	Model      string            `json:"model"`
	TextField  string            `json:"text_field"`
	Dimension  int               `json:"dimension"`
	Metric     string            `json:"metric"`
	VectorType string            `json:"vector_type"`
	Cloud      string            `json:"cloud"`
	Region     string            `json:"region"`
	Protect    bool              `json:"protect"`
	Tags       map[string]string `json:"tags"`
}

// CreatedIndex is the answer of pinecone_create_index.
type CreatedIndex struct {
	Description
	Created bool   `json:"created"` // false: it was there
	Note    string `json:"note,omitempty"`
}

// Text is the index, and whether it is new.
func (i CreatedIndex) Text() string {
	s := "Made: "
	if !i.Created {
		s = "It was there already, nothing was changed: "
	}
	s += i.Description.Text()
	if i.Note != "" {
		s += i.Note + "\n"
	}
	return s
}

// check refuses what cannot be one index.
func (in createIndexIn) check() error {
	wrong := ""
	switch {
	case in.Name[0] == '-' || in.Name[len(in.Name)-1] == '-':
		wrong = "name must begin and end with a letter or a digit."
	case in.Model == "" && in.Dimension == 0 && in.VectorType != "sparse":
		wrong = "Give model for an index that embeds texts itself (pinecone_list_models shows them), or dimension for one of bare vectors."
	case in.Model == "" && in.VectorType == "sparse" && in.Dimension > 0:
		wrong = "A sparse index has no dimension. Leave dimension out, or vector_type."
	case in.VectorType == "sparse" && in.Metric != "" && in.Metric != "dotproduct":
		wrong = "A sparse index has the metric dotproduct. Leave metric out."
	case in.Model != "" && in.VectorType != "":
		wrong = "The vector type of an index with a model is the model's. Leave vector_type out."
	}
	if wrong == "" {
		return nil
	}
	f := fault.New(fault.InvalidArguments, "%s", wrong)
	f.NotSent = true
	return f
}

// The bodies of POST /indexes/create-for-model and POST /indexes.
type (
	createForModel struct {
		Name       string            `json:"name"`
		Cloud      string            `json:"cloud"`
		Region     string            `json:"region"`
		Protection string            `json:"deletion_protection"`
		Tags       map[string]string `json:"tags,omitempty"`
		Embed      embedSettings     `json:"embed"`
	}
	embedSettings struct {
		Model     string            `json:"model"`
		FieldMap  map[string]string `json:"field_map"`
		Metric    string            `json:"metric,omitempty"`
		Dimension int               `json:"dimension,omitempty"`
	}
	createBare struct {
		Name       string            `json:"name"`
		Dimension  int               `json:"dimension,omitempty"`
		Metric     string            `json:"metric"`
		VectorType string            `json:"vector_type"`
		Protection string            `json:"deletion_protection"`
		Tags       map[string]string `json:"tags,omitempty"`
		Spec       serverlessSpec    `json:"spec"`
	}
	serverlessSpec struct {
		Serverless place `json:"serverless"`
	}
	place struct {
		Cloud  string `json:"cloud"`
		Region string `json:"region"`
	}
)

func (in createIndexIn) request() upstream.Request {
	if in.Model != "" {
		return upstream.Request{Path: "/indexes/create-for-model", JSON: createForModel{
			Name: in.Name, Cloud: in.Cloud, Region: in.Region, Protection: onOff(in.Protect), Tags: in.Tags,
			Embed: embedSettings{Model: in.Model, FieldMap: map[string]string{"text": in.TextField}, Metric: in.Metric, Dimension: in.Dimension},
		}}
	}
	body := createBare{
		Name: in.Name, Dimension: in.Dimension, Metric: in.Metric, VectorType: cmp.Or(in.VectorType, "dense"),
		Protection: onOff(in.Protect), Tags: in.Tags, Spec: serverlessSpec{place{in.Cloud, in.Region}},
	}
	if body.Metric == "" {
		body.Metric = "cosine"
		if body.VectorType == "sparse" {
			body.Metric = "dotproduct"
		}
	}
	return upstream.Request{Path: "/indexes", JSON: body}
}

func onOff(protect bool) string {
	if protect {
		return "enabled"
	}
	return "disabled"
}

// same reports whether an index is what was asked for, as far as it was said.
func (in createIndexIn) same(m indexModel) bool {
	f := m.facts()
	switch {
	case in.Model != "" && (f.kind != integrated || f.model != in.Model || f.textField != in.TextField),
		in.Model == "" && f.kind != vectors,
		in.Model == "" && f.vector != "" && f.vector != cmp.Or(in.VectorType, "dense"),
		in.Dimension != 0 && f.dimension != in.Dimension,
		in.Metric != "" && f.metric != in.Metric:
		return false
	}
	return true
}

func (s *service) createIndex(ctx context.Context, c *upstream.Client, in createIndexIn) (CreatedIndex, error) {
	if err := in.check(); err != nil {
		return CreatedIndex{}, err
	}
	s.hosts.drop(keyFor(c, in.Name))
	var m indexModel
	err := c.Do(ctx, in.request(), &m)
	var f *fault.Error
	if errors.As(err, &f) && f.Status == http.StatusConflict {
		there, lookup := s.describe(ctx, c, in.Name)
		if lookup != nil || !in.same(there) {
			f.Message = fmt.Sprintf("There is an index %s already, and it is made differently: pinecone_describe_index shows it. Choose another name.", in.Name)
			return CreatedIndex{}, f
		}
		return CreatedIndex{Description: describe(there)}, nil
	}
	if err != nil {
		return CreatedIndex{}, s.aboutModel(ctx, c, err, in.Model)
	}
	out := CreatedIndex{Created: true}
	m, out.Note = s.awaitReady(ctx, c, m)
	out.Description = describe(m)
	return out, nil
}

const maxWait = 45 * time.Second // for an index to be ready

// awaitReady looks at an index that is being made until it is ready, for a while:
// it is there in any case.
func (s *service) awaitReady(ctx context.Context, c *upstream.Client, m indexModel) (indexModel, string) {
	const later = "It is not ready yet. Look at it with pinecone_describe_index in a minute, before you write to it."
	waited, wait := time.Duration(0), 250*time.Millisecond
	for n := 1; !m.Status.Ready; n++ {
		if waited >= maxWait || s.sleep(ctx, wait) != nil {
			return m, later
		}
		c.Progress(float64(n), 0, "waiting for the index")
		var now indexModel
		if err := c.Get(ctx, "/indexes/"+url.PathEscape(m.Name), nil, &now); err != nil {
			return m, later
		}
		m = now
		waited += wait
		wait = min(2*wait, 4*time.Second)
	}
	return m, ""
}

type configureIndexIn struct {
	Index   string            `json:"index"`
	Protect *bool             `json:"protect"`
	Tags    map[string]string `json:"tags"`
}

// configureRequest is ConfigureIndexRequest of the control plane.
type configureRequest struct {
	Protection string            `json:"deletion_protection,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

func (s *service) configureIndex(ctx context.Context, c *upstream.Client, in configureIndexIn) (Description, error) {
	body := configureRequest{Tags: in.Tags}
	if in.Protect != nil {
		body.Protection = onOff(*in.Protect)
	}
	if body.Protection == "" && len(body.Tags) == 0 {
		f := fault.New(fault.InvalidArguments, "Nothing to change: give protect, or tags.")
		f.NotSent = true
		return Description{}, f
	}
	before, err := s.describe(ctx, c, in.Index) // near names on a miss, and its kind
	if err != nil {
		return Description{}, err
	}
	var m indexModel
	err = c.Do(ctx, upstream.Request{
		Method: http.MethodPatch, Path: "/indexes/" + url.PathEscape(in.Index), JSON: body, Header: version(before.facts().kind),
	}, &m)
	if err != nil {
		return Description{}, err
	}
	m.Schema = before.Schema
	return describe(m), nil
}

type deleteIndexIn struct {
	Index   string `json:"index"`
	Confirm string `json:"confirm"`
}

// DeletedIndex is the answer of pinecone_delete_index.
type DeletedIndex struct {
	Index   string `json:"index"`
	Deleted bool   `json:"deleted"`
}

// Text says that it is gone.
func (i DeletedIndex) Text() string {
	return fmt.Sprintf("Deleted the index %s with everything in it.", i.Index)
}

func (s *service) deleteIndex(ctx context.Context, c *upstream.Client, in deleteIndexIn) (DeletedIndex, error) {
	if in.Confirm != in.Index {
		return DeletedIndex{}, unconfirmed("index", in.Index)
	}
	there, err := s.describe(ctx, c, in.Index) // near names on a miss, and its kind
	if err != nil {
		return DeletedIndex{}, err
	}
	err = c.Do(ctx, upstream.Request{
		Method: http.MethodDelete, Path: "/indexes/" + url.PathEscape(in.Index), Header: version(there.facts().kind),
	}, nil)
	s.hosts.drop(keyFor(c, in.Index))
	return DeletedIndex{Index: in.Index, Deleted: err == nil}, err
}
