package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// block is one mapping of the file. Its methods take keys out of it; done
// reports what nobody took.
type block struct {
	d      *decoder
	path   string
	line   int
	keys   []string // in the file's order
	nodes  map[string]entry
	known  []string // taken or asked for
	faulty []string // whose values were reported
}

type entry struct {
	line  int // of the key
	value *yaml.Node
}

// parse reads the one document of the file into its top block.
func (d *decoder) parse(raw []byte) (*block, bool) {
	if bytes.IndexByte(raw, 0) >= 0 {
		d.fault(0, "", "holds NUL bytes; save it as UTF-8 text")
		return nil, false
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		d.fault(0, "", "is empty; start from examples/refunds.yaml")
		return nil, false
	case err != nil:
		d.syntax(err)
		return nil, false
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		d.fault(max(second.Line, 1), "", "a second YAML document begins here; keep one, without --- between")
		return nil, false
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
		return nil, false
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		d.fault(0, "", "is empty; start from examples/refunds.yaml")
		return nil, false
	}
	if !d.plain(doc.Content[0]) {
		return nil, false
	}
	return d.block(doc.Content[0], "", doc.Content[0].Line)
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntax reports an error of the YAML reader. One that names an anchor may name
// part of a password that begins with *, so its own text is not used.
func (d *decoder) syntax(err error) {
	msg, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	if strings.Contains(msg, "anchor") || strings.Contains(msg, "alias") || strings.Contains(msg, "tag") {
		d.fault(line, "", "is not readable YAML: a value that begins with * & or ! must stand in quotes")
		return
	}
	d.fault(line, "", "is not readable YAML: %s; look at the indentation and quotes there", strings.TrimPrefix(msg, "yaml: "))
}

// plain refuses anchors, aliases and tags, which a configuration has no use
// for, and whose marks are more often the start of an unquoted password.
func (d *decoder) plain(n *yaml.Node) bool {
	ok := true
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		d.fault(n.Line, "", "anchors (&), aliases (*) and tags (!) are not used here; write the value out, in quotes if it begins with one of these")
		return false
	}
	for _, child := range n.Content {
		ok = d.plain(child) && ok
	}
	return ok
}

// block reads one mapping; path names it and line is its key's.
func (d *decoder) block(n *yaml.Node, path string, line int) (*block, bool) {
	b := &block{d: d, path: path, line: line, nodes: map[string]entry{}}
	if n.Kind != yaml.MappingNode {
		d.fault(n.Line, path, "must be a block of keys, not %s", kindName(n))
		return b, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.fault(key.Line, path, "a key must be a word, not %s", kindName(key))
			continue
		}
		if first, twice := b.nodes[key.Value]; twice {
			d.fault(key.Line, b.join(key.Value), "is already on line %d; remove one of them", first.line)
			continue
		}
		b.keys = append(b.keys, key.Value)
		b.nodes[key.Value] = entry{key.Line, value}
	}
	return b, true
}

// join returns the path of a key in this block, kept short.
func (b *block) join(key string) string {
	if strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0 || key == "" || len(key) > 64 {
		key = clip(key)
	}
	if b.path == "" {
		return key
	}
	return b.path + "." + key
}

// lineOf returns the line of the first of the keys that is there, else the
// block's own.
func (b *block) lineOf(keys ...string) int {
	for _, k := range keys {
		if e, ok := b.nodes[k]; ok {
			return e.line
		}
	}
	return b.line
}

// take returns the value of a key and marks the key as known.
func (b *block) take(key string) (entry, bool) {
	if !slices.Contains(b.known, key) {
		b.known = append(b.known, key)
	}
	e, ok := b.nodes[key]
	return e, ok
}

// sub takes a block within this one; an absent one is an empty block.
func (b *block) sub(key string) *block {
	e, ok := b.take(key)
	if !ok {
		return &block{d: b.d, path: b.join(key), line: b.line}
	}
	if isNull(e.value) {
		b.d.fault(e.line, b.join(key), "has no value; fill it in or remove the key")
		return &block{d: b.d, path: b.join(key), line: e.line}
	}
	s, _ := b.d.block(e.value, b.join(key), e.line)
	return s
}

// done reports the keys that nobody took.
func (b *block) done() {
	for _, k := range b.keys {
		if !slices.Contains(b.known, k) {
			b.d.fault(b.nodes[k].line, b.join(k), "is not a key here; remove it, or write one of: %s", strings.Join(b.known, ", "))
		}
	}
}

// sound reports whether nothing is wrong yet with the values of these keys.
func (b *block) sound(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(b.faulty, k) })
}

// ordered reports a most that is less than a least; names are the keys'.
func (b *block) ordered(least string, l time.Duration, most string, m time.Duration) {
	if m < l && b.sound(least, most) {
		b.d.fault(b.lineOf(most, least), b.join(most), "must be at least %s (%s); it is %s", least, l, m)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a block of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

// reason says why a file can't be read, without its name, which stands before.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return fmt.Sprint(err)
}
