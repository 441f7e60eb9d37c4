package hubspot

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

type listOwnersIn struct {
	Email  string `json:"email"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// OwnerList is a page of owners.
type OwnerList struct {
	Owners []Owner `json:"owners"`
	Next   string  `json:"next_cursor,omitempty"`
}

// Owner is who can own records. Its id is not that of the HubSpot user.
type Owner struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Email string   `json:"email,omitempty"`
	Teams []string `json:"teams,omitempty"`
	Queue bool     `json:"queue,omitempty"` // not a person
}

// Text is one line an owner.
func (l OwnerList) Text() string {
	var b strings.Builder
	for _, o := range l.Owners {
		fmt.Fprintf(&b, "%s (owner %s)", o.Name, o.ID)
		if o.Email != "" {
			b.WriteString(", " + o.Email)
		}
		if len(o.Teams) > 0 {
			b.WriteString(", teams " + strings.Join(o.Teams, ", "))
		}
		if o.Queue {
			b.WriteString(", queue")
		}
		b.WriteByte('\n')
	}
	if len(l.Owners) == 0 {
		b.WriteString("No owners found.\n")
	}
	if l.Next != "" {
		b.WriteString("More: next_cursor " + l.Next + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

func (s *service) listOwners(ctx context.Context, c *upstream.Client, in listOwnersIn) (OwnerList, error) {
	query := []string{"list_owners", in.Email}
	after, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return OwnerList{}, err
	}
	params := url.Values{"limit": {strconv.Itoa(in.Limit)}}
	if in.Email != "" {
		params.Set("email", in.Email)
	}
	if after != "" {
		params.Set("after", after)
	}
	var got struct {
		Results []struct {
			ID    string `json:"id"`
			Email string `json:"email"`
			First string `json:"firstName"`
			Last  string `json:"lastName"`
			Type  string `json:"type"`
			Teams []struct {
				Name string `json:"name"`
			} `json:"teams"`
		} `json:"results"`
		Paging wirePaging `json:"paging"`
	}
	if err := c.Get(ctx, ownersPath, params, &got); err != nil {
		return OwnerList{}, err
	}
	out := OwnerList{Owners: []Owner{}, Next: tools.Cursor(query, got.Paging.Next.After)}
	for _, o := range got.Results[:min(len(got.Results), in.Limit)] {
		owner := Owner{ID: upstream.Clean(o.ID, 40), Name: upstream.Clean(o.First+" "+o.Last, 120), Email: upstream.Clean(o.Email, 254), Queue: o.Type == "QUEUE"}
		if owner.Name == "" {
			owner.Name = owner.Email
		}
		for _, t := range o.Teams[:min(len(o.Teams), 5)] {
			owner.Teams = append(owner.Teams, upstream.Clean(t.Name, 80))
		}
		out.Owners = append(out.Owners, owner)
	}
	return out, nil
}
