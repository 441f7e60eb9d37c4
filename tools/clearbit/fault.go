package clearbit

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxSaid = 300             // characters of the vendor's text that a model sees
	maxWait = 2 * time.Minute // that a rate limit's end is believed to be away

	// Clearbit's own codes: the type of an error.
	codeUnknownRecord = "unknown_record"
	codeUnknownRoute  = "unknown_route"
)

// successor is what a model can do where Clearbit does not answer any more. HubSpot
// has no call that looks a person or company up: records are enriched where they
// are.
const successor = "Clearbit is part of HubSpot since December 2023, and its successor is the data enrichment inside HubSpot: create or upsert the record there (hubspot_upsert_contact for a person, hubspot_create_object for a company), let HubSpot enrich it, and read it back with hubspot_get_object. Trying again will not help."

// readFault maps Clearbit's one shape of an error, {error: {type, message}}.
func (s *service) readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	code, said := readError(r.Body)
	f.Code = code
	switch {
	case code == codeUnknownRoute, r.Status == http.StatusGone:
		return retired(f)
	case r.Status == http.StatusNotFound && code == codeUnknownRecord:
		f.Message = "Clearbit has no record of that."
	case r.Status == http.StatusNotFound:
		f.Message = "Clearbit answered 404 and did not say why: this is no word on whether it has such a record. Should it stay so, this API is gone. " + successor
	case r.Status == http.StatusUnauthorized:
		f.Message = "Clearbit refused the key. Only accounts of 2023 and before have one: an admin of the account finds it under Settings, Keys, and a person has to put it in. If the account is gone: " + successor
	case r.Status == http.StatusPaymentRequired:
		f.Kind = fault.NotPermitted
		f.Message = "The account's Clearbit quota for this is used up. A person has to see to the plan; trying again will not help."
	case r.Status == http.StatusUnprocessableEntity:
		f.Message = "Clearbit did not accept what to look up: an address of a team and not of a person (info@, sales@), or a domain that leads nowhere. Correct it; such a request is not billed."
	case r.Status == http.StatusTooManyRequests:
		f.Message = "Clearbit takes 600 requests a minute of each of its APIs, and they are used up."
		if f.RetryAfter == 0 {
			f.RetryAfter = s.reset(r.Header)
		}
		return f
	}
	if said != "" && r.Status/100 == 4 && r.Status != http.StatusUnauthorized {
		f.Message += " Clearbit said: " + strconv.Quote(said)
	}
	return f
}

// retired is the fault of an API that is not there any more.
func retired(f *fault.Error) *fault.Error {
	f.Kind, f.Retryable = fault.NotFound, false
	f.Message = "This API of Clearbit is retired upstream. " + successor
	return f
}

// gone says of a host of Clearbit's that is not in the DNS any more that it is
// retired; of any other failure, and of what an admin has put in the place of
// Clearbit, nothing.
func (s *service) gone(c *upstream.Client, api string, err error) error {
	if !errors.Is(err, upstream.ErrUnknownHost) || c.BaseURL() != person {
		return err
	}
	if api == "" {
		api = "person"
	}
	f := fault.New(fault.UpstreamError, "The host %s.clearbit.com is not there any more: it is retired upstream. %s", api, successor).Because(err)
	f.NotSent = true
	return f
}

// readError finds the vendor's code and text, cleaned, in an answer.
func readError(body []byte) (code, said string) {
	var e struct {
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil {
		return "", ""
	}
	return upstream.Clean(e.Error.Type, 64), upstream.Clean(e.Error.Message, maxSaid)
}

// reset is how long it is until x-ratelimit-reset, in epoch seconds: the probed
// hosts send it in place of Retry-After.
func (s *service) reset(h http.Header) time.Duration {
	at, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	d := time.Unix(at, 0).Sub(s.now())
	if d <= 0 || d > maxWait {
		return 0
	}
	return d
}
