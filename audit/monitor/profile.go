package monitor

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"time"
)

const (
	slots     = 7 * 24 // hours of a week, in UTC
	learnRate = 0.3    // of a week, once some are known
	warmWeeks = 3      // until an hour of the week is known

	// enough is how many calls a week must have so that an hour without any means
	// something.
	enough = 50

	levelRate = 1.0 / 72 // of an hour: growth is seen within three days
	maxGrowth = 4

	unsure  = 0.2  // surprise of an agent that has just come
	doubt   = 5    // as many hours stand behind that
	regular = 0.05 // surprise of an agent that has hours, at most
)

// hourOf numbers the hours since 1970.
func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func slotOf(hour int64) int { return int(hour % slots) }

// profile is what is normal for an agent, by hour of the week: how many calls, and
// by how much that differs from week to week. Days that were not normal are learned
// as far as they were not an incident. Growth is learned faster than the week: as
// the ratio of what came lately to what was expected.
type profile struct {
	mean, dev [slots]float32
	weeks     [slots]uint8

	hour  int64 // that is counted now
	calls float64

	came, expected float64 // lately

	// surprise is the share of hours in which the agent worked though it never
	// does: where it is high, the agent has no hours.
	surprise float64
	judged   int // hours of which it is the share
}

// normal is how many calls an hour is expected to have, and the deviation. The
// hours beside it count too: who begins at nine begins now and then before.
func (p *profile) normal(hour int64) (mean, dev float64) {
	s := slotOf(hour)
	growth := p.growth()
	for _, i := range [3]int{(s + slots - 1) % slots, s, (s + 1) % slots} {
		mean = max(mean, float64(p.mean[i]))
		dev = max(dev, float64(p.dev[i]))
	}
	return mean * growth, dev * growth
}

// growth is by how much lately more came than was expected. That less came is no
// reason to expect less: after a holiday the work goes on.
func (p *profile) growth() float64 {
	if p.expected < 5 {
		return 1
	}
	return min(max(p.came/p.expected, 1), maxGrowth)
}

// limit is the number of calls in the hour from which on it is a spike.
func (p *profile) limit(hour int64, known bool, r Rule) float64 {
	mean, dev := p.normal(hour)
	if !known {
		// Without a normal of its own only what no beginner does is one.
		return max(5*r.Count, r.Ratio*mean)
	}
	return max(r.Count, r.Ratio*mean, mean+6*max(1.25*dev, math.Sqrt(mean)))
}

// idle reports whether the agent never works at that hour of the week; known says
// whether that can be told.
func (p *profile) idle(hour int64) (idle, known bool) {
	s := slotOf(hour)
	idle, known = true, p.week() >= enough
	for _, i := range [3]int{(s + slots - 1) % slots, s, (s + 1) % slots} {
		idle = idle && p.mean[i] < 0.2
		known = known && p.weeks[i] >= warmWeeks
	}
	return idle, known
}

// week is how many calls a week has.
func (p *profile) week() (sum float64) {
	for _, m := range p.mean {
		sum += float64(m)
	}
	return sum
}

// advance closes the hours before one. limit is what an hour may have to be
// learned as it was.
func (p *profile) advance(hour int64, limit func(hour int64) float64) {
	if p.hour == 0 {
		p.hour, p.surprise = hour, unsure
		return
	}
	if hour < p.hour-1 { // the clock was set back
		p.hour, p.calls = hour, 0
		return
	}
	if hour-p.hour > 8*slots { // nothing that was learned still holds
		*p = profile{hour: hour, surprise: unsure}
		return
	}
	for ; p.hour < hour; p.hour++ {
		p.learn(limit)
		p.calls = 0
	}
}

func (p *profile) learn(limit func(int64) float64) {
	s := slotOf(p.hour)
	if p.calls > 0 {
		if idle, known := p.idle(p.hour); known {
			came := 0.0
			if idle {
				came = 1
			}
			p.judged = min(p.judged+1, 50)
			p.surprise += (came - p.surprise) / float64(min(doubt+p.judged, 50))
		}
	}
	calls := p.calls
	if calls > 0 {
		calls = min(calls, limit(p.hour))
	}
	if p.weeks[s] > 0 {
		p.came += (calls - p.came*levelRate)
		p.expected += (float64(p.mean[s]) - p.expected*levelRate)
	}
	rate := max(learnRate, 1/float64(p.weeks[s]+1))
	diff := calls - float64(p.mean[s])
	if p.weeks[s] > 0 {
		p.dev[s] += float32((math.Abs(diff) - float64(p.dev[s])) * rate)
	}
	p.mean[s] += float32(diff * rate)
	if p.mean[s] < 0.01 {
		p.mean[s] = 0
	}
	if p.weeks[s] < math.MaxUint8 {
		p.weeks[s]++
	}
}

// slotBytes is one hour of the week in the state file.
const slotBytes = 9

// packed is a profile in the state file.
type packed struct {
	Week     string  `json:"week"`
	Hour     int64   `json:"hour"`
	Calls    float64 `json:"calls"`
	Came     float64 `json:"came"`
	Expected float64 `json:"expected"`
	Surprise float64 `json:"surprise"`
	Judged   int     `json:"judged"`
}

// MarshalJSON packs the hours of the week: as numbers they would be most of the file.
func (p *profile) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, slots*slotBytes)
	for i := range slots {
		b = append(b, p.weeks[i])
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(p.mean[i]))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(p.dev[i]))
	}
	return json.Marshal(packed{base64.RawStdEncoding.EncodeToString(b), p.hour, p.calls, p.came, p.expected, p.surprise, p.judged})
}

// UnmarshalJSON is the reverse.
func (p *profile) UnmarshalJSON(text []byte) error {
	var k packed
	if err := json.Unmarshal(text, &k); err != nil {
		return err
	}
	b, err := base64.RawStdEncoding.DecodeString(k.Week)
	if err != nil || len(b) != slots*slotBytes {
		return errors.New("what was learned of an agent's week cannot be read")
	}
	for i := range slots {
		at := b[i*slotBytes:]
		p.weeks[i] = at[0]
		p.mean[i] = math.Float32frombits(binary.LittleEndian.Uint32(at[1:]))
		p.dev[i] = math.Float32frombits(binary.LittleEndian.Uint32(at[5:]))
	}
	p.hour, p.calls, p.came, p.expected, p.surprise, p.judged = k.Hour, k.Calls, k.Came, k.Expected, k.Surprise, k.Judged
	return nil
}
