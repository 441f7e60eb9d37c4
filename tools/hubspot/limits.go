package hubspot

import (
	"strings"
	"time"

	"toolvault/tools/upstream"
)

// limits are HubSpot's, an account each: five searches a second, whoever makes
// them, and 100 to 190 other requests in ten seconds, by plan and kind of app
// (developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines). With
// nine a second and ten at once there are never more than a hundred in ten seconds,
// which is what the smallest plan has. A search does not count among the others.
func limits(c *upstream.Client, req *upstream.Request) []upstream.Limit {
	whom := name + " " + c.AccountKey()
	if strings.HasPrefix(req.Path, objectsPath+"/") && strings.HasSuffix(req.Path, "/search") {
		return []upstream.Limit{{Key: whom + " search", Burst: 1, Every: time.Second / 4}}
	}
	return []upstream.Limit{{Key: whom, Burst: 10, Every: time.Second / 9}}
}
