package world

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// scriptName finds the .lua file that a script was made of, by its text (EVAL)
// or its hash (EVALSHA); empty for asynq's own.
func scriptName(command, script string) string {
	if command == "EVAL" {
		sum := sha1.Sum([]byte(script))
		hash := hex.EncodeToString(sum[:])
		for name, text := range endings() {
			if scripts()[hash] == "" && strings.HasSuffix(script, text) {
				composed.Store(hash, name)
			}
		}
		script = hash
	}
	if name, ok := composed.Load(script); ok {
		return name.(string)
	}
	return scripts()[script]
}

// composed names the scripts that are made of several files, the last of which
// gives them its name; they are known once a process has sent their text.
var composed sync.Map

// endings are the last files of the scripts that are made of several.
var endings = sync.OnceValue(func() map[string]string {
	last := map[string]string{}
	for _, name := range []string{"journal/enter.lua", "journal/begin.lua", "admission/admit.lua"} {
		if text, err := os.ReadFile(filepath.Join(root(), name)); err == nil {
			last[strings.TrimPrefix(name, "journal/")] = string(text)
		}
	}
	return last
})

// root is the module's folder.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// heads are the files that a folder's scripts are put behind, and the clock, which is in none.
var heads = map[string][]string{
	"journal":   {"", "lib", "lib payment", "lib piece metadata", "lib payment piece metadata"},
	"pause":     {"clock rules board", "clock rules well board"},
	"ratelimit": {"clock state", "clock free state"},
}

// scripts maps the hash of the scripts of this module to the name of their last file.
// Names only make labels nicer, so what can't be read has none.
var scripts = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	for folder, heads := range heads {
		read := func(part string) string {
			if part == "clock" {
				return "local time = redis.call('TIME')\n"
			}
			text, _ := os.ReadFile(filepath.Join(root(), folder, part+".lua"))
			return string(text)
		}
		files, _ := filepath.Glob(filepath.Join(root(), folder, "*.lua"))
		for _, file := range files {
			name := filepath.Base(file)
			for _, head := range heads {
				text := ""
				for _, part := range append(strings.Fields(head), strings.TrimSuffix(name, ".lua")) {
					text += read(part)
				}
				sum := sha1.Sum([]byte(text))
				names[hex.EncodeToString(sum[:])] = strings.TrimPrefix(folder+"/"+name, "journal/")
			}
		}
	}
	return names
})
