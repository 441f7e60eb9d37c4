package stats

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	axis          = 9 // columns of the terminal left of the plot
	callRows      = 8
	wrongRows     = 3
	narrowestPlot = 40 // columns of the terminal
)

// Plot draws the calls over time, and below them those that went wrong, for a
// terminal of so many columns. It uses the block characters of Unicode and no
// colour. Times are shown in zone.
func (r *Report) Plot(w io.Writer, width int, zone *time.Location) error {
	out := bufio.NewWriter(w)
	room := max(width, narrowestPlot) - axis - 1
	list, length := r.columns(room)
	if len(list) == 0 {
		_, _ = fmt.Fprintln(out, "No calls to plot.")
		return out.Flush()
	}
	wide := min(room/len(list), 8)
	from, to := list[0].from.In(zone), list[len(list)-1].from.Add(length).In(zone)
	_, _ = fmt.Fprintf(out, "Calls by %s, %s to %s\n", Span(length), from.Format("2006-01-02 15:04"), to.Format("2006-01-02 15:04"))
	draw(out, list, wide, callRows, func(c *column) int64 { return c.Calls })
	labels(out, from, to, wide*len(list))
	_, _ = fmt.Fprintln(out, "Of them failed, denied or unknown")
	draw(out, list, wide, wrongRows, func(c *column) int64 { return c.Wrong() })
	return out.Flush()
}

var blocks = [...]string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

func draw(w io.Writer, list []column, wide, rows int, of func(*column) int64) {
	top := int64(0)
	for i := range list {
		top = max(top, of(&list[i]))
	}
	if top == 0 {
		_, _ = fmt.Fprintf(w, "%*s none\n", axis-2, "")
		return
	}
	for row := rows - 1; row >= 0; row-- {
		label, edge := "", "│"
		if row == rows-1 {
			label, edge = short(top), "┤"
		}
		var line strings.Builder
		for i := range list {
			n := of(&list[i])
			height := int((n*int64(rows)*8 + top - 1) / top) // in eighths of a row; what is not 0 is seen
			line.WriteString(strings.Repeat(blocks[min(max(height-8*row, 0), 8)], wide))
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%*s %s%s", axis-2, label, edge, line.String()), " "))
	}
	_, _ = fmt.Fprintf(w, "%*s ┼%s\n", axis-2, "0", strings.Repeat("─", wide*len(list)))
}

// labels are times below the ends of the axis, and below its middle.
func labels(w io.Writer, from, to time.Time, width int) {
	const layout = "Jan 02 15:04"
	a, b := from.Format(layout), to.Format(layout)
	middle := ""
	if width >= 3*len(layout)+8 {
		middle = from.Add(to.Sub(from) / 2).Format(layout)
	}
	gap := max(width-len(a)-len(middle)-len(b), 1)
	left := gap / 2
	if middle == "" {
		left = 0
	}
	_, _ = fmt.Fprintf(w, "%*s%s%s%s%s%s\n", axis, "", a, strings.Repeat(" ", left), middle, strings.Repeat(" ", gap-left), b)
}

// short is a number in at most seven characters.
func short(n int64) string {
	switch {
	case n < 1_000_000:
		return Count(n)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1fG", float64(n)/1e9)
}
