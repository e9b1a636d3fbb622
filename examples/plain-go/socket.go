package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"syscall"
)

// socketPathBytes is what the operating system allows, the terminating NUL included [SO-04].
func socketPathBytes() int {
	if runtime.GOOS == "darwin" {
		return 104
	}
	return 108
}

// listen opens the socket at path, over what a former process left there [SO-01 to SO-05].
func listen(path string) (*net.UnixListener, error) {
	if limit := socketPathBytes(); len(path)+1 > limit {
		return nil, refusal(fmt.Sprintf(
			"the socket path %s is too long: with its NUL it may have %d bytes [SO-04]", path, limit))
	}
	if err := removeStaleSocket(path); err != nil {
		return nil, err
	}
	before := syscall.Umask(0o177) // Nobody else gets in, not even for the moment before a chmod.
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	syscall.Umask(before)
	if err == nil {
		err = os.Chmod(path, 0o600) // [SO-03]
	}
	if err != nil {
		return nil, refusal("can't listen at " + path + ": " + err.Error() + " [HS-39]")
	}
	// The file goes when draining is over, and not with the listener before it [LC-09].
	listener.SetUnlinkOnClose(false)
	return listener, nil
}

// removeStaleSocket removes a socket file, and nothing else [SO-02, SO-07].
func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // There is nothing, or binding will say what is the matter.
	}
	if info.Mode().Type() != fs.ModeSocket {
		return refusal(path + " is there already and is no socket: not removed [SO-07]")
	}
	if err := os.Remove(path); err != nil {
		return refusal("can't remove the socket a former process left: " + err.Error())
	}
	return nil
}
