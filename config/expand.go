package config

import (
	"path/filepath"
	"regexp"
	"strings"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand puts in what ${NAME} and ${file:PATH} stand for; see Load.
func (d *decoder) expand(v *value) {
	var out strings.Builder
	rest := v.raw
	for {
		i := strings.IndexByte(rest, '$')
		if i < 0 {
			break
		}
		out.WriteString(rest[:i])
		rest = rest[i:]
		switch {
		case strings.HasPrefix(rest, "$${"):
			out.WriteString("${")
			rest = rest[3:]
		case strings.HasPrefix(rest, "${"):
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				v.fault("a ${ has no } after it; write ${NAME}, or $${ for the characters themselves")
				return
			}
			out.WriteString(d.lookUp(v, rest[2:end]))
			rest = rest[end+1:]
		default:
			out.WriteByte('$')
			rest = rest[1:]
		}
	}
	out.WriteString(rest)
	v.text = out.String()
}

// lookUp returns what one ${…} stands for. All that are missing in a value are
// reported, so it goes past the value's first fault.
func (d *decoder) lookUp(v *value, name string) string {
	report := func(rule string, args ...any) string {
		v.another(rule, args...)
		return ""
	}
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		if path == "" {
			return report("${file:} names no file; write ${file:PATH}")
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(d.dir, path)
		}
		content, err := d.opts.ReadFile(path)
		switch {
		case err != nil:
			return report("can't read %s: %s; create the file or mount the secret there", clip(path), reason(err))
		case len(content) > MaxFile:
			return report("%s is larger than 1 MiB; name another file", clip(path))
		}
		text := strings.TrimSuffix(string(content), "\n")
		return strings.TrimSuffix(text, "\r")
	}
	if !envName.MatchString(name) {
		return report("between ${ and } must stand a variable's name or file:PATH; write $${ for the characters themselves")
	}
	content, ok := d.opts.Env(name)
	if !ok {
		return report("the environment variable %s is not set; set it, or take the value from a file with ${file:PATH}", name)
	}
	return content
}
