package stats

import "time"

// Report is what was counted.
type Report struct {
	Records     int64     // read
	First, Last time.Time // of what was counted; zero: nothing
	All         *Tally    // of all calls
	Tables      []Table   // by Kinds
	Step        time.Duration
	Points      []Point // by time; a slot without calls is left out
}

// Table is the tallies of one kind.
type Table struct {
	Kind string
	Rows []Row
}

// Report ends the collection. What the collector gets afterwards changes it.
func (c *Collector) Report() *Report {
	c.settle()
	r := &Report{Records: c.records, First: c.first, Last: c.last, All: &c.all, Step: steps[c.series.step], Points: c.series.points()}
	for i, kind := range Kinds() {
		r.Tables = append(r.Tables, Table{kind, c.tables[i].rows()})
	}
	return r
}

// Table returns the tallies of a kind; nil: there is no such kind.
func (r *Report) Table(kind string) []Row {
	for _, t := range r.Tables {
		if t.Kind == kind {
			return t.Rows
		}
	}
	return nil
}
