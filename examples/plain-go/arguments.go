package main

import "strings"

// arguments is what the host said on the command line.
type arguments struct {
	socketPath string
	dataDir    string
	authSecret string
	withSecret bool
	unknown    []string
}

// dialect is 1 with the secret among the arguments, and 2 without [LA-08].
func (a arguments) dialect() int {
	if a.withSecret {
		return 1
	}
	return 2
}

// parseArguments reads flags in either spelling and passes over what it does not know [LA-09 to
// LA-11].
func parseArguments(words []string) (arguments, error) {
	known := map[string]bool{
		"--socket-path": true, "--data-dir": true, "--auth-secret": true,
		"--database-url": true, "--host-api-url": true,
	}
	found := map[string]string{}
	var unknown []string
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i], "=")
		switch {
		case known[flag]:
			if !joined && i+1 < len(words) && !strings.HasPrefix(words[i+1], "--") {
				i++
				value = words[i]
			}
			found[flag] = value
		case strings.HasPrefix(flag, "--"):
			unknown = append(unknown, flag)
		}
	}
	for _, flag := range []string{"--socket-path", "--data-dir"} {
		if found[flag] == "" {
			return arguments{}, refusal(flag + " or its value is missing: an absolute path [LA-13, LA-14]")
		}
	}
	secret, withSecret := found["--auth-secret"]
	if withSecret && secret == "" {
		return arguments{}, refusal("--auth-secret has no value: leave it out (dialect 2) or give the secret")
	}
	return arguments{found["--socket-path"], found["--data-dir"], secret, withSecret, unknown}, nil
}
