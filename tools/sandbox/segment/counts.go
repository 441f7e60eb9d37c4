package segment

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// counted is a kind of event of which the workspace sees many, and how many at the
// end of a day's way.
type counted struct {
	event, kind, source string
	aDay                int
	fails               string // why some are not delivered; "" none
}

// made are how many there were in a bucket of time: the same in every run, and a
// little different every time.
func (c counted) made(at time.Time, bucket time.Duration) int {
	h := fnv.New32a()
	fmt.Fprint(h, c.event, c.source, at.Unix())
	n := float64(c.aDay) * bucket.Hours() / 24
	return int(n * (0.8 + float64(h.Sum32()%40)/100))
}

// span is the window of a request, in buckets. A wrong one has been answered.
func (a *asked) span(most map[string]time.Duration) (times []time.Time, bucket time.Duration, ok bool) {
	q := a.r.URL.Query()
	buckets := map[string]time.Duration{"DAY": 24 * time.Hour, "HOUR": time.Hour, "MINUTE": time.Minute}
	bucket = buckets[q.Get("granularity")]
	start, bad := time.Parse(time.RFC3339, q.Get("startTime"))
	end, worse := time.Parse(time.RFC3339, q.Get("endTime"))
	field := ""
	switch {
	case bucket == 0:
		field = "granularity"
	case bad != nil:
		field = "startTime"
	case worse != nil, !start.Before(end):
		field = "endTime"
	case most != nil && end.Sub(start) > most[q.Get("granularity")]:
		field = "startTime"
	}
	if field != "" {
		refuse(a.w, http.StatusUnprocessableEntity, "validation", field, "%s is invalid", field)
		return nil, 0, false
	}
	for t := start.Truncate(bucket); t.Before(end) && len(times) < 5000; t = t.Add(bucket) {
		times = append(times, t)
	}
	return times, bucket, true
}

// list is a parameter of several values, as in groupBy.0=eventName of the vendor's
// examples, or groupBy[0]=eventName of its TypeScript client.
func list(q url.Values, name string) []string {
	all := q[name]
	for i := range 10 {
		all = append(append(all, q[fmt.Sprintf("%s.%d", name, i)]...), q[fmt.Sprintf("%s[%d]", name, i)]...)
	}
	return all
}

type group struct {
	key    string
	out    map[string]any
	total  int
	series []any
}

// grouped adds up counts by what groupBy names.
func (a *asked) grouped(some []counted, times []time.Time, bucket time.Duration, share func(counted, int) int, by map[string]func(counted) any) []*group {
	var groups []*group
	for _, c := range some {
		out := map[string]any{}
		key := ""
		for _, name := range list(a.r.URL.Query(), "groupBy") {
			if value := by[name]; value != nil {
				out[name] = value(c)
				key += fmt.Sprint(value(c), " ")
			}
		}
		i := slices.IndexFunc(groups, func(g *group) bool { return g.key == key })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{key: key, out: out})
			for _, t := range times {
				groups[i].series = append(groups[i].series, map[string]any{"time": t.UTC().Format(time.RFC3339), "count": 0})
			}
		}
		for j, t := range times {
			n := share(c, c.made(t, bucket))
			point := groups[i].series[j].(map[string]any)
			point["count"] = point["count"].(int) + n
			groups[i].total += n
		}
	}
	return groups
}

func (g *group) shown() map[string]any {
	g.out["total"], g.out["series"] = g.total, g.series
	return g.out
}

// volumesAMinute is the limit that the vendor names for event volumes.
const volumesAMinute = 60

// tooOften counts requests by the minute, and refuses those beyond the limit.
func (a *asked) tooOften() bool {
	now := a.s.now()
	minute := now.Truncate(time.Minute)
	if !a.in.minute.Equal(minute) {
		a.in.minute, a.in.asked = minute, 0
	}
	if a.in.asked++; a.in.asked <= volumesAMinute {
		return false
	}
	reset := minute.Add(time.Minute)
	a.w.Header().Set("X-RateLimit-Reset", reset.UTC().Format(http.TimeFormat))
	answer(a.w, http.StatusTooManyRequests, jsonType, map[string]any{"errors": []any{map[string]any{
		"type": "RequestError", "message": "Too many requests",
		"data": map[string]any{"remainingPoints": 0, "msBeforeNext": reset.Sub(now).Milliseconds(), "consumedPoints": a.in.asked},
	}}})
	return true
}

// volume is GET /events/volume.
func (a *asked) volume() {
	if a.tooOften() {
		return
	}
	times, bucket, ok := a.span(nil)
	if !ok {
		return
	}
	q := a.r.URL.Query()
	sources, events := list(q, "sourceId"), list(q, "eventName")
	var some []counted
	for _, c := range a.in.counted() {
		if (len(sources) == 0 || slices.Contains(sources, c.source)) && (len(events) == 0 || slices.Contains(events, c.event)) {
			some = append(some, c)
		}
	}
	all := a.grouped(some, times, bucket, func(_ counted, n int) int { return n }, map[string]func(counted) any{
		"eventName": func(c counted) any { return c.event },
		"eventType": func(c counted) any { return c.kind },
		"source": func(c counted) any {
			x := a.in.source(c.source)
			return map[string]any{"id": x.id, "name": x.name, "slug": x.slug}
		},
	})
	listed(a, "result", all, (*group).shown)
}

// delivery is GET /delivery-overview/STAGE. The stages behind the source are of a
// destination (destinationConfigId).
func (a *asked) delivery(stage string) {
	q := a.r.URL.Query()
	behind := slices.Contains([]string{"filtered-at-destination", "failed-delivery", "successful-delivery"}, stage)
	if !behind && !slices.Contains([]string{"successfully-received", "failed-on-ingest", "filtered-at-source"}, stage) {
		a.missing()
		return
	}
	if a.in.source(q.Get("sourceId")) == nil {
		refuse(a.w, http.StatusUnprocessableEntity, "validation", "sourceId", "sourceId is invalid")
		return
	}
	if behind && !slices.ContainsFunc(a.in.destinations, func(d *destination) bool { return d.id == q.Get("destinationConfigId") }) {
		refuse(a.w, http.StatusUnprocessableEntity, "validation", "destinationConfigId", "destinationConfigId is invalid")
		return
	}
	times, bucket, ok := a.span(map[string]time.Duration{"MINUTE": 4 * time.Hour, "HOUR": 14 * 24 * time.Hour, "DAY": 30 * 24 * time.Hour})
	if !ok {
		return
	}
	var some []counted
	for _, c := range a.in.counted() {
		if c.source == q.Get("sourceId") && (strings.HasPrefix(stage, "succ") || c.fails != "") {
			some = append(some, c)
		}
	}
	share := func(c counted, n int) int {
		switch {
		case stage == "successfully-received":
			return n
		case stage == "successful-delivery" && c.fails != "":
			return n - n/20
		case stage == "successful-delivery":
			return n
		case stage == "failed-delivery":
			return n / 20
		}
		return n / 200
	}
	all := a.grouped(some, times, bucket, share, map[string]func(counted) any{
		"eventName":     func(c counted) any { return c.event },
		"eventType":     func(c counted) any { return c.kind },
		"discardReason": func(c counted) any { return c.fails },
	})
	listed(a, "dataset", all, (*group).shown)
}
