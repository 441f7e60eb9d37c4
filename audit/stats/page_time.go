package stats

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The measures of the charts over time, in the units of their viewBox.
const (
	chartWidth, chartHeight = 960, 250
	chartLeft, chartTop     = 58, 10
	chartRight, chartBottom = chartWidth - 6, chartHeight - 26
	plotWidth, plotHeight   = chartRight - chartLeft, chartBottom - chartTop
	labelGap, textMiddle    = 8, 4
	tickAt                  = chartHeight - 8
	fewDecades, mostTicks   = 3, 8
	tickRoom                = 50
)

// timeChart is the two charts over time and the table behind them.
type timeChart struct {
	Width, Height, Left, Right, LabelX, TickY int
	Span, Zone, Alt, LatencyAlt               string
	Lines, LatencyLines                       []gridLine
	Bars                                      []bar
	Ticks                                     []tick
	Curves                                    []curve
	Rows                                      []pageRow
}

type gridLine struct{ At, TextY, Label string }

type bar struct {
	Title string
	Parts []part
}

type tick struct{ At, Label string }

type curve struct{ Class, Path string }

// timeChart is nil where there is nothing to draw.
func (r *Report) timeChart(zone *time.Location) *timeChart {
	list, length := r.columns(pageColumns)
	if len(list) == 0 {
		return nil
	}
	c := &timeChart{
		Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartRight, LabelX: chartLeft - labelGap, TickY: tickAt,
		Span: Span(length), Zone: list[0].from.In(zone).Format("MST"),
	}
	c.bars(list, zone)
	c.latencies(list)
	c.ticks(list, length, zone)
	for i := range list {
		if list[i].Calls > 0 {
			c.Rows = append(c.Rows, pageNumbers(list[i].from.In(zone).Format("2006-01-02 15:04"), &list[i].Tally))
		}
	}
	return c
}

func (c *timeChart) bars(list []column, zone *time.Location) {
	most, at := int64(0), 0
	for i := range list {
		if list[i].Calls > most {
			most, at = list[i].Calls, i
		}
	}
	top, step := scale(most)
	for n := int64(0); n <= top; n += step {
		y := float64(chartBottom) - plotHeight*float64(n)/float64(top)
		c.Lines = append(c.Lines, gridLine{num(y), num(y + textMiddle), short(n)})
	}
	wide := float64(plotWidth) / float64(len(list))
	gap := min(wide*0.2, 2)
	for i := range list {
		x := &list[i]
		if x.Calls == 0 {
			continue
		}
		b := bar{Title: fmt.Sprintf("%s: %s calls, %s failed, %s denied", x.from.In(zone).Format("Jan 2 15:04"), Count(x.Calls), Count(x.Failures), Count(x.Denials))}
		y := float64(chartBottom)
		for _, s := range x.stack() {
			h := plotHeight * float64(s.n) / float64(top)
			if h == 0 {
				continue
			}
			y -= h
			b.Parts = append(b.Parts, part{s.class, num(chartLeft + wide*float64(i) + gap/2), num(y), num(wide - gap), num(h)})
		}
		c.Bars = append(c.Bars, b)
	}
	c.Alt = fmt.Sprintf("Bar chart of calls by %s. The most, %s, from %s. All numbers are in the table below the next chart.", c.Span, Count(most), list[at].from.In(zone).Format("2 January 15:04"))
}

// scale returns the end of an axis that goes up to most, and the step of its lines:
// 1, 2 or 5 times a power of ten, and at most five of them.
func scale(most int64) (top, step int64) {
	most = max(most, 1)
	for power := int64(1); ; power *= 10 {
		for _, m := range [...]int64{1, 2, 5} {
			if step = m * power; (most+step-1)/step <= 5 {
				return (most + step - 1) / step * step, step
			}
		}
	}
}

func (c *timeChart) latencies(list []column) {
	low, high := math.Inf(1), math.Inf(-1)
	quantiles := []struct {
		class string
		q     float64
	}{{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}}
	for i := range list {
		if l := &list[i].Latency; l.Count() > 0 {
			low, high = min(low, max(l.Quantile(0.5), smallest)), max(high, max(l.Quantile(0.99), smallest))
		}
	}
	if low > high {
		c.LatencyAlt = "No call told how long it took."
		return
	}
	from, to := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	if to <= from {
		to = from + 1
	}
	y := func(ms float64) float64 {
		return chartBottom - plotHeight*(math.Log10(max(ms, smallest))-from)/(to-from)
	}
	inner := []float64{1}
	if to-from <= fewDecades {
		inner = []float64{1, 2, 5}
	}
	for e := from; e <= to; e++ {
		for _, m := range inner {
			if ms := m * math.Pow(10, e); e < to || m == 1 {
				c.LatencyLines = append(c.LatencyLines, gridLine{num(y(ms)), num(y(ms) + textMiddle), axisDuration(ms)})
			}
		}
	}
	wide := float64(plotWidth) / float64(len(list))
	for _, q := range quantiles {
		var path strings.Builder
		move, alone := "M", ""
		for i := range list {
			l := &list[i].Latency
			if l.Count() == 0 {
				path.WriteString(alone)
				move, alone = "M", ""
				continue
			}
			x := chartLeft + wide*(float64(i)+0.5)
			fmt.Fprintf(&path, "%s%.2f %.2f", move, x, y(l.Quantile(q.q)))
			alone = ""
			if move == "M" {
				alone = "h0.01" // a point between gaps is seen too
			}
			move = "L"
		}
		path.WriteString(alone)
		c.Curves = append(c.Curves, curve{q.class, path.String()})
	}
	c.LatencyAlt = fmt.Sprintf("Line chart of how long calls took by %s, from %s to %s. All numbers are in the table below.", c.Span, Duration(low), Duration(high))
}

func axisDuration(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%g s", ms/1000)
	}
	return fmt.Sprintf("%g ms", math.Round(ms*1000)/1000)
}

// ticks are a few times below the axis: days where there are some, else hours.
func (c *timeChart) ticks(list []column, length time.Duration, zone *time.Location) {
	daily := length < 24*time.Hour && time.Duration(len(list))*length > 36*time.Hour
	layout := "Jan 2, 15:04"
	if daily || length >= 24*time.Hour {
		layout = "Jan 2"
	}
	var at []int
	day := ""
	for i := range list {
		if d := list[i].from.In(zone).Format("Jan 2"); !daily || d != day && i > 0 {
			at = append(at, i)
			day = d
		} else if i == 0 {
			day = d
		}
	}
	wide := float64(plotWidth) / float64(len(list))
	every := max((len(at)+mostTicks-1)/mostTicks, 1)
	for i := 0; i < len(at); i += every {
		x := chartLeft + wide*float64(at[i])
		if x > chartRight-tickRoom {
			break
		}
		c.Ticks = append(c.Ticks, tick{num(x), list[at[i]].from.In(zone).Format(layout)})
	}
}
