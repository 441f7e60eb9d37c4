package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// Sampler decides which calls are recorded. The zero one records all calls, but
// those whose client says that it does not record its own part.
type Sampler struct {
	Unless float64 // the share of traces that is not recorded, 0 to 1
	Alone  bool    // what the client does makes no difference
}

// Share records a share of the traces that begin here, 0 to 1, and of those that
// a client has begun the ones that it records.
func Share(share float64) Sampler { return Sampler{Unless: 1 - share} }

// ParseSampler reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG
// (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables). Both
// empty is the zero Sampler.
func ParseSampler(name, argument string) (Sampler, error) {
	share := 1.0
	switch name {
	case "traceidratio", "parentbased_traceidratio":
		if argument != "" {
			var err error
			if share, err = strconv.ParseFloat(argument, 64); err != nil || !(share >= 0 && share <= 1) {
				return Sampler{}, errors.New("OTEL_TRACES_SAMPLER_ARG has to be a share from 0 to 1, such as 0.1")
			}
		}
	case "always_off", "parentbased_always_off":
		share = 0
	case "", "always_on", "parentbased_always_on":
	default:
		return Sampler{}, fmt.Errorf("OTEL_TRACES_SAMPLER has to be always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio")
	}
	s := Share(share)
	s.Alone = name == "always_on" || name == "always_off" || name == "traceidratio"
	return s, nil
}

// samples decides by the trace id, so that all who see the trace and record the
// same share decide alike: as the OpenTelemetry SDKs do, by 63 bits of its end.
func (s Sampler) samples(parent Context, id [16]byte) bool {
	switch {
	case parent.Valid() && !s.Alone:
		return parent.Sampled()
	case s.Unless <= 0:
		return true
	case s.Unless >= 1:
		return false
	}
	return float64(binary.BigEndian.Uint64(id[8:])>>1) < (1-s.Unless)*(1<<63)
}
