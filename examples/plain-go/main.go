// A Temps plugin without an SDK: Go's standard library and PROTOCOL.md.
//
// It keeps a list of the deployments it is told about, asks the platform what their projects are
// called, and answers GET /deployments with the list. The text in brackets behind a sentence names
// the rules of schema/PROTOCOL.md that the code below it keeps.
//
// This file is its life, from start to exit.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	firstChannelLimit = 30 * time.Second
	drainLimit        = 10 * time.Second
	closeLimit        = time.Second
)

// A refusal says why the plugin does not start or go on. It is written to standard error.
type refusal string

func (r refusal) Error() string { return string(r) }

func main() {
	// Whatever prints writes to standard error from here on [IO-01, IO-05].
	handshake := os.Stdout
	os.Stdout = os.Stderr
	// Without this, a host that reads no standard error any more would end the process.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)

	arguments, err := parseArguments(os.Args[1:])
	if err == nil {
		for _, flag := range arguments.unknown {
			logLine("warning", "unknown flag "+flag) // Without its value [LA-12].
		}
		err = live(arguments, handshake, signals)
	}
	if err != nil {
		logLine("error", err.Error())
		os.Exit(1)
	}
}

// live is the whole life. It returns an error when that ends badly.
func live(arguments arguments, handshake *os.File, signals <-chan os.Signal) error {
	stop := obey(signals, arguments.socketPath)
	plugin, err := shakeHands(arguments, handshake, stop)
	if plugin == nil {
		return err // Signalled during the handshake if there is none [LC-14].
	}
	select {
	case <-stop:
	case <-plugin.channel.opened:
		<-stop // The limit is for the first channel only [CH-11].
	case <-time.After(firstChannelLimit):
		plugin.stop()
		return refusal("no channel was opened within 30 s of ready [CH-09]")
	}
	logLine("info", "stopping")
	plugin.stop()
	return nil
}

// obey says when to stop: at the first SIGTERM or SIGINT, which closes the channel it returns. The
// second one ends the process at once [LC-01, LC-02, LC-13].
func obey(signals <-chan os.Signal, socketPath string) <-chan struct{} {
	stop := make(chan struct{})
	go func() {
		<-signals
		close(stop)
		<-signals
		if info, err := os.Lstat(socketPath); err == nil && info.Mode()&os.ModeSocket != 0 {
			os.Remove(socketPath)
		}
		os.Exit(1)
	}()
	return stop
}

// shakeHands goes from the first line to the last [HS-17, HS-38]. It returns no plugin and no error
// when it was told to stop on the way.
func shakeHands(arguments arguments, handshake *os.File, stop <-chan struct{}) (*plugin, error) {
	if err := writeLine(handshake, firstLine(arguments.dialect())); err != nil {
		return nil, err
	}
	secret := arguments.authSecret
	if arguments.dialect() == 2 {
		line, err := readLaunchLine(os.Stdin, stop)
		if line == nil || err != nil {
			return nil, err
		}
		if secret, err = judgeLaunchLine(line); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(arguments.dataDir, 0o755); err != nil { // [LA-20, LA-21]
		return nil, refusal("no data directory at " + arguments.dataDir + ": " + err.Error())
	}
	listener, err := listen(arguments.socketPath)
	if err != nil {
		return nil, err
	}
	plugin := newPlugin(arguments, secret)
	plugin.serve(listener)
	if err := writeLine(handshake, readyLine(arguments.dialect())); err != nil {
		plugin.removeSocket()
		return nil, err
	}
	handshake.Close() // The rest of this life has no way to write to it [IO-01].
	return plugin, nil
}

// stop is the order that loses nothing [LC-03 to LC-11].
func (p *plugin) stop() {
	p.listener.Close()                   // [LC-03]
	p.server.SetKeepAlivesEnabled(false) // Idle connections count as nothing [LC-06].
	drained, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	p.underWay.wait(drained)        // [LC-04]
	p.events.underWay.wait(drained) // What was answered with 200 is handed over [HT-14].
	p.server.Close()                // [LC-05]
	p.deployments.save()            // This plugin's shutdown hook [LC-07].
	p.removeSocket()                // [LC-09]
	p.channel.close()               // [LC-10]
}
