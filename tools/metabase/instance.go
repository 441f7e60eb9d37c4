package metabase

import (
	"context"
	"fmt"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

func (s *service) instanceTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_whoami", s.whoami)}
}

// instance is what is known of the Metabase that a credential is for.
type instance struct {
	version string
	site    string // the address under which people know it
	zone    *time.Location
}

// instance asks the public settings, GET /api/session/properties, once in a while.
func (s *service) instance(ctx context.Context, c *upstream.Client) (instance, error) {
	return s.instances.Get(c.CredentialKey()+"\x00"+c.BaseURL(), func() (instance, error) {
		var p struct {
			Version struct {
				Tag string `json:"tag"`
			} `json:"version"`
			Site string `json:"site-url"`
			Zone string `json:"report-timezone"`
			Long string `json:"report-timezone-long"`
		}
		if err := c.Get(ctx, "/api/session/properties", nil, &p); err != nil {
			return instance{}, err
		}
		i := instance{version: ownWord(p.Version.Tag, 40), site: strings.TrimSuffix(p.Site, "/"), zone: time.UTC}
		for _, zone := range []string{p.Zone, p.Long} {
			if l, err := time.LoadLocation(zone); err == nil && zone != "" && len(zone) < 64 {
				i.zone = l
				break
			}
		}
		return i, nil
	})
}

// clock is what a time is relative to: now, in the zone of the reports.
func (s *service) clock(ctx context.Context, c *upstream.Client) (when.Clock, error) {
	i, err := s.instance(ctx, c)
	return when.Clock{Now: s.now(), Zone: i.zone}, err
}

// Me is the answer of metabase_whoami.
type Me struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	Email      string `json:"email,omitempty"`
	Admin      bool   `json:"admin,omitempty"`
	Collection int64  `json:"personal_collection,omitempty"`
	Version    string `json:"version,omitempty"`
	Zone       string `json:"time_zone"` // of the reports, IANA
	Link       string `json:"link"`
}

// Text is one line.
func (m Me) Text() string {
	s := fmt.Sprintf("user %d  %s", m.ID, upstream.Quote(m.Name))
	if m.Email != "" {
		s += "  " + upstream.Quote(m.Email)
	}
	if m.Admin {
		s += "  (an administrator)"
	}
	return fmt.Sprintf("%s\nMetabase %s at %s, reports in %s", s, m.Version, m.Link, m.Zone)
}

// userModel is GET /api/user/current.
type userModel struct {
	ID         int64  `json:"id"`
	Name       string `json:"common_name"`
	Email      string `json:"email"`
	Superuser  bool   `json:"is_superuser"`
	Collection *int64 `json:"personal_collection_id"`
}

func (s *service) whoami(ctx context.Context, c *upstream.Client, _ struct{}) (Me, error) {
	u, err := current(ctx, c)
	if err != nil {
		return Me{}, err
	}
	i, err := s.instance(ctx, c)
	if err != nil {
		return Me{}, err
	}
	return Me{
		ID: u.ID, Name: upstream.Clean(u.Name, 100), Email: upstream.Clean(u.Email, 200), Admin: u.Superuser,
		Collection: value(u.Collection), Version: i.version, Zone: i.zone.String(), Link: home(c),
	}, nil
}

func current(ctx context.Context, c *upstream.Client) (userModel, error) {
	var u userModel
	if err := c.Get(ctx, "/api/user/current", nil, &u); err != nil {
		return u, err
	}
	if u.Name == "" && u.Email == "" {
		return u, fault.New(fault.UpstreamError, "Metabase answered without a user. Is the address really Metabase's?")
	}
	return u, nil
}

// probe asks who the key belongs to. An administrator's key is worth a remark:
// it may do everything.
func probe(ctx context.Context, c *upstream.Client) (string, error) {
	me, err := current(ctx, c)
	if err != nil {
		return "", err
	}
	who := "user " + upstream.Clean(me.Name, 100)
	if me.Email != "" {
		who += " <" + upstream.Clean(me.Email, 200) + ">"
	}
	if me.Superuser {
		who += ", an administrator"
	}
	return who, nil
}

func value(id *int64) int64 {
	if id == nil {
		return 0
	}
	return *id
}
