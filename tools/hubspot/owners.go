package hubspot

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const (
	ownerScope    = "crm.objects.owners.read"
	ownerPage     = 500 // owners of one request
	maxOwnerPages = 4   // that a name is looked for in
)

type listOwnersIn struct {
	Email  string `json:"email"`
	Search string `json:"search"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// OwnerList is a page of owners.
type OwnerList struct {
	Owners []Owner `json:"owners"`
	Next   string  `json:"next_cursor,omitempty"`
	Note   string  `json:"note,omitempty"`
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
		fmt.Fprintf(&b, "%s (owner %s)", upstream.Quote(o.Name), o.ID)
		if o.Email != "" {
			b.WriteString(", " + upstream.Quote(o.Email))
		}
		if len(o.Teams) > 0 {
			b.WriteString(", teams " + upstream.Quote(strings.Join(o.Teams, ", ")))
		}
		if o.Queue {
			b.WriteString(", queue")
		}
		b.WriteByte('\n')
	}
	if len(l.Owners) == 0 {
		b.WriteString("No owners found.\n")
	}
	return strings.TrimRight(b.String(), "\n") + more(l.Next, l.Note)
}

type wireOwner struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	First string `json:"firstName"`
	Last  string `json:"lastName"`
	Type  string `json:"type"`
	Teams []struct {
		Name string `json:"name"`
	} `json:"teams"`
}

func (o wireOwner) owner() Owner {
	owner := Owner{ID: upstream.Clean(o.ID, 40), Name: upstream.Clean(o.First+" "+o.Last, 120), Email: upstream.Clean(o.Email, 254), Queue: o.Type == "QUEUE"}
	if owner.Name == "" {
		owner.Name = owner.Email
	}
	for _, t := range o.Teams[:min(len(o.Teams), 5)] {
		owner.Teams = append(owner.Teams, upstream.Clean(t.Name, 80))
	}
	return owner
}

// ownerPageAt reads one page of owners.
func ownerPageAt(ctx context.Context, c *upstream.Client, email, after string, limit int) ([]wireOwner, string, error) {
	params := url.Values{"limit": {strconv.Itoa(limit)}}
	if email != "" {
		params.Set("email", email)
	}
	if after != "" {
		params.Set("after", after)
	}
	var got struct {
		Results []wireOwner `json:"results"`
		Paging  wirePaging  `json:"paging"`
	}
	if err := c.Get(ctx, ownersPath, params, &got); err != nil {
		return nil, "", err
	}
	return got.Results[:min(len(got.Results), limit)], got.Paging.Next.After, nil
}

func (s *service) listOwners(ctx context.Context, c *upstream.Client, in listOwnersIn) (OwnerList, error) {
	query := []string{"list_owners", in.Email, in.Search}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return OwnerList{}, err
	}
	out := OwnerList{Owners: []Owner{}}
	if in.Search == "" {
		got, after, err := ownerPageAt(ctx, c, in.Email, at.Cursor, in.Limit)
		if err != nil {
			return OwnerList{}, err
		}
		var all []Owner
		for _, o := range got {
			all = append(all, o.owner())
		}
		page, next := tools.Page(query, at, all, in.Limit, after)
		out.Owners, out.Next = append(out.Owners, page...), next
		return out, nil
	}
	// HubSpot finds owners by their whole e-mail only, so their list is searched.
	var found []Owner
	after := ""
	for page := 0; ; page++ {
		if page == maxOwnerPages {
			out.Note = fmt.Sprintf("Only the first %d owners were searched; give the whole e-mail as email.", maxOwnerPages*ownerPage)
			break
		}
		got, next, err := ownerPageAt(ctx, c, in.Email, after, ownerPage)
		if err != nil {
			return OwnerList{}, err
		}
		for _, w := range got {
			if o := w.owner(); o.fits(in.Search) {
				found = append(found, o)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	page, next := tools.Page(query, at, found, in.Limit, "")
	out.Owners, out.Next = append(out.Owners, page...), next
	return out, nil
}

// fits reports whether every word of a search stands in the owner's name, e-mail,
// teams or id.
func (o Owner) fits(search string) bool {
	text := strings.ToLower(strings.Join(append([]string{o.ID, o.Name, o.Email}, o.Teams...), " "))
	for _, word := range strings.Fields(strings.ToLower(search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// ownersOf are the owners by name, kept for a while.
func (s *service) ownersOf(ctx context.Context, c *upstream.Client) ([]names.Named, error) {
	return s.books.owners.Get(key(c), func() ([]names.Named, error) {
		var all []names.Named
		after := ""
		for range maxOwnerPages {
			got, next, err := ownerPageAt(ctx, c, "", after, ownerPage)
			if err != nil {
				return nil, err
			}
			for _, w := range got {
				if o := w.owner(); isRecordID(o.ID) {
					all = append(all, names.Named{ID: o.ID, Name: o.Name})
				}
			}
			if after = next; after == "" {
				break
			}
		}
		return all, nil
	})
}

// owner finds the id of an owner: it is one, or an e-mail, or a name.
func (s *service) owner(ctx context.Context, c *upstream.Client, word string) (string, error) {
	word = strings.TrimSpace(word)
	if isRecordID(word) {
		return word, nil
	}
	if !c.Allows(ownerScope) {
		f := fault.New(fault.NotPermitted, "This agent may not look owners up: %s was not granted. Give the owner's id, or have an admin add the scope.", ownerScope)
		f.Needed, f.NotSent = []string{"hubspot:" + ownerScope}, true
		return "", f
	}
	if strings.Contains(word, "@") {
		got, _, err := ownerPageAt(ctx, c, word, "", 2)
		if err != nil {
			return "", err
		}
		if len(got) == 0 || !isRecordID(got[0].ID) {
			return "", fault.New(fault.NotFound, "No owner has the e-mail %q. Find the right one with hubspot_list_owners.", upstream.Clean(word, 100))
		}
		return got[0].ID, nil
	}
	all, err := s.ownersOf(ctx, c)
	if err != nil {
		return "", err
	}
	picked, err := names.Pick("owner", word, all, "hubspot_list_owners")
	if err != nil {
		return "", err
	}
	return picked.ID, nil
}

func (s *service) ownerTools() []tools.Tool {
	return []tools.Tool{tools.New("hubspot_list_owners", s.listOwners)}
}
