package weaviate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ranked is an object that a search has found.
type ranked struct {
	*object
	score    float64
	distance *float64
	scored   bool
}

// noKey is what the server says where it needs a provider's key and has none.
const noKey = "Cohere API Key: no api key found neither in request header: X-Cohere-Api-Key nor in environment variable under COHERE_APIKEY"

// embed is the vector of a text; it returns what is wrong.
func embed(module, text, providerKey string) ([]float64, string) {
	switch {
	case module == "text2vec-cohere" && providerKey == "":
		return nil, noKey
	case module == "text2vec-cohere" && providerKey != CohereKey():
		return nil, "connection to: Cohere API failed with status: 401 error: Incorrect API key provided"
	}
	v := make([]float64, 26*26)
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(text))
	for i := 0; i+1 < len(letters); i++ {
		v[int(letters[i]-'a')*26+int(letters[i+1]-'a')]++
	}
	return v, ""
}

// vectorize gives an object its vectors.
func (c *class) vectorize(o *object, given []float64, providerKey string) string {
	o.vectors = map[string][]float64{}
	if given != nil {
		o.vectors[""] = given
	}
	text := c.Class
	for _, name := range slices.Sorted(maps.Keys(o.Properties)) {
		if p := c.property(name); p != nil && p.element() == "text" {
			text += fmt.Sprint(" ", name, " ", o.Properties[name])
		}
	}
	for name, module := range c.modules() {
		if module == "none" || module == "" || name == "" && given != nil {
			continue
		}
		v, wrong := embed(module, text, providerKey)
		if wrong != "" {
			return "vectorize target vector " + name + ": update vector: " + wrong
		}
		o.vectors[name] = v
	}
	return ""
}

func cosine(a, b []float64) float64 {
	var dot, x, y float64
	for i := range min(len(a), len(b)) {
		dot += a[i] * b[i]
		x += a[i] * a[i]
		y += b[i] * b[i]
	}
	if x == 0 || y == 0 {
		return 1
	}
	return 1 - dot/math.Sqrt(x*y)
}

// nearest are all objects that have the vector, the closest first.
func nearest(all []*object, target string, v []float64) []ranked {
	var found []ranked
	for _, o := range all {
		if have := o.vectors[target]; have != nil {
			d := cosine(have, v)
			found = append(found, ranked{object: o, distance: &d})
		}
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(*a.distance, *b.distance) })
	return found
}

// words are the objects that have any of the query's words, by BM25.
func (c *class) words(all []*object, query string, properties []string) ([]ranked, string) {
	weights := map[*property]float64{}
	for _, p := range c.Properties {
		if len(properties) == 0 && *p.IndexSearchable {
			weights[p] = 1
		}
	}
	for _, named := range properties {
		name, weight, _ := strings.Cut(named, "^")
		p := c.property(name)
		if p == nil || !*p.IndexSearchable {
			return nil, fmt.Sprintf("Searching by property '%s' requires inverted index. Is `indexSearchable` option of property '%s' enabled? Set it to `true` or leave empty", name, name)
		}
		weights[p] = 1
		if n, err := strconv.ParseFloat(weight, 64); err == nil {
			weights[p] = n
		}
	}
	scores := map[*object]float64{}
	for p, weight := range weights {
		for _, term := range tokens(query, p.Tokenization, true) {
			counts, n := map[*object]float64{}, 0.0
			for _, o := range all {
				for _, v := range each(o.Properties[p.Name]) {
					text, _ := v.(string)
					for _, t := range tokens(text, p.Tokenization, false) {
						if t == term {
							counts[o]++
						}
					}
				}
				if counts[o] > 0 {
					n++
				}
			}
			idf := math.Log(1 + (float64(len(all))-n+0.5)/(n+0.5))
			for o, tf := range counts {
				scores[o] += weight * idf * tf * 2.2 / (tf + 1.2)
			}
		}
	}
	var found []ranked
	for _, o := range all {
		if scores[o] > 0 {
			found = append(found, ranked{object: o, score: scores[o], scored: true})
		}
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	return found, ""
}

// fuse is relativeScoreFusion: each set from 0 to 1, weighed by alpha.
func fuse(vector, words []ranked, alpha float64) []ranked {
	sum := map[*object]float64{}
	var order []*object
	add := func(set []ranked, weight float64, value func(ranked) float64) {
		low, high := math.Inf(1), math.Inf(-1)
		for _, r := range set {
			low, high = min(low, value(r)), max(high, value(r))
		}
		for _, r := range set {
			n := 1.0
			if high > low {
				n = (value(r) - low) / (high - low)
			}
			if _, there := sum[r.object]; !there {
				order = append(order, r.object)
			}
			sum[r.object] += weight * n
		}
	}
	if alpha > 0 {
		add(vector, alpha, func(r ranked) float64 { return 1 - *r.distance })
	}
	if alpha < 1 {
		add(words, 1-alpha, func(r ranked) float64 { return r.score })
	}
	var found []ranked
	for _, o := range order {
		found = append(found, ranked{object: o, score: sum[o], scored: true})
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	return found
}

// target is the vector that a search is by; it returns what is wrong.
func (c *class) target(named []string) (string, string) {
	modules := c.modules()
	switch {
	case len(named) > 0:
		if _, ok := modules[named[0]]; !ok {
			return "", fmt.Sprintf("index for target vector %q not found", named[0])
		}
		return named[0], ""
	case len(modules) > 1:
		return "", "multiple vectorizers configuration found, please specify target vector name"
	}
	return slices.Sorted(maps.Keys(modules))[0], ""
}

// vectorOf is the vector of a query by text.
func (c *class) vectorOf(text string, named []string, providerKey string) (string, []float64, string) {
	target, wrong := c.target(named)
	if wrong != "" {
		return "", nil, wrong
	}
	module := c.modules()[target]
	if module == "none" || module == "" {
		return "", nil, fmt.Sprintf("VectorFromInput was called without vectorizer on class %s for input %s", c.Class, text)
	}
	v, wrong := embed(module, text, providerKey)
	if wrong != "" {
		wrong = "remote client vectorize: " + wrong
	}
	return target, v, wrong
}
