package auth

import (
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a rule about local time must hold on machines without zone files

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// zones remembers time zones by name. Looking one up takes 20 µs, since Go reads
// its file each time; a rule is evaluated in one. There are some 600 valid names,
// and only valid ones are kept.
type zones struct{ byName sync.Map }

// load takes an IANA name ("Europe/Berlin", "UTC") or an offset ("+02:00", "-09:30").
func (z *zones) load(name string) (*time.Location, error) {
	if loc, ok := z.byName.Load(name); ok {
		return loc.(*time.Location), nil
	}
	if hours, minutes, ok := strings.Cut(name, ":"); ok {
		return offset(hours, minutes)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	z.byName.Store(name, loc)
	return loc, nil
}

type badOffset struct{}

func (badOffset) Error() string { return "an offset from UTC is written +HH:MM or -HH:MM" }

func offset(hours, minutes string) (*time.Location, error) {
	h, errH := strconv.ParseInt(hours, 10, 8)
	m, errM := strconv.ParseUint(minutes, 10, 8)
	if errH != nil || errM != nil || h < -23 || h > 23 || m > 59 {
		return nil, badOffset{}
	}
	seconds := int(h)*3600 + int(m)*60
	if strings.HasPrefix(hours, "-") {
		seconds = int(h)*3600 - int(m)*60
	}
	return time.FixedZone("", seconds), nil
}

// zoneFunctions are the accessors of a timestamp that take a time zone.
var zoneFunctions = map[string]struct {
	overload string
	get      func(time.Time) int
}{
	overloads.TimeGetFullYear:     {overloads.TimestampToYearWithTz, time.Time.Year},
	overloads.TimeGetMonth:        {overloads.TimestampToMonthWithTz, func(t time.Time) int { return int(t.Month()) - 1 }},
	overloads.TimeGetDayOfYear:    {overloads.TimestampToDayOfYearWithTz, func(t time.Time) int { return t.YearDay() - 1 }},
	overloads.TimeGetDayOfMonth:   {overloads.TimestampToDayOfMonthZeroBasedWithTz, func(t time.Time) int { return t.Day() - 1 }},
	overloads.TimeGetDate:         {overloads.TimestampToDayOfMonthOneBasedWithTz, time.Time.Day},
	overloads.TimeGetDayOfWeek:    {overloads.TimestampToDayOfWeekWithTz, func(t time.Time) int { return int(t.Weekday()) }},
	overloads.TimeGetHours:        {overloads.TimestampToHoursWithTz, time.Time.Hour},
	overloads.TimeGetMinutes:      {overloads.TimestampToMinutesWithTz, time.Time.Minute},
	overloads.TimeGetSeconds:      {overloads.TimestampToSecondsWithTz, time.Time.Second},
	overloads.TimeGetMilliseconds: {overloads.TimestampToMillisecondsWithTz, func(t time.Time) int { return t.Nanosecond() / 1e6 }},
}

// options binds the accessors to the zones that are remembered, in place of the
// standard library's own bindings.
func (z *zones) options() []cel.EnvOption {
	var options []cel.EnvOption
	for name, f := range zoneFunctions {
		get := f.get
		options = append(options, cel.Function(name, cel.MemberOverload(f.overload,
			[]*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
			cel.BinaryBinding(func(ts, tz ref.Val) ref.Val {
				t, ok := ts.(types.Timestamp)
				zone, ok2 := tz.(types.String)
				if !ok || !ok2 {
					return types.MaybeNoSuchOverloadErr(ts)
				}
				loc, err := z.load(string(zone))
				if err != nil {
					return types.WrapErr(err)
				}
				return types.Int(get(t.In(loc)))
			}))))
	}
	return options
}
