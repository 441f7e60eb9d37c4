package importfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/vault"
)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// VaultName is where in the vault a variable goes: SLACK_BOT_TOKEN is
// slack-bot-token.
func VaultName(variable string) string {
	return strings.Trim(strings.ReplaceAll(strings.ToLower(variable), "_", "-"), "-")
}

// readDotenv reads lines of NAME=value: comments, "export " before the name, and
// quotes as a shell has them. Within double quotes \n, \r, \t, \", \\ and \$ stand
// for something else; within single quotes nothing does. A quoted value may go over
// several lines. References to other variables are not followed, but refused.
func readDotenv(text string, o Options) ([]Item, error) {
	var wrong mistakes
	var items []Item
	seen := map[string]int{}
	names := map[string]string{} // in the vault → variable
	d := dotenv{rest: text, line: 1}
	for d.blank(); d.rest != ""; d.blank() {
		line := d.line
		name, value, err := d.pair()
		if err != nil {
			wrong.add(line, "%w", err)
			if d.lost {
				break
			}
			continue
		}
		if first, twice := seen[name]; twice {
			wrong.add(line, "%s stands on line %d too", name, first)
			continue
		}
		seen[name] = line
		to, mapped := o.Names[name]
		if len(o.Names) > 0 && !mapped || o.Leave[name] && !mapped {
			continue
		}
		if len(items) == vault.MaxImport {
			return nil, fmt.Errorf("it has more than %d variables: divide it", vault.MaxImport)
		}
		if to == "" {
			to = VaultName(name)
		}
		item := Item{Variable: name, ImportItem: vault.ImportItem{Name: to, Line: line, Stored: vault.Stored{Type: o.Type, Secret: vault.NewSecret(value)}}}
		if t := o.TypeOf[name]; t != "" {
			item.Stored.Type = t
		}
		if err := vault.CheckName(to); err != nil {
			wrong.add(line, "no name in the vault can be made of %s: give one with --map %s=NAME", name, name)
			continue
		}
		if other, twice := names[to]; twice {
			wrong.add(line, "%s and %s would both be vault:%s: give one of them another name with --map", other, name, to)
			continue
		}
		names[to] = name
		if value == "" {
			wrong.add(line, "%s is empty: give it a value, or leave it out", name)
			continue
		}
		if err := vault.CheckSecret(item.Stored.Type, item.Stored.Secret, o.Now); err != nil {
			wrong.add(line, "%s: %w", name, err)
			continue
		}
		items = append(items, item)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Names)) {
		if _, ok := seen[name]; !ok && len(wrong.all) == 0 {
			text := fmt.Sprintf("there is no %s in it, which --map names", name)
			if meant := near.Match(name, slices.Collect(maps.Keys(seen))); meant != "" {
				text += fmt.Sprintf("; did you mean %s?", meant)
			}
			return nil, errors.New(text)
		}
	}
	if len(items) == 0 && len(wrong.all) == 0 {
		return nil, errors.New("there is nothing in it to import")
	}
	return items, wrong.err()
}

// dotenv is what is left of a file.
type dotenv struct {
	rest string
	line int
	lost bool // where the next line begins is not known
}

// blank goes over what means nothing: spaces, line ends and comments.
func (d *dotenv) blank() {
	for d.rest != "" {
		switch c := d.rest[0]; {
		case c == '\n':
			d.line++
			d.rest = d.rest[1:]
		case c == ' ' || c == '\t' || c == '\r':
			d.rest = d.rest[1:]
		case c == '#':
			d.toEnd()
		default:
			return
		}
	}
}

// toEnd goes to the end of the line and returns what was before it.
func (d *dotenv) toEnd() string {
	line := d.rest
	if i := strings.IndexByte(d.rest, '\n'); i >= 0 {
		line = d.rest[:i]
	}
	d.rest = d.rest[len(line):]
	return strings.TrimSuffix(line, "\r")
}

var errForm = errors.New("this is not of the form NAME=value")

func (d *dotenv) pair() (name, value string, err error) {
	if rest, ok := strings.CutPrefix(d.rest, "export"); ok {
		if bare := strings.TrimLeft(rest, " \t"); bare != rest {
			d.rest = bare
		}
	}
	end := strings.IndexAny(d.rest, "=\n")
	if end < 0 || d.rest[end] == '\n' {
		d.toEnd()
		return "", "", errForm
	}
	name = strings.TrimSpace(d.rest[:end])
	if !variable.MatchString(name) {
		d.toEnd()
		return "", "", errForm
	}
	d.rest = strings.TrimLeft(d.rest[end+1:], " \t")
	if d.rest != "" && (d.rest[0] == '"' || d.rest[0] == '\'') {
		value, err = d.quoted()
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", name, err)
		}
		after := strings.TrimLeft(d.toEnd(), " \t")
		if after != "" && after[0] != '#' {
			return "", "", fmt.Errorf("%s: something stands after its quoted value", name)
		}
		return name, value, nil
	}
	value = d.toEnd()
	for i := range len(value) { // a comment begins after a space
		if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i]
			break
		}
	}
	value = strings.TrimRight(value, " \t")
	if strings.Contains(value, "${") {
		return "", "", fmt.Errorf("%s refers to another variable, which is not followed here: write the value itself, in single quotes if it has ${ in it", name)
	}
	return name, value, nil
}

// quoted reads a value in quotes.
func (d *dotenv) quoted() (string, error) {
	quote := d.rest[0]
	var b strings.Builder
	for i := 1; i < len(d.rest); i++ {
		switch c := d.rest[i]; {
		case c == quote:
			d.rest = d.rest[i+1:]
			return b.String(), nil
		case c == '\n':
			d.line++
			b.WriteByte(c)
		case quote == '"' && c == '$' && i+1 < len(d.rest) && d.rest[i+1] == '{':
			d.lost = true
			return "", errors.New("it refers to another variable, which is not followed here: write the value itself, in single quotes if it has ${ in it")
		case quote == '"' && c == '\\' && i+1 < len(d.rest):
			i++
			switch e := d.rest[i]; e {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			case '"', '\\', '$', '\'':
				b.WriteByte(e)
			default:
				b.WriteByte('\\')
				b.WriteByte(e)
				if e == '\n' {
					d.line++
				}
			}
		default:
			b.WriteByte(c)
		}
	}
	d.lost = true
	return "", errors.New("the quotes of its value do not end")
}
