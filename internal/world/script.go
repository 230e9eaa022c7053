package world

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// scriptName finds the .lua file that a script was made of, by its text (EVAL)
// or its hash (EVALSHA); empty for asynq's own.
func scriptName(command, script string) string {
	if command == "EVAL" {
		sum := sha1.Sum([]byte(script))
		script = hex.EncodeToString(sum[:])
	}
	return scripts()[script]
}

// scripts maps the hash of every script of this module to its file's name. A
// script is a file, or the part that its folder's scripts share and a file.
var scripts = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
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
