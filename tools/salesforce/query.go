package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) queryTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_query", s.query)}
}

const (
	minBatch = 200 // rows of one answer: the vendor's bounds
	maxBatch = 2000
)

// locator is the last part of the address of the next batch of a query.
var locator = pattern.New(`/services/data/v\d{2}\.\d/query/([A-Za-z0-9]{10,60}(?:-\d{1,9})?)$`)

// run makes a query, or reads on where another stopped. Of the address of the next
// batch only the locator is taken: it goes to the same host, whatever else it says.
func run(ctx context.Context, c *upstream.Client, soql, at string) (rows []row, total int, next string, err error) {
	return runBatch(ctx, c, soql, at, minBatch)
}

func runBatch(ctx context.Context, c *upstream.Client, soql, at string, size int) (rows []row, total int, next string, err error) {
	var got struct {
		Total   *int   `json:"totalSize"`
		Done    bool   `json:"done"`
		Next    string `json:"nextRecordsUrl"`
		Records []row  `json:"records"`
	}
	req := upstream.Request{
		Path: path(c, "query"), Query: url.Values{"q": {soql}}, Read: true,
		Header: http.Header{"Sforce-Query-Options": {fmt.Sprintf("batchSize=%d", size)}},
	}
	if at != "" {
		req.Path, req.Query = path(c, "query", at), nil
	}
	if len(soql) > maxSOQL {
		return nil, 0, "", fault.Wrong("The query is %d characters long, and Salesforce takes %d. Ask for fewer fields or values.", len(soql), maxSOQL)
	}
	if err := c.Do(ctx, req, &got); err != nil {
		return nil, 0, "", err
	}
	if got.Total == nil || *got.Total < 0 {
		return nil, 0, "", lacking("the result of the query")
	}
	if !got.Done && got.Next != "" {
		m := locator.FindStringSubmatch(got.Next)
		if m == nil {
			return nil, 0, "", lacking("a usable address of the next records")
		}
		next = m[1]
	}
	return got.Records, *got.Total, next, nil
}

// maxSOQL is what fits into an address at Salesforce, 16 kB, with its escapes.
const maxSOQL = 10_000

type queryIn struct {
	SOQL   string `json:"soql"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

func (s *service) query(ctx context.Context, c *upstream.Client, in queryIn) (Found, error) {
	if err := guard(in.SOQL); err != nil {
		return Found{}, err
	}
	return page(ctx, c, []any{"query", in.SOQL}, strings.TrimSpace(in.SOQL), in.Limit, in.Cursor)
}

// page is a page of the rows of a query. mark is what the caller said, for the cursor.
func page(ctx context.Context, c *upstream.Client, mark any, soql string, limit int, cursor string) (Found, error) {
	at, err := tools.OpenPosition(mark, cursor)
	if err != nil {
		return Found{}, err
	}
	rows, total, next, err := runBatch(ctx, c, soql, at.Cursor, min(max(limit+at.Skip, minBatch), maxBatch))
	if err != nil {
		return Found{}, err
	}
	out := Found{Total: total, Records: []Record{}}
	rows = rows[:min(len(rows), at.Skip+limit+1)] // no more are shown, and one tells that there are
	part, cursor := tools.Page(mark, at, records(c, rows, shortValue), limit, next)
	out.Records, out.Next = append(out.Records, part...), cursor
	return out, nil
}
