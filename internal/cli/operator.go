package cli

import (
	"cmp"
	"os"
)

// Operator names who sits at the terminal, for a refund's history: USER@HOST,
// or "operator" where the user is not known.
func Operator(env func(string) (string, bool)) string {
	return cmp.Or(Person(env), "operator")
}

// Person names who sits at the terminal as Operator does, and is empty where
// the user is not known: nobody's name must stand for two people.
func Person(env func(string) (string, bool)) string {
	user, _ := env("USER")
	name, _ := env("LOGNAME")
	user = cmp.Or(user, name)
	if user == "" {
		return ""
	}
	if host, err := os.Hostname(); err == nil && host != "" {
		return user + "@" + host
	}
	return user
}
