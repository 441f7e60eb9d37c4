package stats

import "time"

// column is some slots in a row, drawn as one; also those in which nothing
// happened.
type column struct {
	from time.Time
	Tally
}

// columns are at most bound columns that cover all points, and how long each is.
func (r *Report) columns(bound int) ([]column, time.Duration) {
	if len(r.Points) == 0 {
		return nil, r.Step
	}
	first, last := r.Points[0].Time, r.Points[len(r.Points)-1].Time
	slots := last.Unix()/int64(r.Step/time.Second) - first.Unix()/int64(r.Step/time.Second) + 1
	together := (slots + int64(bound) - 1) / int64(bound)
	length := time.Duration(together) * r.Step
	list := make([]column, (slots+together-1)/together)
	for i := range list {
		list[i].from = first.Add(time.Duration(i) * length)
	}
	for _, p := range r.Points {
		list[(p.Time.Unix()-first.Unix())/int64(length/time.Second)].Merge(p.Tally)
	}
	return list, length
}
