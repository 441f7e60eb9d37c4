package segment

import (
	"strings"
	"time"

	"toolvault/tools/upstream"
)

// limits are those that the vendor names: 100 requests a second and space for
// profiles (Profile API, "Rate limit"); for the Public API 60 a minute for event
// volumes and 600 for regulations (its descriptions, "The rate limit for this
// endpoint"). The one on events, about 1,000 requests a second for a workspace,
// holds them back at Segment and refuses nothing.
func limits(c *upstream.Client, req *upstream.Request) []upstream.Limit {
	key := func(what string) string { return "segment " + c.CredentialKey() + " " + what }
	switch {
	case strings.HasPrefix(req.API, profiles):
		return []upstream.Limit{{Key: "segment " + c.Param(paramSpace) + " profiles", Burst: 100, Every: 10 * time.Millisecond, Says: "Segment takes 100 requests a second for the profiles of a space"}}
	case strings.HasPrefix(req.API, public) && req.Path == "/events/volume":
		return []upstream.Limit{{Key: key("volume"), Burst: 60, Every: time.Second, Says: "Segment takes 60 requests a minute for event volumes"}}
	case strings.HasPrefix(req.API, public) && strings.HasPrefix(req.Path, "/regulations"):
		return []upstream.Limit{{Key: key("regulations"), Burst: 60, Every: 100 * time.Millisecond, Says: "Segment takes 600 requests a minute for regulations"}}
	}
	return nil
}
