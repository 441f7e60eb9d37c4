package segment

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
)

func TestIdentifier(t *testing.T) {
	for word, want := range map[string]string{
		"usr_2041": "user_id:usr_2041", "Dana.Whitfield@Acme.example": "email:dana.whitfield@acme.example",
		"email:Dana@Acme.example": "email:dana@acme.example", "User_ID:Usr_1": "user_id:Usr_1", " anonymous_id:a b ": "anonymous_id:a b",
		"group_id:acme": "group_id:acme", "phone:+31 10 555 0142": "phone:+31 10 555 0142", "ios.idfa:A-B": "ios.idfa:A-B",
		"https://x.example/u": "https://x.example/u", "1:2:3": "user_id:1:2:3",
	} {
		if got, err := identifier(word); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", word, got, err, want)
		}
	}
	for _, word := range []string{"", " ", "email:", "user_id: ", "a\nb", "user_id:\x00"} {
		if got, err := identifier(word); err == nil {
			t.Errorf("%q was taken as %q", word, got)
		}
	}
}

// Whatever is in an id, it is one segment of the path, encoded as Segment reads it, and
// comes back the same.
func FuzzEscaped(f *testing.F) {
	for _, s := range []string{"usr_1", "dana@acme.example", "phone:+31 10", "a/b", "user_id:..", "é:ü", "group_id:100%", "x:y:z", "user_id:a?b#c", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		id, err := identifier(word)
		if err != nil {
			return
		}
		got := escaped(id)
		if strings.Trim(got, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%:") != "" || strings.Count(got, ":") != 1 {
			t.Fatalf("%q became %q", id, got)
		}
		if back, err := url.PathUnescape(got); err != nil || back != id {
			t.Fatalf("%q became %q, and that %q (%v)", id, got, back, err)
		}
	})
}

// The double answers as Segment does to an id that is not encoded: 500.
func TestTheDoubleWantsEncodedIDs(t *testing.T) {
	w := sandboxed(t)
	for id, want := range map[string]int{"phone:%2B31105550142": 404, "phone:+31105550142": 500, "email:dana.whitfield%40acme.example": 200, "email:dana.whitfield@acme.example": 500} {
		r := httptest.NewRequest(http.MethodGet, "/profiles/v1/spaces/"+w.keys.Space+"/collections/users/profiles/"+id+"/traits", nil)
		r.SetBasicAuth(w.keys.ProfileToken, "")
		rec := httptest.NewRecorder()
		w.double.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("%s: HTTP %d, want %d", id, rec.Code, want)
		}
	}
	w.refused("segment_get_profile", `{"profile":"phone:+31 10 555 0142"}`, fault.NotFound, "Try another of the person's ids")
}

// A profile is read page by page, with nothing twice and nothing left out.
func TestPagesOfAProfile(t *testing.T) {
	w := sandboxed(t)
	whole := must[Profile](w, "segment_get_profile", `{"profile":"usr_2041"}`)
	var all []Trait
	for next := ""; ; {
		p := must[Profile](w, "segment_get_profile", fmt.Sprintf(`{"profile":"usr_2041","limit":2,"cursor":%q}`, next))
		all = append(all, p.Traits...)
		if next = p.Next; next == "" {
			break
		}
		if len(p.Traits) != 2 || len(all) > 20 {
			t.Fatalf("%+v", p)
		}
	}
	if !slices.Equal(traitNames(all), traitNames(whole.Traits)) || len(all) != 7 {
		t.Errorf("%v, want %v", traitNames(all), traitNames(whole.Traits))
	}
	var seen []string
	for next := ""; ; {
		p := must[ProfileEvents](w, "segment_get_profile_events", fmt.Sprintf(`{"profile":"dana.whitfield@acme.example","limit":1,"cursor":%q}`, next))
		for _, e := range p.Events {
			seen = append(seen, e.MessageID)
		}
		if next = p.Next; next == "" {
			break
		}
	}
	if !slices.Equal(seen, []string{"msg-usr_2041-1", "msg-usr_2041-2", "msg-usr_2041-3", "msg-usr_2041-4"}) {
		t.Errorf("%v", seen)
	}
	first := must[Profile](w, "segment_get_profile", `{"profile":"usr_2041","limit":2}`)
	w.refused("segment_get_profile", fmt.Sprintf(`{"profile":"usr_2042","cursor":%q}`, first.Next), fault.InvalidArguments, "another query")
}

func traitNames(traits []Trait) (all []string) {
	for _, t := range traits {
		all = append(all, t.Name)
	}
	return all
}

func TestWhatToReadOfAProfile(t *testing.T) {
	w := sandboxed(t)
	for args, want := range map[string]string{
		`"class":"audience"`:                          "export_trouble",
		`"class":"computed_trait"`:                    "sessions_last_30_days",
		`"include":["plan","name","none"]`:            "name plan",
		`"include":["plan"],"class":"computed_trait"`: "",
	} {
		p := must[Profile](w, "segment_get_profile", `{"profile":"usr_2041",`+args+`}`)
		if got := strings.Join(traitNames(p.Traits), " "); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	for args, want := range map[string]int{`"events":["CSV Export Failed"]`: 2, `"start":"24h"`: 2, `"end":"24h"`: 2, `"start":"2d","events":["Report Opened","Nothing"]`: 1} {
		if p := must[ProfileEvents](w, "segment_get_profile_events", `{"profile":"usr_2041",`+args+`}`); len(p.Events) != want {
			t.Errorf("%s: %d events, want %d", args, len(p.Events), want)
		}
	}
	company := must[Profile](w, "segment_get_profile", `{"profile":"group_id:acme"}`)
	if !strings.Contains(company.Text(), "«seats»: 80") {
		t.Errorf("%s", company.Text())
	}
	meta := must[ProfileIDs](w, "segment_get_profile_ids", `{"profile":"usr_2041","what":"metadata"}`)
	if meta.Created == "" || meta.LastMessage != "msg-usr_2041-1" || !strings.Contains(meta.Text(), meta.LastMessage) {
		t.Errorf("%+v", meta)
	}
}

func TestProfilesThatAreNotThere(t *testing.T) {
	w := sandboxed(t)
	w.refused("segment_get_profile", `{"profile":"nobody@nowhere.example"}`, fault.NotFound, "no such profile", "group_id:")
	w.keys.Space = "spa_other"
	w.refused("segment_get_profile", `{"profile":"usr_2041"}`, fault.NotFound, "space and region of the credential")
	w.keys.Space = ""
	w.refused("segment_get_profile", `{"profile":"usr_2041"}`, fault.InvalidArguments, "set space")
	w.keys.ProfileToken = "wrong"
	w.keys.Space = "spa_other"
	w.refused("segment_get_profile_events", `{"profile":"usr_2041"}`, fault.CredentialInvalid, "token of the space")
}
