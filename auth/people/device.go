package people

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

const (
	deviceCookie = "device"
	deviceLength = 180 * 24 * time.Hour
	deviceSeal   = "device-cookie" // the name under which it is sealed; no record has it
	maxDevice    = 2048            // bytes of the cookie
)

// device is what a browser keeps, sealed, of the person who signed in with it.
// It opens nothing: it only lets their tries there be counted apart from those of
// strangers.
type device struct {
	Person  string    `json:"person"`
	Created time.Time `json:"created"` // the person's: another one of that name later is somebody else
	Given   time.Time `json:"given"`
	ID      string    `json:"id"`
}

func (p *People) newDevice(rec record) (string, error) {
	plain, err := json.Marshal(device{Person: fold(rec.Name), Created: rec.Created, Given: p.Now().UTC(), ID: rand.Text()})
	if err != nil {
		return "", err
	}
	sealed, err := p.Sealer.Seal(plain, deviceSeal, 1)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// device is the id of this browser, if the person has signed in with it before.
func (p *People) device(r *http.Request, rec record) (id string, ok bool) {
	value := p.pages.CookieValue(r, deviceCookie)
	if value == "" || len(value) > maxDevice || !rec.exists() {
		return "", false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return "", false
	}
	plain, err := p.Sealer.Open(sealed, deviceSeal, 1)
	if err != nil {
		return "", false
	}
	var d device
	if json.Unmarshal(plain, &d) != nil || d.Person != fold(rec.Name) || !d.Created.Equal(rec.Created) {
		return "", false
	}
	return d.ID, p.Now().Before(d.Given.Add(deviceLength))
}
