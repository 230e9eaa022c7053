package redistest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// given are the names that Redis gives a script, as far as ours use them.
var given = strings.Fields("KEYS ARGV redis cjson string table math tonumber ipairs pairs unpack type")

// NoGlobals fails for each name that a script uses and nobody has declared, on
// whatever path. Redis refuses one only when a run gets there.
func NoGlobals(t testing.TB, name string, script *redis.Script) {
	t.Helper()
	chunk, err := parse.Parse(strings.NewReader(reflect.ValueOf(script).Elem().FieldByName("src").String()), name)
	if err != nil {
		t.Error(err)
		return
	}
	main, err := lua.Compile(chunk, name)
	if err != nil {
		t.Error(err)
		return
	}
	for rest := []*lua.FunctionProto{main}; len(rest) > 0; rest = rest[1:] {
		rest = append(rest, rest[0].FunctionPrototypes...)
		for i, code := range rest[0].Code {
			op := int(code >> 26)
			if op != lua.OP_GETGLOBAL && op != lua.OP_SETGLOBAL {
				continue
			}
			if global := rest[0].Constants[code&0x3ffff].String(); op == lua.OP_SETGLOBAL || !slices.Contains(given, global) {
				t.Errorf("%s: line %d uses %s, which nobody has declared", name, rest[0].DbgSourcePositions[i], global)
			}
		}
	}
}
