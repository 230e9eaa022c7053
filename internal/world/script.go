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
	for _, name := range []string{"enter.lua", "begin.lua"} {
		if text, err := os.ReadFile(filepath.Join(root(), "journal", name)); err == nil {
			last[name] = string(text)
		}
	}
	return last
})

// root is the module's folder.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// scripts maps the hash of every script of this module to its file's name. A
// script is a file, or the part that its folder's scripts share and a file.
var scripts = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	root := root()
	for folder, shared := range map[string]string{"journal": "lib.lua", "pause": "board.lua", "ratelimit": "state.lua"} {
		head, err := os.ReadFile(filepath.Join(root, folder, shared))
		if err != nil {
			continue // names only make labels nicer
		}
		files, _ := filepath.Glob(filepath.Join(root, folder, "*.lua"))
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			for _, text := range []string{string(body), string(head) + string(body)} {
				sum := sha1.Sum([]byte(text))
				name := filepath.Base(file)
				if folder != "journal" {
					name = folder + "/" + name
				}
				names[hex.EncodeToString(sum[:])] = name
			}
		}
	}
	return names
})
