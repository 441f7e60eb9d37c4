package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"toolvault/tools/pattern"
)

// controlPlane is what api.pinecone.io answers about indexes.
func (p *pinecone) controlPlane(mux *http.ServeMux) {
	mux.HandleFunc("GET /indexes", p.control(false, p.listIndexes))
	mux.HandleFunc("POST /indexes", p.control(true, p.createIndex))
	mux.HandleFunc("POST /indexes/create-for-model", p.control(true, p.createForModel))
	mux.HandleFunc("GET /indexes/{name}", p.control(false, p.describeIndex))
	mux.HandleFunc("PATCH /indexes/{name}", p.control(true, p.configureIndex))
	mux.HandleFunc("DELETE /indexes/{name}", p.control(true, p.deleteIndex))
}

// pineField is a field of a schema.
type pineField struct {
	Type      string         `json:"type"`
	Dimension int            `json:"dimension,omitempty"`
	Metric    string         `json:"metric,omitempty"`
	Model     string         `json:"model,omitempty"` // of semantic_text
	FullText  map[string]any `json:"full_text_search,omitempty"`
}

func (ix *pineIndex) host(own string) string {
	if ix.name == pineconeHome {
		return own
	}
	return own + "/i/" + ix.name
}

func (ix *pineIndex) status() map[string]any {
	if ix.initializing {
		return map[string]any{"ready": false, "state": "Initializing"}
	}
	return map[string]any{"ready": true, "state": "Ready"}
}

func (ix *pineIndex) protection() string {
	if ix.protected {
		return "enabled"
	}
	return "disabled"
}

// show is IndexModel of a version of the API.
func (ix *pineIndex) show(r *http.Request) map[string]any {
	m := map[string]any{
		"name": ix.name, "host": ix.host(r.Host), "status": ix.status(), "deletion_protection": ix.protection(),
	}
	if len(ix.tags) > 0 {
		m["tags"] = maps.Clone(ix.tags)
	}
	if r.Header.Get("X-Pinecone-Api-Version") == pineconeDocuments {
		fields := map[string]any{}
		for name, f := range ix.schema {
			fields[name] = f
		}
		switch {
		case ix.model != "":
			fields[ix.textField] = pineField{Type: "semantic_text", Model: ix.model, Dimension: ix.dimension, Metric: ix.metric}
		case ix.schema == nil:
			if ix.vectorType == "dense" {
				fields["_values"] = pineField{Type: "dense_vector", Dimension: ix.dimension, Metric: ix.metric}
			}
			fields["_sparse_values"] = pineField{Type: "sparse_vector"}
		}
		m["schema"] = map[string]any{"fields": fields}
		m["deployment"] = map[string]any{"deployment_type": "managed", "cloud": ix.cloud, "region": ix.region}
		return m
	}
	capacity := map[string]any{"mode": "OnDemand", "status": map[string]any{"state": "Ready"}}
	m["spec"] = map[string]any{"serverless": map[string]any{"cloud": ix.cloud, "region": ix.region, "read_capacity": capacity}}
	m["metric"], m["vector_type"] = ix.metric, ix.vectorType
	if ix.dimension > 0 {
		m["dimension"] = ix.dimension
	}
	if ix.model != "" {
		embed := map[string]any{
			"model": ix.model, "metric": ix.metric, "vector_type": ix.vectorType,
			"field_map":        map[string]any{"text": ix.textField},
			"read_parameters":  map[string]any{"input_type": "query", "truncate": "END"},
			"write_parameters": map[string]any{"input_type": "passage", "truncate": "END"},
		}
		if ix.dimension > 0 {
			embed["dimension"] = ix.dimension
		}
		m["embed"] = embed
	}
	return m
}

func (p *pinecone) listIndexes(w http.ResponseWriter, r *http.Request) {
	list := []any{}
	for _, name := range pineKeys(p.indexes) {
		list = append(list, p.indexes[name].show(r))
	}
	pineJSON(w, http.StatusOK, map[string]any{"indexes": list})
}

// named finds the index of the path, or says that there is none.
func (p *pinecone) named(w http.ResponseWriter, r *http.Request) *pineIndex {
	name := r.PathValue("name")
	ix := p.indexes[name]
	if ix == nil {
		pineControl(w, http.StatusNotFound, "NOT_FOUND", "Index "+name+" not found.")
	}
	return ix
}

func (p *pinecone) describeIndex(w http.ResponseWriter, r *http.Request) {
	if ix := p.named(w, r); ix != nil {
		if ix.settles {
			ix.initializing, ix.settles = false, false
		}
		pineJSON(w, http.StatusOK, ix.show(r))
	}
}

var pineName = pattern.New(`^[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?$`)

