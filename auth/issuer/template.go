package issuer

import (
	"fmt"
	"strings"
)

// template is a text with at most one claim in it: "support-agent-1",
// "{client_id}", `k8s-{"kubernetes.io".namespace}`. With two, what one of them ends
// with could be taken for what the other begins with.
type template struct {
	before, after string
	path          Path // nil: the text is before
}

func parseTemplate(text string) (template, error) {
	if len(text) > maxPattern || !plain(text) {
		return template{}, fmt.Errorf("at most %d bytes of plain text can stand there", maxPattern)
	}
	before, rest, ok := strings.Cut(text, "{")
	if !ok {
		if strings.Contains(text, "}") {
			return template{}, fmt.Errorf("%q has a } without a {", text)
		}
		return template{before: text}, nil
	}
	end := strings.LastIndexByte(rest, '}')
	if end < 0 || strings.Contains(before, "}") {
		return template{}, fmt.Errorf("%q has a { without a }, or the reverse", text)
	}
	path, err := ParsePath(rest[:end])
	if err != nil {
		return template{}, err
	}
	after := rest[end+1:]
	if strings.Contains(after, "{") {
		return template{}, fmt.Errorf("%q has two claims in it, and one is the most", text)
	}
	return template{before, after, path}, nil
}

// fill is not ok if the claim is not there, no single value, or empty.
func (t template) fill(c Claims) (string, bool) {
	if t.path == nil {
		return t.before, true
	}
	v, ok := scalar(c.at(t.path))
	if !ok || v == "" || !plain(v) {
		return "", false
	}
	return t.before + v + t.after, true
}

// maxName bounds the name of a person, a client, a task or an id of a token, in
// bytes.
const maxName = 512
