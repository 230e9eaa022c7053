package journal_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"refundworker/admission"
	"refundworker/journal"
)

// Each carries only what it uses, and must carry all of it: Redis refuses a name that
// nobody has declared only when a run gets there.
func TestScriptsDeclareAllThatTheyUse(t *testing.T) {
	given := strings.Fields("KEYS ARGV redis cjson string table math tonumber ipairs pairs unpack type")
	scripts := journal.Scripts(journal.New(nil, nil, journal.Options{Gate: admission.GateLua()}))
	for name, script := range scripts {
		for _, global := range globals(t, script) {
			if !slices.Contains(given, global) {
				t.Errorf("%s uses %s, which nobody has declared", name, global)
			}
		}
	}
}

// globals are the names in a script that are no locals, on whatever path.
func globals(t *testing.T, script *redis.Script) (names []string) {
	t.Helper()
	text := reflect.ValueOf(script).Elem().FieldByName("src").String()
	chunk, err := parse.Parse(strings.NewReader(text), script.Hash())
	if err != nil {
		t.Fatal(err)
	}
	main, err := lua.Compile(chunk, script.Hash())
	if err != nil {
		t.Fatal(err)
	}
	for rest := []*lua.FunctionProto{main}; len(rest) > 0; rest = rest[1:] {
		rest = append(rest, rest[0].FunctionPrototypes...)
		for _, code := range rest[0].Code {
			if op := int(code >> 26); op == lua.OP_GETGLOBAL || op == lua.OP_SETGLOBAL {
				names = append(names, rest[0].Constants[code&0x3ffff].String())
			}
		}
	}
	if !slices.Contains(names, "redis") {
		t.Fatalf("%q uses %v", text, names) // nothing was looked at
	}
	return names
}