// add takes a new index, unless something is wrong with it.
func (p *pinecone) add(w http.ResponseWriter, r *http.Request, ix *pineIndex, protection string) {
	switch {
	case !pineName.MatchString(ix.name):
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Index name must contain only lowercase alphanumeric characters or hyphens, and must not begin or end with a hyphen.")
	case p.indexes[ix.name] != nil:
		pineControl(w, http.StatusConflict, "ALREADY_EXISTS", "Resource already exists")
	case ix.cloud == "" || ix.region == "":
		pineControl(w, http.StatusNotFound, "NOT_FOUND", "Resource cloud: "+ix.cloud+" region: "+ix.region+" not found")
	case len(p.indexes) >= 20:
		pineControl(w, http.StatusForbidden, "FORBIDDEN", "You've reached the max serverless indexes allowed in project Sandbox (20). To add more serverless indexes, upgrade your plan.")
	default:
		ix.protected = protection == "enabled"
		ix.initializing, ix.settles = true, true
		ix.spaces = map[string]*pineSpace{}
		p.indexes[ix.name] = ix
		pineJSON(w, http.StatusCreated, ix.show(r))
	}
}

func (p *pinecone) createIndex(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name       string            `json:"name"`
		Dimension  int               `json:"dimension"`
		Metric     string            `json:"metric"`
		VectorType string            `json:"vector_type"`
		Protection string            `json:"deletion_protection"`
		Tags       map[string]string `json:"tags"`
		Spec       struct {
			Serverless struct {
				Cloud  string `json:"cloud"`
				Region string `json:"region"`
			} `json:"serverless"`
		} `json:"spec"`
	}
	if !pineBody(w, r, &in) {
		pineControl(w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "Failed to deserialize the JSON body into the target type")
		return
	}
	ix := &pineIndex{
		name: in.Name, dimension: in.Dimension, metric: in.Metric, vectorType: in.VectorType, tags: in.Tags,
		cloud: in.Spec.Serverless.Cloud, region: in.Spec.Serverless.Region,
	}
	if ix.vectorType == "" {
		ix.vectorType = "dense"
	}
	if ix.vectorType == "dense" && (ix.dimension < 1 || ix.dimension > 20000) || ix.vectorType == "sparse" && (ix.dimension != 0 || ix.metric != "dotproduct") {
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Invalid dimension or metric for vector type "+ix.vectorType)
		return
	}
	p.add(w, r, ix, in.Protection)
}

func (p *pinecone) createForModel(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name       string            `json:"name"`
		Cloud      string            `json:"cloud"`
		Region     string            `json:"region"`
		Protection string            `json:"deletion_protection"`
		Tags       map[string]string `json:"tags"`
		Embed      struct {
			Model     string            `json:"model"`
			FieldMap  map[string]string `json:"field_map"`
			Metric    string            `json:"metric"`
			Dimension int               `json:"dimension"`
		} `json:"embed"`
	}
	if !pineBody(w, r, &in) || in.Embed.FieldMap["text"] == "" {
		pineControl(w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "Failed to deserialize the JSON body into the target type")
		return
	}
	model, ok := pineModelNamed(in.Embed.Model)
	if !ok || model.kind != "embed" {
		pineControl(w, http.StatusNotFound, "NOT_FOUND", "Model "+in.Embed.Model+" not found.")
		return
	}
	ix := &pineIndex{
		name: in.Name, model: model.name, textField: in.Embed.FieldMap["text"], cloud: in.Cloud, region: in.Region, tags: in.Tags,
		metric: in.Embed.Metric, vectorType: model.vectorType, dimension: in.Embed.Dimension,
	}
	if ix.dimension == 0 {
		ix.dimension = model.dimension
	}
	if ix.metric == "" {
		ix.metric = model.metrics[0]
	}
	if ix.dimension != 0 && !slices.Contains(model.dimensions, ix.dimension) || !slices.Contains(model.metrics, ix.metric) {
		pineControl(w, http.StatusBadRequest, "INVALID_ARGUMENT", fmt.Sprintf("Model %s does not support dimension %d with metric %s.", model.name, ix.dimension, ix.metric))
		return
	}
	p.add(w, r, ix, in.Protection)
}

func (p *pinecone) configureIndex(w http.ResponseWriter, r *http.Request) {
	ix := p.named(w, r)
	if ix == nil {
		return
	}
	var in struct {
		Protection string            `json:"deletion_protection"`
		Tags       map[string]string `json:"tags"`
	}
	if !pineBody(w, r, &in) {
		pineControl(w, http.StatusUnprocessableEntity, "UNPROCESSABLE_ENTITY", "Failed to deserialize the JSON body into the target type")
		return
	}
	if in.Protection != "" {
		ix.protected = in.Protection == "enabled"
	}
	for k, v := range in.Tags {
		if ix.tags == nil {
			ix.tags = map[string]string{}
		}
		if ix.tags[k] = v; v == "" {
			delete(ix.tags, k)
		}
	}
	pineJSON(w, http.StatusAccepted, ix.show(r))
}

func (p *pinecone) deleteIndex(w http.ResponseWriter, r *http.Request) {
	ix := p.named(w, r)
	switch {
	case ix == nil:
	case ix.protected:
		pineControl(w, http.StatusForbidden, "FORBIDDEN", "Deletion protection is enabled for this index. Disable deletion protection before retrying.")
	default:
		delete(p.indexes, ix.name)
		w.WriteHeader(http.StatusAccepted)
	}
}
