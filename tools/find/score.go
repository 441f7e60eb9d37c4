package find

import "slices"

// company is what a tool gets of the mean score of its service's tools: a request
// for "products" is one for the CRM, and there for the tool that its verb names.
const company = 1.0

// named is how much more a tool gets if the request says its whole name, in any
// words: "list channels" is list_channels before it is list_channel_members.
const named = 0.5

// elsewhere is what the score of a tool is worth if the request names other services
// than the tool's: "the contacts in Salesforce" are not those in HubSpot.
const elsewhere = 0.5

// places is what the score of a tool is worth by its service, where the request
// surely names any. What stands in quotation marks, or is only content, names a service
// by so much less.
func (x *Index) places(q request) []float64 {
	at, most := make([]float64, len(x.sizes)), 0.0
	for _, w := range q.wants {
		for _, v := range w.variants {
			if v.weight < mendedWeight {
				continue // a meaning, and not the name
			}
			n := x.called[v.term]
			for service, is := range n.services {
				if is {
					at[service] = max(at[service], min(1, w.weight))
				}
				if is && n.sure {
					most = max(most, at[service])
				}
			}
		}
	}
	for service, weight := range at {
		at[service] = 1 - (1-elsewhere)*max(0, most-weight)
	}
	return at
}

// score gives every tool that fits at all its score. A word of the request counts
// once, by the best of what it may mean.
func (x *Index) score(q request) []Hit {
	total := make([]float64, 3*len(x.tools))
	total, best, name := total[:len(x.tools)], total[len(x.tools):2*len(x.tools)], total[2*len(x.tools):]
	for _, w := range q.wants {
		for _, v := range w.variants {
			for _, p := range x.postings[v.term] {
				if !v.in(x.tools[p.tool].service) {
					continue
				}
				best[p.tool] = max(best[p.tool], v.weight*p.score)
				name[p.tool] += min(1, w.weight*v.weight) * p.share
			}
		}
		for _, v := range w.variants {
			for _, p := range x.postings[v.term] {
				total[p.tool] += w.weight * best[p.tool]
				best[p.tool] = 0
			}
		}
	}
	mean := make([]float64, len(x.sizes))
	for i, s := range total {
		mean[x.tools[i].service] += s / float64(x.sizes[x.tools[i].service])
	}
	place := x.places(q)
	var hits []Hit
	top := 0.0
	for i, s := range total {
		if t := x.tools[i]; s > 0 {
			s = (s*(1+named*name[i]) + company*mean[t.service]) * q.intent.favour(t.readOnly) * place[t.service]
			top = max(top, s)
			hits = append(hits, Hit{t.name, s})
		}
	}
	for i, h := range hits {
		if slices.Contains(q.tools, h.Name) {
			hits[i].Score = 1 + top // who says a tool's name means that tool
		}
	}
	return hits
}
